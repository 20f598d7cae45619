/**
 * People of the load generator's making who fill a room: each sends a real picture in VP8 and a voice, and takes nothing.
 *
 * **Invariant:** they are ended by their process' id, and their pictures are encoded once and before.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

import { artifacts } from "../../support/chromium";
import { FPS, makeClips } from "../../support/clip";

const BINARY = process.env["ROOKERY_LOADTEST_BIN"] ?? join(import.meta.dirname, "../../../../../target/debug/rookery-loadtest");
/** Longer than any bench. */
const SECONDS = 600;

export class Crowd {
  private constructor(private readonly child: ChildProcess) {}

  /** Lets `people` into a room of the node at `url`. */
  static enter(url: string, slug: string, people: number): Crowd {
    const options = [
      ...["--url", url, "--room", slug, "--peers", String(people), "--seconds", String(SECONDS)],
      ...["--clip", clip(), "--fps", String(FPS), "--send-only"],
    ];
    return new Crowd(spawn(BINARY, options, { stdio: ["ignore", "ignore", "inherit"] }));
  }

  async leave(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null) throw new Error(`the crowd left by itself: ${child.exitCode}`);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

/** What a camera's smallest layer looks like: 320 x 180 at 150 kbit/s, a key frame every two seconds. */
function clip(): string {
  return made("ivf", [
    ...["-i", makeClips(folder).video, "-c:v", "libvpx", "-b:v", "150k", "-g", String(2 * FPS), "-auto-alt-ref", "0"],
    ...["-error-resilient", "1", "-deadline", "realtime", "-cpu-used", "4"],
  ]);
}

/** The same frames as a file that a <video> plays by itself. */
export function film(): Buffer {
  return readFileSync(made("webm", ["-i", clip(), "-c", "copy"]));
}

const folder = join(artifacts, "clips");

function made(kind: string, how: string[]): string {
  const to = join(folder, `crowd.${kind}`);
  if (existsSync(to)) return to;
  const unfinished = `${to}.part`;
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", ...how, "-f", kind, unfinished]);
  renameSync(unfinished, to);
  return to;
}
