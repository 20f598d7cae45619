/**
 * Types over the generated ones: which reply belongs to which message, and reading a frame off the wire.
 *
 * **Invariant:** a text that is not a frame is dropped here and never reaches the session.
 */
import type { ClientMessage, ServerFrame, ServerMessage } from "./generated";

export type ClientType = ClientMessage["type"];
export type ServerType = ServerMessage["type"];
export type ServerOf<T extends ServerType> = Extract<ServerMessage, { type: T }>;
export type ClientOf<T extends ClientType> = Extract<ClientMessage, { type: T }>;

/** The reply that each message gets when it is not refused. */
interface Replies {
  join: "joined";
  resume: "joined";
  offer: "answer";
  publish: "published";
  chat_send: "chat_ack";
  history: "history";
  ice_servers: "ice_servers";
  ping: "pong";
}

export type ReplyTo<T extends ClientType> = ServerOf<T extends keyof Replies ? Replies[T] : "ok">;

/** The frame that a text holds, or nothing. Fields unknown to this client are left in place and ignored. */
export function readFrame(text: unknown): ServerFrame | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const frame = JSON.parse(text) as ServerFrame | null;
    return typeof frame?.message?.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}
