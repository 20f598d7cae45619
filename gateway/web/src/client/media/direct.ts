/**
 * The direct way beside the one through the server: when it is made, when each track is taken from it, when it is given up.
 *
 * Both ways stand for as long as the direct one lasts; the server's carries nothing then. A track is taken from the other
 * way when that has decoded something of it, in both directions, so that a picture never stops for the change. While it is
 * in doubt whether the other end still hears, both ways carry everything.
 *
 * **Invariant:** what is shown from the link is known to arrive by it; the link is closed only when neither end shows anything
 * from it, or when nothing else helps.
 */
import { now } from "../clock";
import type { DirectPayload, IceServer, LinkNumber, MediaPath, PeerId, SpeakerLevel, TrackId, TrackInfo } from "../protocol/generated";
import { decodedBy, levelOf, sentLevel } from "./decoded";
import { DirectLink, type Outgoing } from "./direct-link";
import type { MakePeerConnection } from "./peer-connection";
import type { Signal } from "./signal";

/** The rule of the room: no connection within this long, and both go through the server. */
const CONNECT_MS = 2_000;
/** After this long the link is closed whether or not the server's way carries what it carried. */
const LEAVE_MS = 5_000;
/** How often the two ways are compared while something is to change: a frame at 25 per second. */
const LOOK_MS = 40;
/** How often it is told who speaks, as the server does it. */
const LEVELS_MS = 200;

/** What the other end said of a link before the room told of it: an offer and its candidates. More is not kept. */
const EARLY_MAX = 64;

export interface DirectHooks {
  /** What is shown, what the other end shows, or the link itself changed. */
  changed(): void;
  /** Sound that arrives, to be played unheard until it is `shown`. */
  audio(id: TrackId, track: MediaStreamTrack | undefined): void;
  /** Whether that sound is really playing. */
  plays(id: TrackId): boolean;
  /** What the server's way brings of a track. */
  relayed(id: TrackId): RTCRtpReceiver | undefined;
  /** Whether the other end is there, as far as the room knows: one who reloads is silent, and no fault of the link. */
  present(peer: PeerId): boolean;
  levels(levels: SpeakerLevel[]): void;
}

/** What the room knows of its tracks. */
export type Known = ReadonlyMap<TrackId, TrackInfo>;

export class Direct {
  readonly #make: MakePeerConnection;
  readonly #signal: Signal;
  readonly #hooks: DirectHooks;
  #link: DirectLink | undefined;
  #self: PeerId = "";
  #other: PeerId = "";
  #number: LinkNumber | undefined;
  /** The highest number that the room has told of. */
  #newest: LinkNumber = 0;
  #wanted = false;
  #useless = false;
  /** Of one link, the newest that was heard of and not told of. */
  #early: { from: PeerId; link: LinkNumber; payload: DirectPayload }[] = [];
  #brokenAt: number | undefined;
  #leavesAt: number | undefined;
  #known: Known = new Map();
  #seen: ReadonlySet<TrackId> = new Set();
  #outgoing: readonly Outgoing[] = [];
  #shown: ReadonlyMap<TrackId, MediaStreamTrack> = new Map();
  readonly #played = new Map<TrackId, MediaStreamTrack>();
  /** How much the server's way had decoded when each track was to be taken from it. */
  readonly #before = new Map<TrackId, number>();
  #looking = false;
  #lookTimer: ReturnType<typeof setInterval> | undefined;
  #levelTimer: ReturnType<typeof setInterval> | undefined;
  codec: string | undefined;

  constructor(make: MakePeerConnection, signal: Signal, hooks: DirectHooks) {
    this.#make = make;
    this.#signal = signal;
    this.#hooks = hooks;
  }

  get connection(): RTCPeerConnection | undefined {
    return this.#link?.connection;
  }

  /** What is shown from the link. */
  get shown(): ReadonlyMap<TrackId, MediaStreamTrack> {
    return this.#shown;
  }

  /** Own tracks that the other end takes from the link: the server need not get them. */
  get delivered(): ReadonlySet<TrackId> {
    return this.works ? (this.#link?.theirs.shown ?? new Set()) : new Set();
  }

  /** Own tracks by the link's m-lines. */
  get sent(): ReadonlyMap<string, Outgoing> {
    return this.#link?.leaving ?? new Map();
  }

  /** The other end is reached by the link, and is known to hear. */
  get works(): boolean {
    return this.#wanted && (this.#link?.connected ?? false) && this.#link?.liveness === "heard";
  }

  /** The link that there is, wanted or not any more: the room may want it again. */
  get kept(): LinkNumber | undefined {
    return this.#link?.connected && !this.#useless ? this.#number : undefined;
  }

  /** Which way the room's media goes now. */
  take(path: MediaPath, self: PeerId, ice: readonly IceServer[]): void {
    const mine = path.type === "direct" && path.peers.includes(self);
    if (!mine) return this.#leave();
    const other = path.peers.find((peer) => peer !== self) ?? "";
    if (path.link === this.#number && other === this.#other && this.#link) return this.#goOn(this.#link);
    this.#close();
    this.#self = self;
    this.#number = path.link;
    this.#newest = Math.max(this.#newest, path.link);
    this.#other = other;
    this.#wanted = true;
    const ends = { link: path.link, to: this.#other, polite: path.peers[0] === self, ice, codec: this.codec };
    this.#link = new DirectLink(this.#make, this.#signal, ends, { changed: () => this.#changed(), broken: () => this.#giveUp() });
    this.#link.send(this.#outgoing);
    for (const { from, link, payload } of this.#early.splice(0)) this.hear(from, link, payload);
    this.#brokenAt = now();
    this.#look();
    this.#levelTimer = setInterval(() => void this.#listen(), LEVELS_MS);
  }

  /** The same link, after the line to the server was lost, or the server itself. */
  #goOn(link: DirectLink): void {
    link.resumed();
    if (this.#useless) return this.#giveUp();
    if (this.#wanted) return;
    this.#wanted = true;
    this.#leavesAt = undefined;
    this.#changed();
  }

  /** Fresh credentials for TURN servers. */
  renew(ice: readonly IceServer[]): void {
    // A link that cannot tell how it goes is looked after by what watches it.
    this.#link?.renew(ice).catch(() => undefined);
  }

  /** Something of the other end. It comes by another way than the room's events, and may be here before the link is told of. */
  hear(from: PeerId, link: LinkNumber, payload: DirectPayload): void {
    if (link > this.#newest) return this.#keep(from, link, payload);
    if (this.#wanted && from === this.#other && link === this.#number) this.#link?.hear(payload);
  }

  #keep(from: PeerId, link: LinkNumber, payload: DirectPayload): void {
    const kept = this.#early[0]?.link ?? 0;
    if (link > kept) this.#early = [];
    if (link >= kept && this.#early.length < EARLY_MAX) this.#early.push({ from, link, payload });
  }

  /** What is to be sent; `id`s are those that the server gave. */
  send(outgoing: readonly Outgoing[]): void {
    this.#outgoing = outgoing;
    this.#link?.send(outgoing);
  }

  /** What the room has, and what of it is in sight. */
  want(known: Known, seen: ReadonlySet<TrackId>): void {
    this.#known = known;
    this.#seen = seen;
    if (this.#link) this.#changed();
  }

  restartIce(): void {
    this.#link?.restartIce();
  }

  close(): void {
    this.#close();
  }

  #changed(): void {
    const link = this.#link;
    if (!link) return;
    const { connectionState } = link.connection;
    if (link.connected) this.#brokenAt = undefined;
    else if (this.#wanted && this.#brokenAt === undefined) {
      this.#brokenAt = now();
      // Not when it is connecting, which is what a restart makes it do.
      if (connectionState === "disconnected") link.restartIce();
    }
    const over = connectionState === "failed" || (link.liveness === "silent" && this.#hooks.present(this.#other));
    if (over && this.#wanted && !this.#useless) this.#giveUp();
    this.#collect(link);
    this.#say();
    this.#look();
    this.#hooks.changed();
  }

  /** Plays what arrives, unheard until it is shown; nothing is taken under another person's name. */
  #collect(link: DirectLink): void {
    const arriving = link.arriving;
    for (const [id, { track }] of arriving) {
      if (track.kind !== "audio" || !this.#isTheirs(id) || this.#played.get(id) === track) continue;
      this.#played.set(id, track);
      this.#hooks.audio(id, track);
    }
    for (const id of [...this.#played.keys()]) if (!this.#isTheirs(id)) this.#silence(id);
    const gone = [...this.#shown.keys()].filter((id) => !this.#isTheirs(id) || arriving.get(id)?.track !== this.#shown.get(id));
    if (gone.length > 0) this.#show(gone, []);
  }

  #isTheirs(id: TrackId): boolean {
    return this.#known.get(id)?.peer === this.#other;
  }

  #silence(id: TrackId): void {
    this.#played.delete(id);
    this.#hooks.audio(id, undefined);
  }

  #say(): void {
    const arriving = [...(this.#link?.arriving.keys() ?? [])];
    const unseen = arriving.filter((id) => this.#known.get(id)?.kind === "video" && !this.#seen.has(id));
    this.#link?.say({ shown: new Set(this.#shown.keys()), unseen: new Set(unseen) });
  }

  #leave(): void {
    if (!this.#link || !this.#wanted) return;
    this.#wanted = false;
    this.#leavesAt = now() + LEAVE_MS;
    this.#before.clear();
    this.#changed();
    this.#look();
  }

  #giveUp(): void {
    if (!this.#wanted) return;
    this.#useless = true;
    // Lost with the line: said again when the room says the same of its path.
    this.#signal.request<"direct_failed">({ type: "direct_failed", link: this.#number ?? 0 }).catch(() => undefined);
  }

  #close(): void {
    clearInterval(this.#lookTimer);
    clearInterval(this.#levelTimer);
    this.#lookTimer = this.#levelTimer = undefined;
    const link = this.#link;
    this.#link = this.#number = undefined;
    this.#wanted = this.#useless = false;
    this.#brokenAt = this.#leavesAt = undefined;
    this.#before.clear();
    link?.close();
    for (const id of [...this.#played.keys()]) this.#silence(id);
    this.#shown = new Map();
    if (!link) return;
    this.#hooks.levels([]);
    this.#hooks.changed();
  }

  // ---- from one way to the other ----

  #look(): void {
    this.#lookTimer ??= setInterval(() => void this.#compare(), LOOK_MS);
  }

  async #compare(): Promise<void> {
    const link = this.#link;
    if (!link || this.#looking) return;
    this.#looking = true;
    try {
      if (this.works) await this.#takeOver(link);
      else await this.#giveBack();
    } finally {
      this.#looking = false;
    }
    if (link === this.#link) this.#judge(link);
  }

  /** Ends what has lasted too long, and the looking when there is nothing to wait for. */
  #judge(link: DirectLink): void {
    const at = now();
    if (!this.#wanted) {
      const theirs = link.connected ? link.theirs.shown.size : 0;
      if ((this.#shown.size === 0 && theirs === 0) || at >= (this.#leavesAt ?? 0)) this.#close();
      return;
    }
    if (!this.#useless && this.#brokenAt !== undefined && at - this.#brokenAt >= CONNECT_MS) this.#giveUp();
    const settled = this.works && [...link.arriving.keys()].every((id) => this.#shown.has(id) || !this.#awaited(id));
    if (!settled) return;
    clearInterval(this.#lookTimer);
    this.#lookTimer = undefined;
  }

  #awaited(id: TrackId): boolean {
    const known = this.#known.get(id);
    return known?.peer === this.#other && !known.muted && (known.kind === "audio" || this.#seen.has(id));
  }

  async #takeOver(link: DirectLink): Promise<void> {
    this.#before.clear();
    for (const [id, receiver] of link.arriving) {
      if (this.#shown.has(id) || !this.#awaited(id)) continue;
      const { enough } = await decodedBy(receiver);
      const plays = receiver.track.kind === "video" || this.#hooks.plays(id);
      if (enough && plays && link === this.#link && this.works) this.#show([], [[id, receiver.track]]);
    }
  }

  async #giveBack(): Promise<void> {
    for (const id of [...this.#shown.keys()]) {
      if (!this.#awaited(id)) {
        this.#show([id], []);
        continue;
      }
      const receiver = this.#hooks.relayed(id);
      if (!receiver) continue;
      const { count } = await decodedBy(receiver);
      const before = this.#before.get(id);
      if (before === undefined) this.#before.set(id, count);
      else if (count > before && !this.works) this.#show([id], []);
    }
  }

  #show(gone: readonly TrackId[], come: readonly [TrackId, MediaStreamTrack][]): void {
    const shown = new Map(this.#shown);
    for (const id of gone) shown.delete(id);
    for (const [id, track] of come) shown.set(id, track);
    this.#shown = shown;
    this.#say();
    this.#hooks.changed();
  }

  // ---- who speaks ----

  async #listen(): Promise<void> {
    const link = this.#link;
    if (!link || !this.works || this.#shown.size === 0) return;
    const levels: SpeakerLevel[] = [];
    for (const [id, receiver] of link.arriving) {
      const level = receiver.track.kind === "audio" && !this.#known.get(id)?.muted ? levelOf(receiver) : 0;
      if (level > 0) levels.push({ track: id, peer: this.#other, level });
    }
    for (const { id, kind, track } of this.#outgoing) {
      const sender = kind === "audio" && track && !this.#known.get(id)?.muted ? link.senderOf(id) : undefined;
      const level = sender ? await sentLevel(sender) : 0;
      if (level > 0) levels.push({ track: id, peer: this.#self, level });
    }
    if (link === this.#link) this.#hooks.levels(levels.sort((a, b) => b.level - a.level));
  }
}
