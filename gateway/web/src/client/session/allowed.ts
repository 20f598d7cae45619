/**
 * What this person may send. Pure.
 *
 * **Invariant:** a host may send everything, and where nothing is said everything is allowed.
 */
import { everything, type Sendable } from "../devices/sendable";
import type { Allowed, Role, RoomInfo } from "../protocol/generated";

/** What changed of it. */
export interface AllowedChange {
  /** Not any more. */
  barred: Sendable[];
  /** Of these, what was being sent, and is not now. */
  stopped: Sendable[];
  /** Allowed from now on; it is for the person to turn it on. */
  again: Sendable[];
}

/** What the room says to those who are not its host. A seat of before there were restrictions says nothing. */
export function allowedIn(room: Partial<Pick<RoomInfo, "allowed">>): Allowed {
  return room.allowed ?? everything;
}

export function mayISend({ room, role }: { room: Partial<Pick<RoomInfo, "allowed">>; role: Role }): Allowed {
  return role === "host" ? everything : allowedIn(room);
}
