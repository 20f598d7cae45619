/**
 * How the connection stands, from what is known of the line and of media. Pure.
 *
 * **Invariant:** `reconnecting` keeps the moment at which it began, whatever happens meanwhile; `connecting` is never
 * returned to.
 */
import type { ConnectionView } from "./views";

export interface Facts {
  /** In the room, on an open line. */
  attached: boolean;
  lineOpen: boolean;
  /** There is neither ticket nor token: a seat has to be asked for. */
  vacant: boolean;
  /** Media was up once, or was waited for long enough. */
  hadMedia: boolean;
  media: "none" | "connecting" | "connected" | "lost";
  /** Sound and picture go another way, whatever is with the server's. */
  carried: boolean;
  /** The room has moved, and that is still to be said. */
  moved: boolean;
  /** On the clock of `performance.now`, ms. */
  now: number;
}

export function standingOf(before: ConnectionView, { attached, lineOpen, vacant, hadMedia, media, carried, moved, now }: Facts): ConnectionView {
  const since = before.state === "reconnecting" ? before.since : now;
  if (!attached) {
    // Only the server's media is made anew: nothing is missed by those who see and hear each other.
    if (lineOpen && carried && (before.state === "live" || before.state === "moved")) return before;
    if (before.state !== "connecting") return { state: "reconnecting", since, part: "line" };
    return { state: "connecting", step: lineOpen ? "room" : vacant ? "seat" : "line" };
  }
  if (before.state === "connecting" && !hadMedia && media === "connecting" && !carried) return { state: "connecting", step: "media" };
  if (media === "lost" && !carried) return { state: "reconnecting", since, part: "media" };
  // While a lost connection is being rebuilt the picture is still frozen.
  if (before.state === "reconnecting" && media === "connecting" && !carried) return { ...before, part: "media" };
  return { state: moved ? "moved" : "live" };
}
