/**
 * The subscribe connection: what this client receives. The server offers slots; tracks are bound to them by message.
 *
 * **Invariant:** `live` names only tracks that the server said are in their slot, so a picture is never shown under
 * another person's name.
 */
import { Refused } from "../errors";
import type { IceServer, MediaKind, SlotIndex, SlotPair, SubscribeOffer, TrackId, TrackInfo } from "../protocol/generated";
import { configuration, Generations, healthOf, Serial, type Health, type MakePeerConnection } from "./peer-connection";
import type { Signal } from "./signal";
import { planSlots, type Bound, type SlotAction, type Want } from "./slot-plan";

/** Pause before slots are planned again after the server refused a binding. */
const REPLAN_MS = 1_000;
/** A slot that should carry something and does not is asked for again after this long: a key frame takes 0.2 s. */
const OVERDUE_MS = 3_000;

export interface SubscriberHooks {
  /** Health or the live tracks changed. */
  changed(): void;
  /** An audio half came or went; it is to be played while it is there. */
  audio(slot: SlotIndex, track: MediaStreamTrack | undefined): void;
}

export class Subscriber {
  readonly #make: MakePeerConnection;
  readonly #signal: Signal;
  readonly #hooks: SubscriberHooks;
  #serial = new Serial();
  #generations = new Generations();
  #connection: RTCPeerConnection | undefined;
  #ice: readonly IceServer[] = [];
  #ready = false;
  #broken = false;
  #pairs: readonly SlotPair[] = [];
  #asked = 0;
  #wants: readonly Want[] = [];
  #bound: ReadonlyMap<SlotIndex, Bound> = new Map();
  #replan: ReturnType<typeof setTimeout> | undefined;
  readonly #received = new Map<string, MediaStreamTrack>();
  readonly #carried = new Map<string, TrackId>();
  /** Which layer each carried track comes in, where it has several. */
  readonly #layers = new Map<string, string>();
  #live: ReadonlyMap<TrackId, MediaStreamTrack> = new Map();
  /** Since when a slot half has been waited for, by its name. */
  readonly #due = new Map<string, number>();

  constructor(make: MakePeerConnection, signal: Signal, hooks: SubscriberHooks) {
    this.#make = make;
    this.#signal = signal;
    this.#hooks = hooks;
  }

  get connection(): RTCPeerConnection | undefined {
    return this.#connection;
  }

  get health(): Health {
    return this.#broken ? "failed" : healthOf(this.#connection);
  }

  /** The tracks that arrive now, pictures and sound. */
  get live(): ReadonlyMap<TrackId, MediaStreamTrack> {
    return this.#live;
  }

  /** The layer of a track that the server sends; undefined where it has one only, or does not come from there. */
  layerOf(id: TrackId): string | undefined {
    for (const [key, carried] of this.#carried) if (carried === id) return this.#layers.get(key);
    return undefined;
  }

  /** What receives a track. */
  receiverOf(id: TrackId): RTCRtpReceiver | undefined {
    const track = this.#live.get(id);
    return track && this.#connection?.getReceivers().find((receiver) => receiver.track === track);
  }

  /** What each slot's sound is. */
  get voices(): ReadonlyMap<SlotIndex, TrackId> {
    return new Map(this.#pairs.flatMap(({ slot }) => {
      const id = this.#carried.get(half(slot, "audio"));
      return id ? [[slot, id]] : [];
    }));
  }

  /** Whom each slot is for, by the key of what was wanted. */
  get owners(): ReadonlyMap<SlotIndex, string> {
    return new Map([...this.#bound].map(([slot, { key }]) => [slot, key]));
  }

  /** How many pairs the server has offered. */
  get pairs(): number {
    return this.#pairs.length;
  }

  rebuild(ice: readonly IceServer[]): void {
    this.#reset();
    this.#ice = ice;
    this.#ready = true;
  }

  keep(): void {
    this.#ready = true;
    this.#asked = 0;
    this.#apply();
  }

  pause(): void {
    this.#ready = false;
  }

  close(): void {
    this.#ready = false;
    this.#wants = [];
    this.#reset();
  }

  /** What is to be received, most important first. */
  want(wants: readonly Want[]): void {
    this.#wants = wants;
    this.#apply();
  }

  restartIce(): void {
    if (this.#connection && this.#ready) this.#signal.request<"restart_ice">({ type: "restart_ice" }).catch(() => undefined);
  }

  offer(offer: SubscribeOffer): void {
    void this.#serial.run(() => this.#answer(offer)).catch(() => undefined);
  }

  slotLive(slot: SlotIndex, kind: MediaKind, track: TrackId, layer?: string): void {
    const key = half(slot, kind);
    this.#carried.set(key, track);
    if (layer === undefined) this.#layers.delete(key);
    else this.#layers.set(key, layer);
    this.#publish();
  }

  slotIdle(slot: SlotIndex, kind: MediaKind): void {
    this.#carried.delete(half(slot, kind));
    this.#layers.delete(half(slot, kind));
    this.#publish();
  }

  /** Tracks ended or were muted: what the slots showed of them is old. A muted track stays bound, an ended one does not. */
  changed(tracks: ReadonlyMap<TrackId, TrackInfo>): void {
    for (const [key, track] of this.#carried) if (tracks.get(track)?.muted ?? true) this.#carried.delete(key);
    const bound = new Map<SlotIndex, Bound>();
    for (const [slot, now] of this.#bound) bound.set(slot, without(now, (track) => !tracks.has(track)));
    this.#bound = bound;
    this.#publish();
  }

  /** Asks again for what should be there, is not and does not come another way (`otherwise`): a binding or its news may have been lost with a socket. */
  check(at: number, otherwise: ReadonlyMap<TrackId, unknown>): void {
    if (!this.#ready || this.#pairs.length === 0) return;
    const wants = new Map(this.#wants.map((want) => [want.key, want]));
    for (const [slot, { key, video, audio }] of this.#bound) {
      const want = wants.get(key);
      const elsewhere = (half: Bound["video"]): boolean => half !== undefined && otherwise.has(half.track);
      this.#checkHalf(at, slot, "video", video, elsewhere(video) || (want?.video?.silent ?? true));
      this.#checkHalf(at, slot, "audio", audio, elsewhere(audio) || (want?.audio?.silent ?? true));
    }
  }

  #checkHalf(at: number, slot: SlotIndex, kind: MediaKind, bound: Bound["video"], silent: boolean): void {
    const key = half(slot, kind);
    if (!bound || silent || this.#carried.get(key) === bound.track) return void this.#due.delete(key);
    const since = this.#due.get(key);
    if (since === undefined) return void this.#due.set(key, at);
    if (at - since < OVERDUE_MS) return;
    this.#due.set(key, at);
    this.#send({ do: "subscribe", slot, kind, track: bound.track, ...(bound.size ? { size: bound.size } : {}) });
  }

  async #answer({ negotiation, sdp, slots }: SubscribeOffer): Promise<void> {
    if (!this.#ready) return;
    const connection = this.#connection ?? this.#open();
    try {
      this.#pairs = slots;
      await connection.setRemoteDescription({ type: "offer", sdp: this.#generations.take(sdp) });
      const answer = await connection.createAnswer();
      await connection.setLocalDescription(answer);
      if (connection !== this.#connection) return;
      const done = this.#signal.request<"answer">({ type: "answer", negotiation, sdp: answer.sdp ?? "" });
      this.#collect();
      this.#apply();
      await done;
    } catch (error) {
      const { code } = Refused.from(error);
      // With the socket lost, the server offers again after a resume; an old offer's answer is not needed any more.
      if (connection !== this.#connection || code === "negotiation_stale" || code === "unreachable") return;
      this.#broken = true;
      this.#hooks.changed();
    }
  }

  #open(): RTCPeerConnection {
    const connection = this.#make(configuration(this.#ice), "subscribe");
    connection.onconnectionstatechange = () => this.#hooks.changed();
    connection.ontrack = () => this.#collect();
    this.#connection = connection;
    return connection;
  }

  /** Finds the received track of each slot half; sound is handed on to be played at once. */
  #collect(): void {
    const byMid = new Map((this.#connection?.getTransceivers() ?? []).map((t) => [t.mid, t.receiver.track]));
    for (const pair of this.#pairs) {
      this.#receive(half(pair.slot, "video"), byMid.get(pair.videoMid));
      const audio = byMid.get(pair.audioMid);
      if (this.#receive(half(pair.slot, "audio"), audio)) this.#hooks.audio(pair.slot, audio);
    }
    this.#publish();
  }

  #receive(key: string, track: MediaStreamTrack | undefined): boolean {
    if (!track || this.#received.get(key) === track) return false;
    this.#received.set(key, track);
    return true;
  }

  #apply(): void {
    if (!this.#ready) return;
    const plan = planSlots(this.#bound, this.#wants, this.#pairs.length);
    this.#bound = plan.bound;
    for (const action of plan.actions) this.#send(action);
    // The server offers the first slots unasked; more are asked for once each time.
    if (plan.pairs !== undefined && this.#pairs.length > 0 && plan.pairs > this.#asked) {
      this.#asked = plan.pairs;
      this.#signal.request<"slots">({ type: "slots", pairs: plan.pairs }).catch(() => {
        this.#asked = 0;
      });
    }
  }

  #send(action: SlotAction): void {
    const { slot, kind } = action;
    if (action.do === "unsubscribe") {
      this.slotIdle(slot, kind);
      this.#signal.request<"unsubscribe">({ type: "unsubscribe", slot, kind }).catch(() => undefined);
      return;
    }
    const { track, size } = action;
    this.#signal.request<"subscribe">({ type: "subscribe", track, slot, ...(size ? { size } : {}) }).catch(() => this.#unbind(slot, track));
  }

  /** A binding was refused: it is forgotten, and planned again a little later if it is still wanted. */
  #unbind(slot: SlotIndex, track: TrackId): void {
    const now = this.#bound.get(slot);
    if (!now) return;
    this.#bound = new Map(this.#bound).set(slot, without(now, (id) => id === track));
    clearTimeout(this.#replan);
    this.#replan = setTimeout(() => this.#apply(), REPLAN_MS);
  }

  #publish(): void {
    const live = new Map<TrackId, MediaStreamTrack>();
    for (const [key, id] of this.#carried) {
      const track = this.#received.get(key);
      if (track) live.set(id, track);
    }
    const same = live.size === this.#live.size && [...live].every(([id, track]) => this.#live.get(id) === track);
    if (same) return;
    this.#live = live;
    this.#hooks.changed();
  }

  #reset(): void {
    clearTimeout(this.#replan);
    for (const pair of this.#pairs) this.#hooks.audio(pair.slot, undefined);
    const old = this.#connection;
    this.#connection = undefined;
    this.#broken = false;
    this.#serial = new Serial();
    this.#generations = new Generations();
    this.#pairs = [];
    this.#asked = 0;
    this.#bound = new Map();
    this.#received.clear();
    this.#carried.clear();
    this.#layers.clear();
    this.#due.clear();
    if (old) {
      old.onconnectionstatechange = old.ontrack = null;
      old.close();
    }
    this.#publish();
  }
}

function half(slot: SlotIndex, kind: MediaKind): string {
  return `${slot}/${kind}`;
}

function without(bound: Bound, isGone: (track: TrackId) => boolean): Bound {
  const next: Bound = { ...bound };
  if (next.video && isGone(next.video.track)) delete next.video;
  if (next.audio && isGone(next.audio.track)) delete next.audio;
  return next;
}
