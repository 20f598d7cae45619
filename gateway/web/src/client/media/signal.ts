/**
 * How media speaks to its room: the session's line, already bound to the room.
 *
 * **Invariant:** a request rejects with `Refused` and nothing else.
 */
import type { ClientOf, ClientType, ReplyTo } from "../protocol/frames";

export interface Signal {
  request<T extends ClientType>(message: ClientOf<T>): Promise<ReplyTo<T>>;
}
