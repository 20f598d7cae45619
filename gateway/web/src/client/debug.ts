/**
 * A handle for tests and for finding faults: the media connections of the call, to read their statistics.
 *
 * **Invariant:** it exists only where `localStorage["rookery.debug"]` is `1`, never by default.
 */
import type { RookeryClient } from "./client";
import type { KeyValue } from "./devices/choices";
import type { RoomSession } from "./session/session";

export interface DebugHandle {
  session: RoomSession | null;
  connections: Map<"publish" | "subscribe" | "direct", RTCPeerConnection>;
}

let handle: DebugHandle | undefined;

/** Sets the handle up where it is wanted, and takes the codec that a test asks for. */
export function setUpDebug(store: KeyValue, client: RookeryClient): void {
  if (store.getItem("rookery.debug") !== "1") return;
  client.codec = store.getItem("rookery.codec") ?? undefined;
  client.relayOnly = store.getItem("rookery.relay") === "1";
  handle = {
    session: null,
    get connections() {
      const map = new Map<"publish" | "subscribe" | "direct", RTCPeerConnection>();
      const { publisher, subscriber, direct } = this.session?.media ?? {};
      if (publisher?.connection) map.set("publish", publisher.connection);
      if (subscriber?.connection) map.set("subscribe", subscriber.connection);
      if (direct?.connection) map.set("direct", direct.connection);
      return map;
    },
  };
  (globalThis as { __rookery?: DebugHandle }).__rookery = handle;
}

export function debugSession(session: RoomSession | null): void {
  if (handle) handle.session = session;
}
