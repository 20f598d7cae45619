/**
 * Which way sound and picture go between people, and what a page shows and plays over a change of it.
 *
 * **Invariant:** the way is told by the browser's own statistics, not by what the client says of itself.
 */
import type { Page } from "@playwright/test";

import { FRAMES } from "./clip";
import { counterReader } from "./counter";

interface Debug {
  __rookery: { connections: Map<string, RTCPeerConnection> };
}

export interface Ways {
  /** Pictures and sounds decoded from each way within half a second, in frames and packets. */
  direct: { frames: number; packets: number };
  server: { frames: number; packets: number };
  /** Whether there is a direct link at all, of use or not. */
  link: boolean;
  /** The port and kind of the other end of the direct link's chosen pair, where there is one. */
  remote: { port: number; kind: string; local: string } | null;
}

/** What arrives by each way. */
export async function ways(page: Page): Promise<Ways> {
  return page.evaluate(async () => {
    const { connections } = (window as unknown as Debug).__rookery;
    const read = async (name: string) => {
      let [frames, packets] = [0, 0];
      (await connections.get(name)?.getStats())?.forEach((entry: Record<string, unknown>) => {
        if (entry["type"] !== "inbound-rtp") return;
        frames += Number(entry["framesDecoded"] ?? 0);
        packets += Number(entry["packetsReceived"] ?? 0);
      });
      return { frames, packets };
    };
    const before = { direct: await read("direct"), server: await read("subscribe") };
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = { direct: await read("direct"), server: await read("subscribe") };
    const less = (a: { frames: number; packets: number }, b: { frames: number; packets: number }) => ({ frames: a.frames - b.frames, packets: a.packets - b.packets });
    const all = new Map<string, Record<string, unknown>>();
    (await connections.get("direct")?.getStats())?.forEach((entry: Record<string, unknown>) => all.set(String(entry["id"]), entry));
    const transport = [...all.values()].find((entry) => entry["type"] === "transport");
    const pair = all.get(String(transport?.["selectedCandidatePairId"]));
    const [there, here] = [all.get(String(pair?.["remoteCandidateId"])), all.get(String(pair?.["localCandidateId"]))];
    const remote = there ? { port: Number(there["port"]), kind: String(there["candidateType"]), local: String(here?.["candidateType"]) } : null;
    return { direct: less(after.direct, before.direct), server: less(after.server, before.server), link: connections.has("direct"), remote };
  });
}

/** What a person notices while something is changed. */
export interface Noticed {
  /** The longest time between two new pictures of the first other person, ms. */
  pictureGapMs: number;
  /** The longest time without any sound being played, ms. */
  soundGapMs: number;
  /** The longest time during which two ways of the same voice were heard at once, ms. */
  twiceMs: number;
  /** New pictures whose counter could be read, and those that went back. */
  pictures: number;
  back: number;
}

interface Watching {
  __noticed: () => Noticed;
}

/** Begins to look and listen; `noticed` ends it. */
export async function beginNoticing(page: Page): Promise<void> {
  const read = await counterReader(page);
  await page.evaluate(
    async ({ read, FRAMES }) => {
      const seen = { pictureGapMs: 0, soundGapMs: 0, twiceMs: 0, pictures: 0, back: 0 };
      const video = document.querySelector<HTMLVideoElement>("video[data-peer]")!;
      let last = performance.now();
      let number: number | undefined;
      let ended = false;
      const frame = (now: number): void => {
        if (ended) return;
        const next = read(video);
        if (next !== undefined && next !== number) {
          seen.pictureGapMs = Math.max(seen.pictureGapMs, now - last);
          last = now;
          const step = number === undefined ? 1 : (next - number + FRAMES) % FRAMES;
          if (step > FRAMES / 2) seen.back += 1;
          number = next;
          seen.pictures += 1;
        }
        video.requestVideoFrameCallback(frame);
      };
      video.requestVideoFrameCallback(frame);

      /** Every voice that plays, and from when to when it was unheard, on the clock of the samples. */
      const BLOCK_MS = 10;
      const context = new AudioContext({ sampleRate: 48_000 });
      await context.resume();
      const block = (context.sampleRate * BLOCK_MS) / 1_000;
      interface Ear {
        analyser: AnalyserNode;
        judged: number;
        switched: { at: number; muted: boolean }[];
        data: Float32Array<ArrayBuffer>;
      }
      const ears = new Map<HTMLAudioElement, Ear>();
      /** How many voices were heard in each block. */
      const voices: number[] = [];
      const blocks = (): number => Math.floor((context.currentTime * context.sampleRate) / block);
      const began = blocks();
      const muted = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "muted")!;
      Object.defineProperty(HTMLMediaElement.prototype, "muted", {
        ...muted,
        set(this: HTMLAudioElement, is: boolean) {
          ears.get(this)?.switched.push({ at: blocks(), muted: is });
          muted.set!.call(this, is);
        },
      });
      const attach = (): void => {
        for (const element of document.querySelectorAll<HTMLAudioElement>("audio[data-slot]")) {
          const stream = element.srcObject as MediaStream | null;
          if (!stream || ears.has(element)) continue;
          const analyser = context.createAnalyser();
          analyser.fftSize = 32_768;
          context.createMediaStreamSource(stream).connect(analyser);
          ears.set(element, { analyser, judged: blocks(), switched: [{ at: 0, muted: element.muted }], data: new Float32Array(32_768) });
        }
      };
      const judge = (): void => {
        attach();
        for (const ear of ears.values()) {
          const now = Math.floor(context.currentTime * context.sampleRate);
          ear.analyser.getFloatTimeDomainData(ear.data);
          for (; (ear.judged + 1) * block <= now; ear.judged += 1) {
            const from = ear.data.length - (now - ear.judged * block);
            const unheard = ear.switched.findLast(({ at }) => at <= ear.judged)?.muted ?? false;
            let peak = 0;
            if (from >= 0 && !unheard) for (let i = from; i < from + block; i++) peak = Math.max(peak, Math.abs(ear.data[i]!));
            const place = ear.judged - began;
            voices[place] = (voices[place] ?? 0) + (peak >= 0.01 ? 1 : 0);
          }
        }
      };
      const listen = setInterval(judge, 100);
      (window as unknown as Watching).__noticed = () => {
        ended = true;
        clearInterval(listen);
        judge();
        Object.defineProperty(HTMLMediaElement.prototype, "muted", muted);
        seen.pictureGapMs = Math.max(seen.pictureGapMs, performance.now() - last);
        const longest = (is: (count: number) => boolean): number => {
          let [run, most] = [0, 0];
          // Listening begins with the first sound: the ears take a moment to be connected.
          for (let i = Math.max(0, voices.findIndex((count) => count > 0)); i < voices.length; i += 1) most = Math.max(most, (run = is(voices[i] ?? 0) ? run + 1 : 0));
          return most * BLOCK_MS;
        };
        seen.soundGapMs = voices.some((count) => count > 0) ? longest((count) => count === 0) : Infinity;
        seen.twiceMs = longest((count) => count > 1);
        void context.close();
        return { ...seen };
      };
    },
    { read, FRAMES },
  );
}

export async function noticed(page: Page): Promise<Noticed> {
  return page.evaluate(() => (window as unknown as Watching).__noticed());
}
