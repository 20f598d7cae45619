/**
 * Layers of a picture: a camera large enough to have several, whose every frame carries its number, and a viewer that asks for
 * one size after the other.
 *
 * **Invariant:** a switch counts when the decoded pictures have changed their width, not when somebody says so.
 */
import type { BrowserContext, Page } from "@playwright/test";

import { BITS } from "./clip";
import { counterReader } from "./counter";

/** Numbers begin anew after this many frames. */
const NUMBERS = 2 ** BITS;

export interface Camera {
  width: number;
  height: number;
  fps: number;
}

/** Puts a camera of its own into a page before it begins. */
export async function numberedCamera(context: BrowserContext, camera: Camera): Promise<void> {
  await context.addInitScript(
    ({ width, height, fps, BITS, NUMBERS }) => {
      const devices = navigator.mediaDevices;
      const real = devices.getUserMedia.bind(devices);
      const block = width / BITS;
      const made = (): MediaStreamTrack => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [width, height];
        const g = canvas.getContext("2d")!;
        let k = 0;
        const draw = (): void => {
          k += 1;
          for (let i = 0; i < 8; i += 1) {
            g.fillStyle = `hsl(${(k * 2 + i * 45) % 360} 55% 45%)`;
            g.fillRect((i * width) / 8, 2 * block, width / 8, height);
          }
          g.fillStyle = "#fff";
          g.fillRect((k * 7) % width, 2 * block + ((k * 5) % (height - 3 * block)), block, block);
          for (let bit = 0; bit < BITS; bit += 1) {
            const on = Math.floor((k % NUMBERS) / 2 ** bit) % 2 === 1;
            g.fillStyle = on ? "#fff" : "#000";
            g.fillRect(bit * block, 0, block, block);
            g.fillStyle = on ? "#000" : "#fff";
            g.fillRect(bit * block, block, block, block);
          }
        };
        setInterval(draw, 1_000 / fps);
        draw();
        const [track] = canvas.captureStream().getVideoTracks();
        const settings = track!.getSettings.bind(track);
        track!.getSettings = () => ({ ...settings(), width, height });
        return track!;
      };
      devices.getUserMedia = async (wanted) => {
        const stream = wanted?.audio ? await real({ audio: wanted.audio }) : new MediaStream();
        if (wanted?.video) stream.addTrack(made());
        return stream;
      };
    },
    { ...camera, BITS, NUMBERS },
  );
}

export interface Switched {
  /** From asking for a size to the first picture of another one, each time, ms. */
  tookMs: number[];
  /** The longest time between two presented frames, and between two that showed something new, ms. */
  gapMs: number;
  frames: number;
  /** By how many numbers each picture was earlier that was earlier than the one before it; and how many could not be read. */
  back: number[];
  unreadable: number;
  /** Widths in the order of their coming. */
  widths: number[];
}

interface Debug {
  __rookery: { session: { layout(tiles: readonly { peer: string; width: number; height: number }[]): void } };
}

/**
 * Asks for each of these sizes in turn, by the client's own call for it, and goes on as soon as pictures of another size are
 * shown. `larger` says in which direction.
 */
export async function switchSizes(page: Page, sizes: readonly { width: number; height: number; larger: boolean }[], withinMs: number): Promise<Switched> {
  const read = await counterReader(page);
  return page.evaluate(
    async ({ sizes, withinMs, NUMBERS, read }) => {
      const video = document.querySelector<HTMLVideoElement>("video[data-peer]")!;
      const peer = video.dataset["peer"]!;
      const { session } = (window as unknown as Debug).__rookery;
      const layout = session.layout.bind(session);
      // The page's own layout stays out of it for as long as this lasts.
      session.layout = () => undefined;
      const seen: Switched = { tookMs: [], gapMs: 0, frames: 0, back: [], unreadable: 0, widths: [video.videoWidth] };
      let [last, before, ended] = [performance.now(), undefined as number | undefined, false];
      let changed: (() => void) | undefined;
      const frame = (now: number, { width }: { width: number }): void => {
        if (ended) return;
        seen.frames += 1;
        const number = read(video);
        if (number === undefined) seen.unreadable += 1;
        else if (number !== before) {
          const ahead = before === undefined ? 1 : (number - before + NUMBERS) % NUMBERS;
          if (ahead > NUMBERS / 2) seen.back.push(NUMBERS - ahead);
          seen.gapMs = Math.max(seen.gapMs, now - last);
          [last, before] = [now, number];
        }
        if (width !== seen.widths.at(-1)) {
          seen.widths.push(width);
          changed?.();
        }
        video.requestVideoFrameCallback(frame);
      };
      video.requestVideoFrameCallback(frame);
      const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
      for (const { larger, ...size } of sizes) {
        const from = seen.widths.at(-1)!;
        const began = performance.now();
        const done = new Promise<boolean>((resolve) => {
          changed = () => (larger ? seen.widths.at(-1)! > from : seen.widths.at(-1)! < from) && resolve(true);
          setTimeout(() => resolve(false), withinMs);
        });
        layout([{ peer, ...size }]);
        if (!(await done)) break;
        seen.tookMs.push(performance.now() - began);
        await pause(50);
      }
      ended = true;
      seen.gapMs = Math.max(seen.gapMs, performance.now() - last);
      return seen;
    },
    { sizes, withinMs, NUMBERS, read },
  );
}

/** The layers that go out, by name, with their height. */
export const layersSent = (page: Page): Promise<Record<string, number>> =>
  page.evaluate(async () => {
    const report = await (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery.connections.get("publish")?.getStats();
    const sent: Record<string, number> = {};
    report?.forEach((entry: Record<string, unknown>) => {
      if (entry["type"] === "outbound-rtp" && entry["kind"] === "video" && Number(entry["framesPerSecond"] ?? 0) > 0) sent[String(entry["rid"] ?? "")] = Number(entry["frameHeight"]);
    });
    return sent;
  });

/** What share of values is at most the result, 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN);
}
