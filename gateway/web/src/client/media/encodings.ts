/**
 * In how many sizes a picture is sent, at most at which rate, and what gives way on a narrow line. Pure.
 *
 * **Invariant:** layers are named q, h and f, smallest first, which is the order in which the server reads them.
 */
import type { SourceKind } from "../protocol/generated";

/** The mode is not in every browser's types, nor in every browser. */
export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** Full rate of a 720p camera; the server's feedback decides how much of it is used. */
const CAMERA_BITS_MAX = 2_500_000;

/** How a shared screen is sent; each share for itself. */
export interface ScreenTuning {
  bitsMax: number;
  framesMax: number;
  /** What is kept when the line or the machine is too slow for both. */
  keeps: RTCDegradationPreference;
}

/** Text has to be read: few pictures, each sharp, which cost next to nothing while nothing moves. */
const SHARP: ScreenTuning = { bitsMax: 3_000_000, framesMax: 15, keeps: "maintain-resolution" };
/** A film has to move. */
const SMOOTH: ScreenTuning = { bitsMax: 4_000_000, framesMax: 30, keeps: "maintain-framerate" };

/** By what its track says that it shows. */
export function screenTuning(contentHint: string): ScreenTuning {
  return contentHint === "motion" ? SMOOTH : SHARP;
}

/** From this height on a camera is sent in three sizes, and from the lower one in two: smaller copies help nobody. */
const THREE_FROM_PX = 540;
const TWO_FROM_PX = 360;

/** Sent in several sizes by every browser that has them. */
const LAYERED: ReadonlySet<string> = new Set(["video/vp8", "video/h264"]);
/** These as well, where the browser knows the mode that makes a stream of its own of each size. Without it sizes are nested in one. */
const LAYERED_BY_MODE: ReadonlySet<string> = new Set(["video/vp9", "video/av1"]);
const ONE_STREAM_EACH = "L1T1";

const q: Encoding = { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 };
const h: Encoding = { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 600_000 };
const f: Encoding = { rid: "f", scaleResolutionDownBy: 1, maxBitrate: CAMERA_BITS_MAX };

/** `height` of the captured picture, px; `codec` as a mime type, undefined for the browser's first choice, which is VP8; `hint` is the track's. */
export function encodingsFor(source: SourceKind, height: number, codec: string | undefined, hint = ""): Encoding[] {
  if (source === "screen") {
    const { bitsMax, framesMax } = screenTuning(hint);
    return [{ maxBitrate: bitsMax, maxFramerate: framesMax }];
  }
  const name = (codec ?? "video/vp8").toLowerCase();
  const byMode = LAYERED_BY_MODE.has(name);
  if (height < TWO_FROM_PX || (!byMode && !LAYERED.has(name))) return [{ maxBitrate: CAMERA_BITS_MAX }];
  return (height >= THREE_FROM_PX ? [q, h, f] : [h, f]).map((encoding) => ({ ...encoding, ...(byMode ? { scalabilityMode: ONE_STREAM_EACH } : {}) }));
}

/** Whether a browser has taken the encodings as they were meant; else one size is to be sent. */
export function understood(sent: readonly Encoding[], taken: readonly Encoding[]): boolean {
  return sent.every(({ scalabilityMode }, i) => scalabilityMode === undefined || taken[i]?.scalabilityMode === scalabilityMode);
}
