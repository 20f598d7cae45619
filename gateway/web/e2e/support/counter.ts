/**
 * Reads the number that the fake camera burned into each frame back from what a <video> shows.
 *
 * **Invariant:** a number is reported only if the row of blocks and its inverted copy agree.
 */
import type { Locator, Page } from "@playwright/test";

import { BITS, BLOCK, FRAMES, HEIGHT, WIDTH } from "./clip";

export interface Watched {
  /** Numbers in the order in which they were presented. */
  numbers: number[];
  /** Frames that carried no readable number. */
  unreadable: number;
  /** The longest time between two presented frames, ms. */
  gapMs: number;
  /** Pixels of the last frame. */
  width: number;
  height: number;
}

/** Makes, in the page, what reads the number off a <video>: undefined where there is none. */
export function counterReader(page: Page) {
  return page.evaluateHandle(
    ({ BITS, BLOCK, WIDTH, HEIGHT }) => {
      const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
      const pen = canvas.getContext("2d", { willReadFrequently: true })!;
      const bright = (x: number, y: number): boolean => pen.getImageData(x, y, 1, 1).data[1]! > 127;
      return (video: HTMLVideoElement): number | undefined => {
        pen.drawImage(video, 0, 0, WIDTH, HEIGHT);
        let number = 0;
        for (let bit = 0; bit < BITS; bit += 1) {
          const x = bit * BLOCK + BLOCK / 2;
          const on = bright(x, BLOCK / 2);
          if (on === bright(x, BLOCK * 1.5)) return undefined;
          if (on) number += 2 ** bit;
        }
        return number;
      };
    },
    { BITS, BLOCK, WIDTH, HEIGHT },
  );
}

/** Watches a <video> for `ms`. */
export async function watch(video: Locator, ms: number): Promise<Watched> {
  const read = await counterReader(video.page());
  return video.evaluate(
    (element, { ms, read }) =>
      new Promise<Watched>((resolve) => {
        const video = element as HTMLVideoElement;
        const seen: Watched = { numbers: [], unreadable: 0, gapMs: 0, width: 0, height: 0 };
        let last = performance.now();
        let ended = false;
        const frame = (now: number) => {
          if (ended) return;
          seen.gapMs = Math.max(seen.gapMs, now - last);
          last = now;
          const number = read(video);
          if (number === undefined) seen.unreadable++;
          else seen.numbers.push(number);
          [seen.width, seen.height] = [video.videoWidth, video.videoHeight];
          video.requestVideoFrameCallback(frame);
        };
        video.requestVideoFrameCallback(frame);
        setTimeout(() => {
          ended = true;
          seen.gapMs = Math.max(seen.gapMs, performance.now() - last);
          resolve(seen);
        }, ms);
      }),
    { ms, read },
  );
}

/** How many steps forward the numbers made, and how many back: the clip's loop counts as forward. */
export function steps(numbers: number[]): { forward: number; back: number } {
  let [forward, back] = [0, 0];
  for (let i = 1; i < numbers.length; i++) {
    const step = (numbers[i]! - numbers[i - 1]! + FRAMES) % FRAMES;
    if (step > 0 && step < FRAMES / 2) forward++;
    else if (step !== 0) back++;
  }
  return { forward, back };
}
