/**
 * The fake camera and microphone: a clip whose frames carry their own number, and something like a voice.
 *
 * The number is drawn as a row of black and white blocks and, below it, the same row inverted: a frame that was decoded
 * wrongly does not pass for another one.
 *
 * **Invariant:** frame i of the clip shows the number i in `BITS` blocks, the lowest bit at the left.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";

export const WIDTH = 320;
export const HEIGHT = 180;
export const FPS = 15;
/** Blocks of 32 pixels: 1,024 frames, more than the clip has. */
export const BITS = 10;
export const BLOCK = WIDTH / BITS;
/** The clip plays in a loop of this many frames, 20 s. */
export const FRAMES = FPS * 20;

export interface Clips {
  video: string;
  audio: string;
}

/** Makes both files in `folder` unless they are there. */
export function makeClips(folder: string): Clips {
  mkdirSync(folder, { recursive: true });
  const video = join(folder, "counter.y4m");
  const audio = join(folder, "voice.wav");
  if (!existsSync(video)) {
    const bit = `mod(floor(N/pow(2,floor(X/${BLOCK}))),2)`;
    const luma = `if(lt(Y,${BLOCK}),16+219*${bit},if(lt(Y,${2 * BLOCK}),235-219*${bit},lum(X,Y)))`;
    // Colour planes have half the height: grey where the blocks are.
    const grey = (plane: string) => `if(lt(Y,${BLOCK}),128,${plane}(X,Y))`;
    ffmpeg([
      ...["-f", "lavfi", "-i", `testsrc2=size=${WIDTH}x${HEIGHT}:rate=${FPS}`],
      ...["-frames:v", String(FRAMES), "-vf", `format=yuv420p,geq=lum='${luma}':cb='${grey("cb")}':cr='${grey("cr")}'`],
      ...["-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe"],
    ], video);
  }
  if (!existsSync(audio)) {
    // Its pitch moves like a voice's: a steady tone would be taken for noise by the browser, and suppressed.
    const voice = "0.7*sin(2*PI*300*t+60*sin(2*PI*2*t)+25*sin(2*PI*5*t))";
    ffmpeg(["-f", "lavfi", "-i", `aevalsrc=exprs='${voice}':s=48000:d=20`, "-f", "wav"], audio);
  }
  return { video, audio };
}

/** A half-written file must not be taken for a clip by the next run. */
function ffmpeg(args: string[], to: string): void {
  const unfinished = `${to}.part`;
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", ...args, unfinished]);
  renameSync(unfinished, to);
}
