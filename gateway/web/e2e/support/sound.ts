/**
 * Listens to what a page plays: how long the voice of a fake microphone was missing.
 *
 * **Invariant:** every 10 ms of the time listened to is judged once; time that could not be judged counts as silence.
 */
import type { Page } from "@playwright/test";

export interface Heard {
  /** The longest silence in each voice that was heard at all, ms, the shortest first. */
  gapsMs: number[];
  /** What the browser made up because packets were missing, ms over all tracks. */
  concealedMs: number;
}

/** Listens to everyone who is heard for `ms`. */
export async function listen(page: Page, ms: number): Promise<Heard> {
  return page.evaluate(async (ms) => {
    /** Judged at once. */
    const BLOCK_MS = 10;
    /** The voice peaks at 0.7, and comes through at a tenth of that at times; a silent track is at 0. */
    const LOUD = 0.01;
    const context = new AudioContext({ sampleRate: 48_000 });
    await context.resume();
    const block = (context.sampleRate * BLOCK_MS) / 1_000;
    const concealed = async () => {
      const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
      let samples = 0;
      (await connections.get("subscribe")?.getStats())?.forEach((entry: Record<string, unknown>) => {
        if (entry["type"] === "inbound-rtp" && entry["kind"] === "audio") samples += Number(entry["concealedSamples"] ?? 0);
      });
      return samples / 48;
    };
    const before = await concealed();
    const began = Math.floor(context.currentTime * context.sampleRate);
    const ears = [...document.querySelectorAll<HTMLAudioElement>("audio[data-slot]")].map((element) => {
      const analyser = context.createAnalyser();
      analyser.fftSize = 32_768;
      context.createMediaStreamSource(element.srcObject as MediaStream).connect(analyser);
      return { analyser, judged: 0, silence: 0, longest: 0, heard: false, data: new Float32Array(32_768) };
    });
    const judge = () => {
      for (const ear of ears) {
        const now = Math.floor(context.currentTime * context.sampleRate) - began;
        ear.analyser.getFloatTimeDomainData(ear.data);
        // The last sample of the data is the newest; what was overwritten before it was looked at is silence.
        while ((ear.judged + 1) * block <= now) {
          const from = ear.data.length - (now - ear.judged * block);
          let peak = 0;
          if (from >= 0) for (let i = from; i < from + block; i++) peak = Math.max(peak, Math.abs(ear.data[i]!));
          ear.judged += 1;
          if (peak >= LOUD) [ear.silence, ear.heard] = [0, true];
          else ear.silence += BLOCK_MS;
          // The source takes a moment to be connected: listening begins with the first sound.
          if (ear.heard) ear.longest = Math.max(ear.longest, ear.silence);
        }
      }
    };
    const timer = setInterval(judge, 100);
    await new Promise((resolve) => setTimeout(resolve, ms));
    clearInterval(timer);
    judge();
    const concealedMs = (await concealed()) - before;
    // Slots that carry nothing have an element too.
    const voices = ears.filter((ear) => ear.heard);
    const gapsMs = voices.map((ear) => ear.longest).sort((a, b) => a - b);
    await context.close();
    return { gapsMs, concealedMs };
  }, ms);
}

/** How far each face and its voice are apart, ms: of the pairs whose both halves are playing. */
export async function lipsApart(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
    const report = await connections.get("subscribe")?.getStats();
    const playout = new Map<string, number>();
    report?.forEach((entry: Record<string, unknown>) => {
      if (entry["type"] === "inbound-rtp" && entry["estimatedPlayoutTimestamp"]) {
        playout.set(String(entry["mid"]), Number(entry["estimatedPlayoutTimestamp"]));
      }
    });
    // The m-lines of a pair, a face and its voice, stand side by side.
    const lines = (connections.get("subscribe")?.getTransceivers() ?? []).map(({ mid }) => playout.get(mid ?? ""));
    const apart: number[] = [];
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const [seen, heard] = [lines[i], lines[i + 1]];
      if (heard && seen) apart.push(Math.abs(heard - seen));
    }
    return apart;
  });
}
