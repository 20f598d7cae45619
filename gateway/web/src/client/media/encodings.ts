/**
 * In how many sizes a picture is sent, and at most at which rate. Pure.
 *
 * **Invariant:** layers are named q, h and f, smallest first, which is the order in which the server reads them.
 */
import type { SourceKind } from "../protocol/generated";

/** Full rate of a 720p camera; the server's feedback decides how much of it is used. */
const CAMERA_BITS_MAX = 2_500_000;
/** Text on a shared screen has to be read; most of the time it costs next to nothing. */
const SCREEN_BITS_MAX = 3_000_000;

/** From this height on a camera is sent in three sizes, and from the lower one in two: smaller copies help nobody. */
const THREE_FROM_PX = 540;
const TWO_FROM_PX = 360;

/** Chromium and the server's switching agree on layers for these; the others are sent in one size. */
const LAYERED: ReadonlySet<string> = new Set(["video/vp8", "video/h264"]);

const q: RTCRtpEncodingParameters = { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 };
const h: RTCRtpEncodingParameters = { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 600_000 };
const f: RTCRtpEncodingParameters = { rid: "f", scaleResolutionDownBy: 1, maxBitrate: CAMERA_BITS_MAX };

/** `height` of the captured picture, px; `codec` as a mime type, undefined for the browser's first choice, which is VP8. */
export function encodingsFor(source: SourceKind, height: number, codec: string | undefined): RTCRtpEncodingParameters[] {
  if (source === "screen") return [{ maxBitrate: SCREEN_BITS_MAX }];
  const layered = LAYERED.has((codec ?? "video/vp8").toLowerCase());
  if (!layered || height < TWO_FROM_PX) return [{ maxBitrate: CAMERA_BITS_MAX }];
  return (height >= THREE_FROM_PX ? [q, h, f] : [h, f]).map((encoding) => ({ ...encoding }));
}
