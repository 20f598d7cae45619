/**
 * What a browser has decoded of a track, and how loud it is.
 *
 * **Invariant:** counts only grow, and only by what really arrived: what was made up for lost packets is not counted.
 */

/** Sound counts as arriving after this many samples, 100 ms: enough that what comes next comes in time. */
const SAMPLES_ENOUGH = 4_800;
/** Levels of RFC 6464, turned round: 0 silent, 127 loudest. */
const LEVEL_MAX = 127;

export interface Decoded {
  /** Frames of a picture, samples of a sound. */
  count: number;
  /** Whether it can be shown. */
  enough: boolean;
}

export async function decodedBy(receiver: RTCRtpReceiver): Promise<Decoded> {
  let frames = 0;
  let samples = 0;
  const report = await receiver.getStats().catch(() => undefined);
  report?.forEach((entry: Record<string, unknown>) => {
    if (entry["type"] !== "inbound-rtp") return;
    frames += numberIn(entry, "framesDecoded");
    samples += numberIn(entry, "jitterBufferEmittedCount");
  });
  return receiver.track.kind === "video" ? { count: frames, enough: frames > 0 } : { count: samples, enough: samples >= SAMPLES_ENOUGH };
}

/** How loud a received track is, 0 to 127. */
export function levelOf(receiver: RTCRtpReceiver): number {
  return onScale(receiver.getSynchronizationSources()[0]?.audioLevel ?? 0);
}

/** How loud a sent track is, 0 to 127. */
export async function sentLevel(sender: RTCRtpSender): Promise<number> {
  let level = 0;
  const report = await sender.getStats().catch(() => undefined);
  report?.forEach((entry: Record<string, unknown>) => {
    if (entry["type"] === "media-source") level = Math.max(level, numberIn(entry, "audioLevel"));
  });
  return onScale(level);
}

/** From 0 to 1 of full scale to 127 + dBov. */
export function onScale(level: number): number {
  if (level <= 0) return 0;
  return Math.max(0, Math.min(LEVEL_MAX, Math.round(LEVEL_MAX + 20 * Math.log10(level))));
}

function numberIn(entry: Record<string, unknown>, key: string): number {
  const value = entry[key];
  return typeof value === "number" ? value : 0;
}
