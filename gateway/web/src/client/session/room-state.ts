/**
 * The room as events describe it: who is here and what they publish. Pure.
 *
 * **Invariant:** an event is applied once and in order. One that is too new is kept until the snapshot or the missing
 * ones come; one of an older epoch, or already contained, is dropped; and entries that did not change keep their identity.
 */
import type { Epoch, EventNumber, Joined, MediaPath, PeerId, PeerInfo, ServerFrame, ServerMessage, TrackId, TrackInfo } from "../protocol/generated";

/** Events kept while a gap is open; the owner keeps as many, beyond that only a snapshot helps. */
const EARLY_MAX = 1_024;

export interface Roster {
  /** In the order of their entering. */
  peers: readonly PeerInfo[];
  byId: ReadonlyMap<PeerId, PeerInfo>;
}

export interface Tracks {
  byId: ReadonlyMap<TrackId, TrackInfo>;
  byPeer: ReadonlyMap<PeerId, readonly TrackInfo[]>;
}

export const emptyRoster: Roster = { peers: [], byId: new Map() };
export const emptyTracks: Tracks = { byId: new Map(), byPeer: new Map() };

/** What came of a frame: the messages to act on, in order, and whether a gap is open. */
export interface Outcome {
  applied: ServerMessage[];
  gap: boolean;
}

export class RoomState {
  roster: Roster = emptyRoster;
  tracks: Tracks = emptyTracks;
  path: MediaPath = { type: "sfu" };
  #epoch: Epoch = 0;
  #n: EventNumber = 0;
  #early: ServerFrame[] = [];
  /** The last snapshot was not taken, nor is what completes it. */
  #refusing = false;

  get position(): { epoch: Epoch; n: EventNumber } {
    return { epoch: this.#epoch, n: this.#n };
  }

  /** Takes a snapshot over everything known, then the kept events that are newer than it. */
  snapshot(joined: Joined): Outcome {
    // Snapshots may be overtaken, by a newer owner's or by events; an older one is not taken.
    this.#refusing = joined.epoch < this.#epoch || (joined.epoch === this.#epoch && joined.n < this.#n);
    if (this.#refusing) return { applied: [], gap: this.#early.length > 0 };
    this.#epoch = joined.epoch;
    this.#n = joined.n;
    this.path = joined.path;
    this.roster = rosterOf(keepIdentities(joined.roster, this.roster.byId, "peer"));
    this.tracks = tracksOf(keepIdentities(joined.tracks, this.tracks.byId, "track"), this.tracks);
    return this.#drain();
  }

  /** Takes a part of a snapshot that did not fit into its frame: it has no number. */
  late(message: ServerMessage): Outcome {
    if (!this.#refusing) this.#apply(message);
    return { applied: [], gap: this.#early.length > 0 };
  }

  /** Takes a numbered event. */
  event(frame: ServerFrame): Outcome {
    const { epoch, n } = frame;
    if (epoch === undefined || n === undefined) return { applied: [], gap: false };
    if (epoch < this.#epoch || (epoch === this.#epoch && n <= this.#n)) return { applied: [], gap: this.#early.length > 0 };
    if (this.#early.length >= EARLY_MAX) this.#early.shift();
    this.#early.push(frame);
    return this.#drain();
  }

  #drain(): Outcome {
    const applied: ServerMessage[] = [];
    this.#early = this.#early.filter((f) => (f.epoch ?? 0) > this.#epoch || (f.epoch === this.#epoch && (f.n ?? 0) > this.#n));
    for (;;) {
      const at = this.#early.findIndex((frame) => frame.epoch === this.#epoch && frame.n === this.#n + 1);
      if (at < 0) break;
      const [frame] = this.#early.splice(at, 1);
      if (!frame) break;
      this.#n += 1;
      this.#apply(frame.message);
      applied.push(frame.message);
    }
    return { applied, gap: this.#early.length > 0 };
  }

  #apply(message: ServerMessage): void {
    switch (message.type) {
      case "peer_joined":
      case "peer_updated":
        this.roster = rosterOf([...this.roster.peers.filter((p) => p.peer !== message.peer.peer), message.peer]);
        break;
      case "path_changed":
        this.path = message.path;
        break;
      case "peer_left":
        this.roster = rosterOf(this.roster.peers.filter((p) => p.peer !== message.peer));
        this.tracks = tracksOf([...this.tracks.byId.values()].filter((t) => t.peer !== message.peer), this.tracks);
        break;
      case "track_published":
      case "track_updated":
        this.tracks = tracksOf([...this.tracks.byId.values()].filter((t) => t.track !== message.track.track).concat(message.track), this.tracks);
        break;
      case "track_unpublished":
        this.tracks = tracksOf([...this.tracks.byId.values()].filter((t) => t.track !== message.track), this.tracks);
        break;
      default:
    }
  }
}

function rosterOf(peers: readonly PeerInfo[]): Roster {
  const sorted = [...peers].sort((a, b) => a.joinedAt - b.joinedAt || (a.peer < b.peer ? -1 : 1));
  return { peers: sorted, byId: new Map(sorted.map((peer) => [peer.peer, peer])) };
}

function tracksOf(tracks: readonly TrackInfo[], before: Tracks): Tracks {
  const byPeer = new Map<PeerId, readonly TrackInfo[]>();
  for (const track of tracks) byPeer.set(track.peer, [...(byPeer.get(track.peer) ?? []), track]);
  for (const [peer, list] of byPeer) {
    const old = before.byPeer.get(peer);
    if (old && old.length === list.length && old.every((track, i) => track === list[i])) byPeer.set(peer, old);
  }
  return { byId: new Map(tracks.map((track) => [track.track, track])), byPeer };
}

function keepIdentities<T, K extends keyof T>(next: readonly T[], before: ReadonlyMap<T[K], T>, key: K): T[] {
  return next.map((item) => {
    const old = before.get(item[key]);
    return old && JSON.stringify(old) === JSON.stringify(item) ? old : item;
  });
}
