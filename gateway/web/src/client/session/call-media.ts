/**
 * Both media connections of one call and their repair: first an ICE restart, then a new attachment. What is sent comes from
 * one list, and what arrives is read in one place, so that another way to the others can stand beside these two.
 *
 * **Invariant:** repair goes on until media flows, but ever more slowly, and never while the signalling line is down.
 */
import { now } from "../clock";
import type { ClientCode } from "../errors";
import { SHARES_MAX, type Share } from "../devices/screens";
import { AudioOut } from "../media/audio-out";
import { Direct } from "../media/direct";
import type { Outgoing as ToOther } from "../media/direct-link";
import { IceServers } from "../media/ice-servers";
import { NetworkWatch, readNetworks, type ReadNetworks } from "../media/networks";
import { configuration, type MakePeerConnection } from "../media/peer-connection";
import { Publisher, type Sent } from "../media/publisher";
import type { Signal } from "../media/signal";
import type { Want } from "../media/slot-plan";
import { Subscriber } from "../media/subscriber";
import type { LocalMedia, DeviceKind } from "../devices/local-media";
import { limits, type IceServer, type MediaPath, type PeerId, type SourceKind, type SpeakerLevel, type TrackId, type TrackInfo } from "../protocol/generated";
import { Slice } from "../slice";

/** An ICE restart that has not helped by then will not. */
const RESTART_MS = 7_500;
/** One change of the network is told by several events: the first counts at once, the last one once more. */
const NETWORK_MS = 500;
/** Pauses between new attachments for media's sake: a network that blocks it is asked ever less often. */
const REATTACH_MS = [0, 5_000, 15_000, 30_000, 60_000];

/** Voices that are listened to for silence: if all of a few are still, so is the line. */
const VOICES = 3;

export interface CallMediaHooks {
  /** Health or live tracks changed. */
  changed(): void;
  /** Only a new attachment helps. */
  reattach(): void;
  refused(what: DeviceKind | "screen", code: ClientCode): void;
  /** Who speaks, where the server cannot hear it. */
  levels(levels: SpeakerLevel[]): void;
  /** Whether the room counts someone as there. */
  present(peer: PeerId): boolean;
}

interface Outgoing {
  sent: Sent;
  track: MediaStreamTrack | null;
  muted: boolean;
  over: boolean;
}

/** What the devices are called on the publish connection. */
const MICROPHONE: Sent = { key: "microphone", source: "microphone", kind: "audio" };
const CAMERA: Sent = { key: "camera", source: "camera", kind: "video" };
const screen = (place: number): Sent => ({ key: `screen ${place}`, source: "screen", kind: "video" });
const screenAudio = (place: number): Sent => ({ key: `screen ${place} audio`, source: "screen_audio", kind: "audio" });

export class CallMedia {
  readonly publisher: Publisher;
  readonly subscriber: Subscriber;
  readonly direct: Direct;
  readonly audio = new AudioOut();
  /** How loud each person or screen is played here, 0 to 1; 1 for who is not in it. */
  readonly volumes = new Slice<ReadonlyMap<string, number>>(new Map());
  readonly #watch: NetworkWatch;
  readonly #local: LocalMedia;
  readonly #hooks: CallMediaHooks;
  readonly #stops: (() => void)[] = [];
  #active = false;
  readonly #ice: IceServers;
  /** What the other end of a direct link is sent. */
  #toOther: readonly ToOther[] = [];
  #wants: readonly Want[] = [];
  #live: ReadonlyMap<TrackId, MediaStreamTrack> = new Map();
  #sickSince: number | undefined;
  #restartedAt: number | undefined;
  #reattached = 0;
  #reattachedAt = -Infinity;
  #networkAt = -Infinity;
  #networkTimer: ReturnType<typeof setTimeout> | undefined;
  /** The network changed while nothing could be said: a new way is looked for when it can. */
  #owed = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(make: MakePeerConnection, signal: Signal, local: LocalMedia, hooks: CallMediaHooks, read: ReadNetworks = readNetworks) {
    this.#local = local;
    this.#hooks = hooks;
    this.#watch = new NetworkWatch(read, { expected: () => this.#expected(), changed: () => this.networkChanged() });
    const changed = (): void => this.#changed();
    const refused = (source: SourceKind, code: ClientCode): void => hooks.refused(source === "screen_audio" ? "screen" : source, code);
    this.publisher = new Publisher(make, signal, { changed, refused: (source, error) => refused(source, error.code) });
    this.subscriber = new Subscriber(make, signal, { changed, audio: (slot, track) => this.audio.set(slot, track) });
    this.direct = new Direct(make, signal, {
      changed,
      audio: (id, track) => {
        this.audio.heard(`direct ${id}`, false);
        this.audio.set(`direct ${id}`, track);
      },
      plays: (id) => this.audio.plays(`direct ${id}`),
      relayed: (id) => this.subscriber.receiverOf(id),
      present: hooks.present,
      levels: hooks.levels,
    });
    this.#ice = new IceServers(signal, (servers) => this.#renewed(servers));
  }

  /** The tracks that arrive now, pictures and sound. */
  get live(): ReadonlyMap<TrackId, MediaStreamTrack> {
    return this.#live;
  }

  /** For statistics. */
  get connections(): readonly (RTCPeerConnection | undefined)[] {
    return [this.publisher.connection, this.subscriber.connection, this.direct.connection];
  }

  /** Worse of the two; `none` if there is nothing to send and nothing to receive yet. */
  get health(): "none" | "connecting" | "connected" | "lost" {
    const both = [this.publisher.health, this.subscriber.health];
    if (both.some((health) => health === "failed" || health === "disconnected")) return "lost";
    if (both.includes("connecting")) return "connecting";
    return both.includes("connected") ? "connected" : "none";
  }

  /** Whether a resume may keep the connections. */
  get keepable(): boolean {
    const both = [this.publisher.health, this.subscriber.health];
    return both.some((health) => health !== "none") && !both.includes("failed");
  }

  /** Follows the own devices from now on. */
  start(): void {
    const send = (): void => this.#send();
    this.#stops.push(this.#local.state.subscribe(send));
    this.#stops.push(this.#local.screens.state.subscribe(send));
    this.#stops.push(this.#local.allowed.subscribe(send));
    const route = (): void => this.audio.speaker(this.#local.choices.get().speaker);
    this.#stops.push(this.#local.choices.subscribe(route));
    route();
    send();
    this.#timer = setInterval(() => this.#tend(), 500);
  }

  attachedAnew(ice: readonly IceServer[]): void {
    this.#active = true;
    this.#owed = false;
    this.#watch.stop();
    this.#ice.take(ice);
    this.#well();
    this.publisher.rebuild(ice);
    this.subscriber.rebuild(ice);
  }

  /** False if something of ours is missing on the server. */
  attachedAgain(own: readonly TrackInfo[], ice: readonly IceServer[]): boolean {
    this.#active = true;
    if (!this.publisher.keep(own)) return false;
    this.subscriber.keep();
    this.#ice.take(ice);
    this.#renewed(ice);
    if (this.#owed || this.health === "lost") this.networkChanged();
    return true;
  }

  /** For what is looked for from now on; what was found stays. */
  #renewed(ice: readonly IceServer[]): void {
    for (const connection of [this.publisher.connection, this.subscriber.connection]) {
      if (connection?.connectionState !== "closed") connection?.setConfiguration(configuration(ice));
    }
    this.direct.renew(ice);
  }

  /** Which way the room's media goes. */
  take(path: MediaPath, self: PeerId): void {
    this.direct.codec = this.publisher.codec;
    this.direct.take(path, self, this.#ice.servers);
  }

  detached(): void {
    this.#active = false;
    this.publisher.pause();
    this.subscriber.pause();
  }

  /** Looks for the way to the server anew. Where media still flows it goes on by the old way until there is a new one. */
  networkChanged(): void {
    clearTimeout(this.#networkTimer);
    this.#owed = !this.#active;
    if (!this.#active) return;
    const at = now();
    const wait = this.#networkAt + NETWORK_MS - at;
    if (wait > 0) {
      this.#networkTimer = setTimeout(() => this.networkChanged(), wait);
      return;
    }
    this.#networkAt = at;
    this.publisher.restartIce();
    this.subscriber.restartIce();
    this.direct.restartIce();
  }

  /** `known`: every track of the room. */
  want(wants: readonly Want[], known: ReadonlyMap<TrackId, TrackInfo>): void {
    this.#wants = wants;
    this.subscriber.want(wants);
    const seen = wants.flatMap(({ video }) => (video && (video.size === undefined || video.size.width > 0) ? [video.track] : []));
    this.direct.want(known, new Set(seen));
    this.#loudness();
  }

  /** Plays a person or a screen louder or softer, 0 to 1. */
  setVolume(key: string, volume: number): void {
    const next = new Map(this.volumes.get());
    if (volume >= 1) next.delete(key);
    else next.set(key, Math.max(0, volume));
    this.volumes.set(next);
    this.#loudness();
  }

  /** The own track that a share is, once the server gave it an id. */
  screenTrack(share: Share): TrackId | undefined {
    return this.publisher.idOf(screen(share.place).key);
  }

  #loudness(): void {
    const volumes = this.volumes.get();
    const { owners } = this.subscriber;
    for (let slot = 0; slot < limits.slotPairs; slot += 1) this.audio.volume(slot, volumes.get(owners.get(slot) ?? "") ?? 1);
    for (const { key, audio } of this.#wants) if (audio) this.audio.volume(`direct ${audio.track}`, volumes.get(key) ?? 1);
  }

  close(): void {
    this.#active = false;
    clearInterval(this.#timer);
    clearTimeout(this.#networkTimer);
    this.#watch.stop();
    for (const stop of this.#stops.splice(0)) stop();
    this.#ice.stop();
    this.direct.close();
    this.publisher.close();
    this.subscriber.close();
    this.audio.close();
  }

  #send(): void {
    for (const { sent, track, muted, over } of this.#outgoing()) {
      if (over) this.publisher.end(sent.key);
      else this.publisher.set(sent, track, muted);
    }
    this.#sendToOther();
  }

  /** What the server has given no id anew goes on under its former one: the other end need not notice that ours began anew. */
  #sendToOther(): void {
    const named = this.publisher.outgoing;
    const wanted = new Map(this.#outgoing().map((one) => [one.sent.key, one]));
    const former = this.#toOther.flatMap((one) => {
      const still = wanted.get(one.key);
      const nameless = still && !still.over && !named.some(({ key }) => key === one.key);
      return nameless ? [{ ...one, track: still.muted ? null : still.track }] : [];
    });
    this.#toOther = [...named, ...former];
    this.direct.send(this.#toOther);
  }

  /** Everything that there is to be sent, and what is not any more (`over`). */
  #outgoing(): Outgoing[] {
    const { microphone, camera } = this.#local.state.get();
    const shares = this.#local.screens.state.get();
    const allowed = this.#local.allowed.get();
    const list: Outgoing[] = [
      { sent: MICROPHONE, track: microphone.track, muted: !microphone.on || !microphone.track, over: !allowed.microphone },
      { sent: CAMERA, track: camera.on ? camera.track : null, muted: !camera.on || !camera.track, over: !allowed.camera },
    ];
    for (let place = 0; place < SHARES_MAX; place += 1) {
      const share = shares.find((other) => other.place === place);
      const [video, audio] = [share?.video ?? null, share?.audio ?? null];
      list.push({ sent: screen(place), track: video, muted: false, over: video === null });
      list.push({ sent: screenAudio(place), track: audio, muted: false, over: audio === null });
    }
    return list;
  }

  #changed(): void {
    this.#merge();
    this.#loudness();
    if (this.health === "connected") {
      this.#well();
      this.#reattached = 0;
      this.#watch.start();
    } else if (this.health === "lost" && this.#sickSince === undefined) {
      this.#sickSince = now();
      this.#tend();
    }
    this.#hooks.changed();
  }

  /** One list of both ways: what the direct one is known to bring is taken from there, and heard from there alone. */
  #merge(): void {
    const { shown, delivered } = this.direct;
    this.publisher.hold(delivered);
    this.#sendToOther();
    const live = new Map([...this.subscriber.live, ...shown]);
    const same = live.size === this.#live.size && [...live].every(([id, track]) => this.#live.get(id) === track);
    if (!same) this.#live = live;
    for (const [slot, id] of this.subscriber.voices) this.audio.heard(slot, !shown.has(id));
    for (const { audio } of this.#wants) if (audio) this.audio.heard(`direct ${audio.track}`, shown.has(audio.track));
  }

  /** Receivers of a few voices that are not muted, by whichever way they come: sound is never still. */
  #expected(): RTCRtpReceiver[] {
    const receivers = [this.subscriber.connection, this.direct.connection].flatMap((connection) => connection?.getReceivers?.() ?? []);
    const voices = this.#wants.flatMap(({ audio }) => (audio && !audio.silent ? [this.#live.get(audio.track)] : []));
    return voices.slice(0, VOICES).flatMap((voice) => receivers.find(({ track }) => track === voice) ?? []);
  }

  #well(): void {
    this.#sickSince = undefined;
    this.#restartedAt = undefined;
  }

  #tend(): void {
    if (!this.#active) return;
    this.subscriber.check(now(), this.direct.shown);
    if (this.#sickSince === undefined) return;
    if (this.health !== "lost") {
      if (this.health === "connected" || this.health === "none") this.#well();
      return;
    }
    const at = now();
    const broken = this.publisher.health === "failed" && this.publisher.connection?.connectionState !== "failed";
    if (!broken && this.#restartedAt === undefined) {
      // The browser has waited before it said so; a restart costs nothing where the old way heals by itself. What one connection
      // has noticed the other is about to.
      this.#restartedAt = at;
      this.publisher.restartIce();
      this.subscriber.restartIce();
      return;
    }
    if (!broken && at - (this.#restartedAt ?? at) < RESTART_MS) return;
    const pause = REATTACH_MS[Math.min(this.#reattached, REATTACH_MS.length - 1)] ?? 0;
    if (at - this.#reattachedAt < pause) return;
    this.#reattached += 1;
    this.#reattachedAt = at;
    this.#hooks.reattach();
  }
}
