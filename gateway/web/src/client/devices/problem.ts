/**
 * Why a camera or microphone could not be had, in the few cases that people can do something about.
 *
 * **Invariant:** each case has its own sentence in the catalogue.
 */
export type DeviceProblem =
  /** The person or the browser's settings said no. */
  | "denied"
  /** Another program holds it. */
  | "busy"
  /** There is none. */
  | "missing"
  /** Browsers give devices only to HTTPS pages and localhost. */
  | "insecure"
  /** Anything else. */
  | "failed";

export function problemOf(error: unknown): DeviceProblem {
  switch ((error as DOMException | undefined)?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError":
      return "busy";
    case "NotFoundError":
    case "DevicesNotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "failed";
  }
}
