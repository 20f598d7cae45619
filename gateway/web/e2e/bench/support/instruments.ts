/**
 * A camera whose frames say when they were drawn, a microphone whose tones say when they began, and what sees and hears them at
 * the other end.
 *
 * A frame's time is taken before it is drawn and handed to the browser as a camera's driver would hand it; it is seen when the
 * browser expects it on the display (`requestVideoFrameCallback`), read off the decoded picture itself. A tone begins where its
 * first sample is made on the sender's audio thread, and is heard when the receiver's track gives the first loud one to be played.
 *
 * **Invariant:** all times are of the machine's one wall clock, whichever page takes them.
 */
import type { BrowserContext, Page } from "@playwright/test";

import { BITS } from "../../support/clip";
import { counterReader } from "../../support/counter";
import type { Sent } from "./spread";

/** 640 x 360 at 30 a second: enough for two layers, and what two cores encode and decode beside everything else. */
export const CAMERA = { width: 640, height: 360, fps: 30 };
/** Time between two frames of one number. */
export const NUMBERS_MS = (2 ** BITS / CAMERA.fps) * 1_000;
/** Between the beginnings of two tones, so that each can be told by its time alone; a delay is less than the shorter. */
export const TONES_MS = { least: 700, most: 1_000 };

interface Shown extends Sent {
  /** When its last packet had come. */
  received: number | undefined;
}

export interface Taken {
  drawn: Sent[];
  shown: Shown[];
  begun: number[];
  heard: number[];
  /** Frames without a readable number. */
  unreadable: number;
}

interface Instruments {
  camera(): MediaStreamTrack;
  microphone(): Promise<MediaStreamTrack>;
  watch(video: HTMLVideoElement, read: (video: HTMLVideoElement) => number | undefined): void;
  hear(stream: MediaStream): void;
  take(): Taken;
}

export interface Equipped {
  __bench: Instruments;
}

/** Which of the devices that a page is given are instruments; the others are the browser's own. */
export type Devices = "none" | "camera" | "both";

/** Puts the instruments into every page of a context. */
export async function equip(context: BrowserContext, devices: Devices): Promise<void> {
  await context.addInitScript(install, { CAMERA, BITS, TONES_MS, devices });
}

/** Watches the first other person's picture, and listens to whoever is heard. */
export async function beginTaking(page: Page): Promise<void> {
  const read = await counterReader(page);
  await page.evaluate((read) => {
    const { __bench } = window as unknown as Equipped;
    __bench.watch(document.querySelector<HTMLVideoElement>("video[data-peer]")!, read);
    // Of two ways that bring one voice, one is played.
    for (const element of document.querySelectorAll<HTMLAudioElement>("audio[data-slot]")) if (!element.muted) __bench.hear(element.srcObject as MediaStream);
  }, read);
}

export function taken(page: Page): Promise<Taken> {
  return page.evaluate(() => (window as unknown as Equipped).__bench.take());
}

function install({ CAMERA, BITS, TONES_MS, devices }: { CAMERA: { width: number; height: number; fps: number }; BITS: number; TONES_MS: { least: number; most: number }; devices: Devices }): void {
  const data: Taken = { drawn: [], shown: [], begun: [], heard: [], unreadable: 0 };

  /** What is to be added to `performance.now()`: the moment at which `Date.now()` steps on is seen late or in time, never early. */
  const origin = (): number => {
    let most = -Infinity;
    for (let i = 0; i < 12; i += 1) {
      const before = Date.now();
      let date = before;
      while (date === before) date = Date.now();
      most = Math.max(most, date - performance.now());
    }
    return most;
  };

  const camera = (): MediaStreamTrack => {
    const { width, height, fps } = CAMERA;
    const Generator = (window as unknown as { MediaStreamTrackGenerator: new (of: { kind: "video" }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> } }).MediaStreamTrackGenerator;
    const track = new Generator({ kind: "video" });
    const writer = track.writable.getWriter();
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d", { willReadFrequently: true, alpha: false })!;
    const block = width / BITS;
    let number = 0;
    const draw = (): void => {
      const at = performance.now();
      number = (number + 1) % 2 ** BITS;
      pen.fillStyle = `hsl(${number % 360} 40% 45%)`;
      pen.fillRect(0, 2 * block, width, height - 2 * block);
      pen.fillStyle = "#ddd";
      pen.fillRect((number * 7) % (width - 80), 2 * block + ((number * 3) % (height - 2 * block - 80)), 80, 80);
      for (let bit = 0; bit < BITS; bit += 1) {
        const on = Math.floor(number / 2 ** bit) % 2 === 1;
        pen.fillStyle = on ? "#fff" : "#000";
        pen.fillRect(bit * block, 0, block, block);
        pen.fillStyle = on ? "#000" : "#fff";
        pen.fillRect(bit * block, block, block, block);
      }
      data.drawn.push({ number, at });
      void writer.write(new VideoFrame(canvas, { timestamp: Math.round(at * 1_000) })).catch(() => clearInterval(timer));
    };
    const timer = setInterval(draw, 1_000 / fps);
    const settings = track.getSettings.bind(track);
    track.getSettings = () => ({ ...settings(), width, height, frameRate: fps });
    return track;
  };

  /** Tones, on the audio thread, where `Date.now()` is all the time there is. */
  const worklet = `
    registerProcessor("tone", class extends AudioWorkletProcessor {
      constructor() { super(); this.next = currentFrame + sampleRate; this.from = -1; }
      process(inputs, outputs) {
        const now = Date.now();
        const out = outputs[0][0];
        for (let i = 0; i < out.length; i += 1) {
          const frame = currentFrame + i;
          if (frame >= this.next) {
            this.from = frame;
            this.next = frame + Math.round((${TONES_MS.least} + Math.random() * ${TONES_MS.most - TONES_MS.least}) / 1000 * sampleRate);
            this.port.postMessage(now + (i / sampleRate) * 1000);
          }
          const since = frame - this.from;
          out[i] = this.from >= 0 && since < 0.06 * sampleRate ? 0.5 * Math.cos(2 * Math.PI * 1000 * since / sampleRate) : 0;
        }
        return true;
      }
    });`;
  let prepared: Promise<AudioContext> | undefined;
  const audio = (): Promise<AudioContext> =>
    (prepared ??= (async () => {
      const context = new AudioContext({ sampleRate: 48_000, latencyHint: "interactive" });
      await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: "text/javascript" })));
      await context.resume();
      return context;
    })());

  const microphone = async (): Promise<MediaStreamTrack> => {
    const context = await audio();
    const tone = new AudioWorkletNode(context, "tone", { numberOfInputs: 0, outputChannelCount: [1] });
    tone.port.onmessage = ({ data: at }: MessageEvent<number>) => data.begun.push(at);
    const out = context.createMediaStreamDestination();
    out.channelCount = 1;
    tone.connect(out);
    return out.stream.getAudioTracks()[0]!;
  };

  /** Reads what a track plays as it is given to be played: the audio thread would take it from a queue that a stall leaves long. */
  const hear = (stream: MediaStream): void => {
    const [track] = stream.getAudioTracks();
    const Processor = (window as unknown as { MediaStreamTrackProcessor: new (of: { track: MediaStreamTrack }) => { readable: ReadableStream<AudioData> } }).MediaStreamTrackProcessor;
    const reader = new Processor({ track: track! }).readable.getReader();
    let quiet = 0;
    const next = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const now = performance.now();
        const { numberOfFrames, sampleRate } = value;
        const samples = new Float32Array(numberOfFrames);
        value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        value.close();
        samples.forEach((sample, i) => {
          quiet += 1;
          if (Math.abs(sample) < 0.05) return;
          if (quiet > 0.2 * sampleRate) data.heard.push(now + (i * 1_000) / sampleRate);
          quiet = 0;
        });
      }
    };
    void next();
  };

  const watch = (video: HTMLVideoElement, read: (video: HTMLVideoElement) => number | undefined): void => {
    let before = -1;
    const frame = (_: number, about: VideoFrameCallbackMetadata): void => {
      const number = read(video);
      // What was read may be newer than what this was called for: it is not on the display before it was read.
      const at = Math.max(about.expectedDisplayTime, performance.now());
      if (number === undefined) data.unreadable += 1;
      else if (number !== before) data.shown.push({ number, at, received: (about as { receiveTime?: number }).receiveTime });
      before = number ?? before;
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
  };

  const take = (): Taken => {
    const more = origin();
    const drawn = data.drawn.splice(0).map(({ number, at }) => ({ number, at: at + more }));
    const shown = data.shown.splice(0).map(({ number, at, received }) => ({ number, at: at + more, received: received === undefined ? undefined : received + more }));
    const heard = data.heard.splice(0).map((at) => at + more);
    return { drawn, shown, begun: data.begun.splice(0), heard, unreadable: data.unreadable };
  };

  (window as unknown as Equipped).__bench = { camera, microphone, watch, hear, take };
  if (devices === "none" || !navigator.mediaDevices) return;
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = wanted?.audio && devices === "camera" ? await real({ audio: wanted.audio }) : new MediaStream();
    if (wanted?.audio && devices === "both") stream.addTrack(await microphone());
    if (wanted?.video) stream.addTrack(camera());
    return stream;
  };
}
