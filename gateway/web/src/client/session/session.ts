/**
 * One person's stay in one room: the class that the page (or a script) talks to.
 *
 * It attaches over the link by join or resume, keeps the room's state, moves media and chat over every loss, and says how
 * it stands in one snapshot for each matter.
 *
 * **Invariant:** there is one attachment under way at a time, and nothing of an older one is heard; `ended` is final.
 */
import { Chat } from "../chat/chat";
import { now } from "../clock";
import type { LocalMedia } from "../devices/local-media";
import { Emitter } from "../emitter";
import { Refused, type ClientCode } from "../errors";
import { Levels } from "../media/levels";
import type { MakePeerConnection } from "../media/peer-connection";
import type { Signal } from "../media/signal";
import type { ClientOf, ClientType, ReplyTo } from "../protocol/frames";
import type { Joined, PatchAllowed, PeerId, RoomId, ServerFrame, ServerMessage, SpeakerLevel, TrackId } from "../protocol/generated";
import { Slice } from "../slice";
import type { Link, Rider } from "../socket/link";
import type { Owners } from "../stats/figures";
import { Stats } from "../stats/stats";
import { sendables } from "../devices/sendable";
import { mayISend } from "./allowed";
import { CallMedia } from "./call-media";
import { RoomState, emptyTracks, type Outcome } from "./room-state";
import { endOf, endsHere, Seat, type SeatOptions } from "./seat";
import { standingOf } from "./standing";
import type { ConnectionView, EndReason, RosterView, SessionEvents, SlotsView, TileWant, TracksView } from "./views";
import { isSeen, tileName, wantsOf } from "./wants";

/** A gap that the server has not filled by then is closed by asking for a snapshot. */
const GAP_MS = 2_000;
/** Layout changes come in bursts while a window is resized. */
const LAYOUT_MS = 200;
/** Speakers remembered for the order of tiles and slots; four pages of them. */
const SPOKE_MAX = 100;
/** How long it is said that the room has moved. */
const MOVED_MS = 2_000;
/** Reasons to attach again that mean another server. */
const MOVES: ReadonlySet<string> = new Set(["media_node_lost", "node_draining", "moved"]);
/** After this long without media the room is shown as live all the same: chat and roster are. */
const MEDIA_STEP_MS = 6_000;

export interface SessionOptions extends SeatOptions {
  local: LocalMedia;
  make: MakePeerConnection;
  codec?: string | undefined;
  /** Changes what those who are not its host may send in the room. */
  allow: (change: PatchAllowed) => Promise<unknown>;
}

export class RoomSession implements Rider {
  readonly slug: string;
  readonly connection: Slice<ConnectionView>;
  readonly roster: Slice<RosterView>;
  readonly tracks = new Slice<TracksView>(emptyTracks);
  readonly slots = new Slice<SlotsView>(new Map());
  /** Who had the floor, the latest first. */
  readonly spoke = new Slice<readonly PeerId[]>([]);
  readonly stats: Stats;
  readonly events = new Emitter<SessionEvents>();
  readonly levels = new Levels();
  readonly chat: Chat;
  readonly local: LocalMedia;
  readonly media: CallMedia;
  readonly #link: Link;
  readonly #allow: SessionOptions["allow"];
  readonly #seat: Seat;
  readonly #state = new RoomState();
  #attached = false;
  #hadMedia = false;
  #ended = false;
  #layout: readonly TileWant[] = [];
  #watched = true;
  #moving = false;
  /** It moved, and that is still to be said or being said. */
  #moved = false;
  #movedTimer: ReturnType<typeof setTimeout> | undefined;
  #gapTimer: ReturnType<typeof setTimeout> | undefined;
  #layoutTimer: ReturnType<typeof setTimeout> | undefined;
  #mediaTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions) {
    this.#link = options.link;
    this.#allow = options.allow;
    this.slug = options.slug;
    this.local = options.local;
    this.#seat = new Seat(options, {
      attached: (joined, kept) => this.#attachedBy(joined, kept),
      link: () => this.media.direct.kept,
      ended: (end) => this.#end(end),
    });
    const answer = "answer" in options.entry ? options.entry.answer : undefined;
    this.connection = new Slice<ConnectionView>({ state: "connecting", step: "line" });
    this.roster = new Slice<RosterView>({ room: this.#seat.room, self: answer?.peer ?? "", role: answer?.role ?? "guest", peers: [], byId: new Map() });
    const signal: Signal = { request: (message) => this.#request(message) };
    this.chat = new Chat(signal, { received: (m) => this.events.emit("message", m) }, answer?.room.unread ?? 0);
    this.media = new CallMedia(options.make, signal, options.local, {
      changed: () => this.#mediaChanged(),
      reattach: () => this.#attach(false),
      refused: (what, code) => this.events.emit("refused", { what, code }),
      levels: (levels) => this.#hears(levels),
      present: (peer) => this.roster.get().byId.get(peer)?.reconnecting === false,
    });
    this.media.publisher.codec = options.codec;
    this.stats = new Stats({ connections: () => this.media.connections, owners: () => this.#owners() });
  }

  get room(): RoomId {
    return this.#seat.room.id;
  }

  /** Begins. */
  start(): void {
    if (this.#seat.room.kind !== "chat") this.media.start();
    this.#link.board(this);
  }

  /** Leaves for good. */
  leave(): void {
    if (this.#ended) return;
    if (this.#attached) this.#link.cast({ type: "leave" }, this.room);
    this.#end({ why: "left" }, this.#attached ? undefined : this.#seat.leave());
  }

  kick(peer: PeerId): void {
    this.#request<"kick">({ type: "kick", peer }).catch((error: unknown) => this.events.emit("refused", { what: "kick", code: Refused.from(error).code }));
  }

  /** Ends the room for all. */
  closeRoom(): void {
    this.#request<"close_room">({ type: "close_room" }).catch((error: unknown) => this.events.emit("refused", { what: "close", code: Refused.from(error).code }));
  }

  /** Lets those who are not its host send something, or not; for its host. Rejects with `Refused`. */
  async allow(change: PatchAllowed): Promise<void> {
    await this.#allow(change);
  }

  /** What is on the screen: sizes decide what the server sends. */
  layout(tiles: readonly TileWant[]): void {
    const before = new Set(this.#layout.filter(isSeen).map(tileName));
    const seen = tiles.filter(isSeen);
    const same = seen.length === before.size && seen.every((tile) => before.has(tileName(tile)));
    this.#layout = tiles;
    // What comes into sight or goes does so at once, also the first tiles of a stage that has just got its size; only changes of
    // size wait for the end of the burst.
    if (!same && this.#attached) return this.#want();
    this.#layoutTimer ??= setTimeout(() => this.#want(), LAYOUT_MS);
  }

  /** Another network, or the same one after a sleep: media looks for its way anew without waiting to be missed. */
  networkChanged(): void {
    this.media.networkChanged();
  }

  /** Whether anybody can see the page: while not, no picture is wanted, whatever the layout. */
  watched(watched: boolean): void {
    if (watched === this.#watched) return;
    this.#watched = watched;
    if (this.#attached) this.#want();
  }

  // ---- what the link asks and tells ----

  opening(): Promise<string> {
    return this.#seat.opening();
  }

  opened(): void {
    this.#attach(this.media.keepable);
  }

  woke(): void {
    this.networkChanged();
  }

  lost(code: ClientCode | undefined): void {
    this.#detach();
    this.#seat.lost(code);
    this.#say();
  }

  failed(refused: Refused): void {
    this.#end(endOf(refused.code));
  }

  heard(frame: ServerFrame): void {
    if (this.#ended) return;
    if (frame.n !== undefined && frame.message.type !== "joined") return this.#settle(this.#state.event(frame));
    this.#personal(frame.message);
  }

  // ---- attaching ----

  #attach(keepMedia: boolean): void {
    if (this.#ended) return;
    this.#detach();
    this.#say();
    void this.#seat.attach(keepMedia);
  }

  #attachedBy(joined: Joined, kept: boolean): void {
    this.#attached = true;
    this.roster.patch({ room: joined.room, self: joined.peer, role: joined.role });
    // Before anything of ours is looked for on the server: what is not allowed is not there.
    this.#permit();
    this.#noteMove(joined);
    this.#settle(this.#state.snapshot(joined));
    const own = joined.tracks.filter((track) => track.peer === joined.peer);
    if (joined.room.kind !== "chat") {
      if (kept) {
        if (!this.media.attachedAgain(own, joined.iceServers)) return this.#attach(false);
      } else {
        this.media.attachedAnew(joined.iceServers);
        // What an earlier connection published goes with it.
        for (const { track } of own) this.#request<"unpublish">({ type: "unpublish", track }).catch(() => undefined);
      }
      this.#want();
      this.#takePath();
    }
    const self = this.roster.get().byId.get(joined.peer);
    this.chat.attached({ peer: joined.peer, displayName: self?.displayName ?? "", ...(self?.user ? { user: self.user } : {}) }, joined.lastSeq);
    clearTimeout(this.#mediaTimer);
    this.#mediaTimer = setTimeout(() => this.#mediaLate(), MEDIA_STEP_MS);
    this.#say();
  }

  /** Another server than before: its reason said so, or the room has another owner and there are several. */
  #noteMove({ epoch, gateways }: Joined): void {
    const before = this.#state.position.epoch;
    const moved = this.#moving || (before > 0 && epoch > before && gateways.length > 1);
    this.#moving = false;
    if (moved) this.#moved = true;
  }

  #detach(): void {
    this.#seat.stop();
    clearTimeout(this.#gapTimer);
    this.#gapTimer = undefined;
    if (!this.#attached) return;
    this.#attached = false;
    this.media.detached();
    this.chat.detached();
    this.levels.clear();
  }

  // ---- what the room says ----

  #settle({ applied, gap }: Outcome): void {
    const before = this.roster.get();
    const { peers, byId } = this.#state.roster;
    if (peers !== before.peers) {
      this.roster.patch({ peers, byId, role: byId.get(before.self)?.role ?? before.role });
      this.#permit();
    }
    const tracks = this.#state.tracks;
    if (tracks !== this.tracks.get()) {
      this.tracks.set(tracks);
      this.media.subscriber.changed(tracks.byId);
      if (this.#attached) this.#want();
    }
    for (const message of applied) this.#happened(message, before);
    if (!gap) {
      clearTimeout(this.#gapTimer);
      this.#gapTimer = undefined;
    } else this.#gapTimer ??= setTimeout(() => this.#attach(this.media.keepable), GAP_MS);
  }

  #happened(message: ServerMessage, before: RosterView): void {
    switch (message.type) {
      case "chat":
        this.chat.received(message.message);
        break;
      case "peer_joined":
        if (!before.byId.has(message.peer.peer)) this.events.emit("peer_joined", { peer: message.peer });
        break;
      case "peer_left": {
        const peer = before.byId.get(message.peer);
        if (peer && peer.peer !== before.self) this.events.emit("peer_left", { peer, reason: message.reason });
        break;
      }
      case "room_updated":
        this.#seat.describe(message.room);
        this.roster.patch({ room: message.room });
        this.#permit();
        break;
      case "path_changed":
        this.#takePath();
        break;
      case "room_closed":
        this.#end({ why: "closed", reason: message.reason });
        break;
      default:
    }
  }

  #personal(message: ServerMessage): void {
    switch (message.type) {
      case "joined":
        if (!this.#attached) return;
        this.#seat.adopt(message);
        this.roster.patch({ room: message.room, self: message.peer, role: message.role });
        this.#permit();
        this.#settle(this.#state.snapshot(message));
        this.#takePath();
        return this.chat.reaches(message.lastSeq);
      case "subscribe_offer":
        return this.#attached ? this.media.subscriber.offer(message) : undefined;
      case "slot_live":
        return this.media.subscriber.slotLive(message.slot, message.kind, message.track, message.layer);
      case "slot_idle":
        return this.media.subscriber.slotIdle(message.slot, message.kind);
      case "direct":
        return this.media.direct.hear(message.from, message.link, message.payload);
      case "speakers":
        if (this.media.direct.shown.size > 0) return;
        this.levels.report(message.levels);
        return this.#hasFloor(message.active);
      case "resume_token":
        return this.#seat.renew(message.token);
      case "reattach":
        this.#moving = MOVES.has(message.reason);
        return this.#attach(false);
      case "kicked":
        return this.#end({ why: "kicked" });
      case "error":
        return this.#refusedUnasked(message.code);
      case "peer_joined":
      case "track_published":
        return this.#settle(this.#state.late(message));
      case "room_closed":
      case "chat":
        return this.#happened(message, this.roster.get());
      default:
    }
  }

  /** Who has the floor counts as the latest speaker, not whoever is loud for a moment. */
  #hasFloor(track: TrackId | undefined): void {
    const peer = track && this.#state.tracks.byId.get(track)?.peer;
    const before = this.spoke.get();
    if (!peer || before[0] === peer) return;
    this.spoke.set([peer, ...before.filter((other) => other !== peer)].slice(0, SPOKE_MAX));
  }

  /** Who speaks, heard here. */
  #hears(levels: SpeakerLevel[]): void {
    this.levels.report(levels);
    this.#hasFloor(levels[0]?.track);
  }

  #takePath(): void {
    if (!this.#attached || this.roster.get().room.kind === "chat") return;
    this.media.take(this.#state.path, this.roster.get().self);
  }

  /** Keeps to what the host lets this person send, and says what has changed of it. */
  #permit(): void {
    const [before, now] = [this.local.allowed.get(), mayISend(this.roster.get())];
    const stopped = this.local.permit(now);
    const barred = sendables.filter((what) => before[what] && !now[what]);
    const again = sendables.filter((what) => !before[what] && now[what]);
    if (barred.length + again.length > 0) this.events.emit("allowed", { barred, stopped, again });
  }

  /** A refusal that answers nothing: of the seat, or of a media connection's SRTP profile. */
  #refusedUnasked(code: ClientCode): void {
    if (endsHere(code)) return this.#end(endOf(code));
    if (code === "srtp_profile" && this.#seat.otherProfile()) this.#attach(false);
  }

  // ---- the rest ----

  #request<T extends ClientType>(message: ClientOf<T>): Promise<ReplyTo<T>> {
    if (!this.#attached) return Promise.reject(new Refused("unreachable"));
    return this.#link.request<T>(message, { room: this.room });
  }

  #want(): void {
    clearTimeout(this.#layoutTimer);
    this.#layoutTimer = undefined;
    if (this.#ended) return;
    const tiles = this.#watched ? this.#layout : [];
    this.media.want(wantsOf(this.#state.tracks, this.roster.get().self, tiles, this.spoke.get()), this.#state.tracks.byId);
  }

  /** Whose each report of the browser's statistics is. */
  #owners(): Owners {
    const received = new Map([...this.media.live].map(([track, { id }]) => [id, track]));
    const { sent } = this.media.publisher;
    const { self } = this.roster.get();
    return {
      received: (id) => {
        const track = this.#state.tracks.byId.get(received.get(id) ?? "");
        if (!track || track.muted) return undefined;
        const direct = this.media.direct.shown.has(track.track);
        return { track: track.track, peer: track.peer, source: track.source, layer: direct ? undefined : this.media.subscriber.layerOf(track.track) };
      },
      sent: (mid, connection) => {
        const direct = this.media.connections[connection] === this.media.direct.connection;
        const own = direct ? this.media.direct.sent.get(mid) : sent.get(mid);
        // What goes both ways is told once.
        if (!direct && own?.id && this.media.direct.delivered.has(own.id)) return undefined;
        return own?.id ? { track: own.id, peer: self, source: own.source } : undefined;
      },
    };
  }

  #mediaChanged(): void {
    if (this.#ended) return;
    this.slots.set(this.media.live);
    if (this.media.health === "connected") this.#hadMedia = true;
    this.#say();
  }

  /** Media is not up in time: the room counts as live, repair goes on behind. */
  #mediaLate(): void {
    this.#hadMedia = true;
    this.#say();
  }

  /** Puts how things stand into words. */
  #say(): void {
    if (this.#ended) return;
    const before = this.connection.get();
    const next = standingOf(before, {
      attached: this.#attached,
      lineOpen: this.#link.state.get().phase === "open",
      vacant: this.#seat.vacant,
      hadMedia: this.#hadMedia,
      media: this.media.health,
      carried: this.media.direct.works,
      moved: this.#moved,
      now: now(),
    });
    if (next.state === "moved") this.#movedTimer ??= setTimeout(() => this.#settled(), MOVED_MS);
    const same = JSON.stringify(next) === JSON.stringify(before);
    if (!same) this.connection.set(next);
  }

  #settled(): void {
    this.#moved = false;
    this.#movedTimer = undefined;
    this.#say();
  }

  /** `said`: settles when nothing is to be said to the server any more. */
  #end(end: EndReason, said?: Promise<void>): void {
    if (this.#ended) return;
    this.#detach();
    this.#ended = true;
    clearTimeout(this.#layoutTimer);
    clearTimeout(this.#mediaTimer);
    clearTimeout(this.#movedTimer);
    this.#seat.forget();
    this.stats.stop();
    this.media.close();
    this.slots.set(new Map());
    this.#link.alight(this, said);
    this.connection.set({ state: "ended", end });
    this.events.emit("ended", end);
  }
}

