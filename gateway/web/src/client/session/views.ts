/**
 * What a room session shows of itself.
 *
 * **Invariant:** each view is immutable; a change makes a new one.
 */
import type { ClientCode } from "../errors";
import type { AllowedChange } from "./allowed";
import type { PeerId, PeerInfo, Role, RoomClosedReason, RoomInfo, TrackId, TrackInfo } from "../protocol/generated";

/** What is being done while connecting, in this order. */
export type ConnectingStep = "seat" | "line" | "room" | "media";

export type EndReason =
  | { why: "left" }
  | { why: "kicked" }
  | { why: "closed"; reason: RoomClosedReason }
  | { why: "superseded" }
  | { why: "signed_out" }
  | { why: "refused"; code: ClientCode };

export type ConnectionView =
  | { state: "connecting"; step: ConnectingStep }
  | { state: "live" }
  /** Live again on another server; said for two seconds, there is nothing to do. */
  | { state: "moved" }
  /** `since` is on the clock of `performance.now`. */
  | { state: "reconnecting"; since: number; part: "line" | "media" }
  | { state: "ended"; end: EndReason };

export interface RosterView {
  room: RoomInfo;
  self: PeerId;
  role: Role;
  peers: readonly PeerInfo[];
  byId: ReadonlyMap<PeerId, PeerInfo>;
}

export interface TracksView {
  byId: ReadonlyMap<TrackId, TrackInfo>;
  byPeer: ReadonlyMap<PeerId, readonly TrackInfo[]>;
}

/** The tracks that arrive now. */
export type SlotsView = ReadonlyMap<TrackId, MediaStreamTrack>;

export interface SessionEvents {
  peer_joined: { peer: PeerInfo };
  peer_left: { peer: PeerInfo; reason: string };
  message: { displayName: string; text: string };
  /** Something that the person did was refused. */
  refused: { what: "kick" | "close" | "microphone" | "camera" | "screen"; code: ClientCode };
  /** What the host lets this person send has changed. */
  allowed: AllowedChange;
  ended: EndReason;
}

/** What a tile shows, for the slots. */
export interface TileWant {
  peer: PeerId;
  /** The tile shows this shared screen of theirs, not their camera. */
  screen?: TrackId;
  /** Device pixels; 0 x 0 if out of sight. */
  width: number;
  height: number;
}

/** A seat that can be taken up again after a reload. */
export interface StoredSeat {
  room: RoomInfo;
  token: string;
  gateways: string[];
  displayName: string | null;
  /** Wall clock, ms: tokens are good for ten minutes. */
  at: number;
}
