/**
 * A session in a room, with the test as its server.
 *
 * **Invariant:** time passes only when the test says so.
 */
import { vi } from "vitest";

import type { Allowed, JoinAnswer, Joined, PeerInfo, Room, RoomInfo, ServerMessage, TrackInfo } from "../../src/client";
import { RoomSession, LocalMedia } from "../../src/client";
import { Gateways } from "../../src/client/socket/gateways";
import { Link } from "../../src/client/socket/link";
import { Refused } from "../../src/client/errors";
import type { SessionOptions } from "../../src/client/session/session";
import { memoryStore, testDevices, TestMedia } from "./media";
import { TestWire } from "./wire";

export const ROOM = "10000000-0000-4000-8000-000000000000";
export const SELF = "peer self";

export const person = (peer: string, fields: Partial<PeerInfo> = {}): PeerInfo => ({
  peer, displayName: peer, role: "member", joinedAt: 1, reconnecting: false, ...fields,
});

export const trackOf = (track: string, peer: string, fields: Partial<TrackInfo> = {}): TrackInfo => ({
  track, peer, kind: "video", source: "camera", muted: false, ...fields,
});

export const infoOf = (allowed: Partial<Allowed> = {}): RoomInfo => ({
  id: ROOM, slug: "abc-defg-hij", name: "Room", kind: "meeting", allowed: { microphone: true, camera: true, screen: true, ...allowed },
});

export const joined = (fields: Partial<Joined> = {}): { type: "joined" } & Joined => ({
  type: "joined", peer: SELF, attachment: 1, role: "member", room: infoOf(),
  epoch: 1, n: 5, roster: [person(SELF, { joinedAt: 9 })], tracks: [], path: { type: "sfu" }, lastSeq: 0, iceServers: [], gateways: [],
  resumeToken: "token 1", mediaKept: false, ...fields,
});

let tickets = 0;
export const joinAnswer = (): JoinAnswer => ({
  ticket: `ticket ${(tickets += 1)}`, peer: SELF, role: "member",
  room: { id: ROOM, name: "Room", kind: "meeting", unread: 0 } as Room, iceServers: [], gateways: ["wss://two.example/ws"],
});

/** Lets promises that are ready run. */
export const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

export interface TestRoom {
  wire: TestWire;
  media: TestMedia;
  local: LocalMedia;
  session: RoomSession;
  store: Storage;
  rejoin: ReturnType<typeof vi.fn>;
  link: Link;
}

export function testRoom(options: Partial<SessionOptions> & { devices?: boolean } = {}): TestRoom {
  tickets = 0;
  const wire = new TestWire();
  const media = new TestMedia();
  const store = memoryStore();
  const link = new Link(wire, new Gateways("ws://one.example/ws"));
  const local = new LocalMedia(options.devices ? testDevices() : undefined, memoryStore());
  const rejoin = vi.fn(() => Promise.resolve(joinAnswer()));
  const session = new RoomSession({
    who: "guest", slug: "abc-defg-hij", link, local, make: media.make, store, entry: { answer: joinAnswer() }, displayName: null, rejoin,
    allow: () => Promise.resolve(),
    openingFor: (answer) => Promise.resolve(`?ticket=${answer.ticket}`),
    ...options,
  });
  return { wire, media, local, session, store, rejoin, link };
}

/** Goes in, as far as `joined`. */
export async function goIn(room: TestRoom, fields: Partial<Joined> = {}): Promise<void> {
  room.session.start();
  await settle();
  room.wire.last.open();
  await settle();
  room.wire.last.reply("join", joined(fields));
  await settle();
}

export function event(room: TestRoom, n: number, message: ServerMessage, epoch = 1): void {
  room.wire.last.say(message, { room: ROOM, epoch, n });
}

export { Refused };
