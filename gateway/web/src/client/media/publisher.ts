/**
 * The publish connection: what this client sends. The client offers; muting keeps the m-line and takes the track out of it,
 * and so does ending a publication: the next one of its key takes the m-line over, without an offer.
 *
 * **Invariant:** at most one offer is under way; a publication that the server refused is offered again only on a new
 * connection or when the person turns it on anew; and what the server was told about muting ends up equal to what is wanted,
 * whatever was lost in between.
 */
import { Refused } from "../errors";
import type { IceServer, MediaKind, SourceKind, TrackId, TrackInfo } from "../protocol/generated";
import type { Outgoing } from "./direct-link";
import { encodingsFor, screenTuning, understood, type Encoding } from "./encodings";
import { configuration, Generations, healthOf, preferCodec, Serial, type Health, type MakePeerConnection } from "./peer-connection";
import type { Signal } from "./signal";

/** What is sent, and what from: a person may share two screens, so that the source alone does not name it. */
export interface Sent {
  key: string;
  source: SourceKind;
  kind: MediaKind;
}

interface Publication extends Sent {
  track: MediaStreamTrack | null;
  muted: boolean;
  transceiver?: RTCRtpTransceiver;
  id?: TrackId;
  /** What the server knows. */
  told?: boolean;
  refused?: Refused;
  /** Not to be sent any more; the m-line waits for the next of this key. */
  ended?: boolean;
  /** Whoever is to get it gets it another way: the m-line carries nothing meanwhile. */
  held?: boolean;
}

export interface PublisherHooks {
  changed(): void;
  refused(source: SourceKind, refused: Refused): void;
}

export class Publisher {
  readonly #make: MakePeerConnection;
  readonly #signal: Signal;
  readonly #hooks: PublisherHooks;
  readonly #publications = new Map<string, Publication>();
  #serial = new Serial();
  #generations = new Generations();
  #connection: RTCPeerConnection | undefined;
  #ice: readonly IceServer[] = [];
  #ready = false;
  #broken = false;
  #restart = false;
  /** `video/h264` and the like: asked for first, for tests of each codec. */
  codec: string | undefined;

  constructor(make: MakePeerConnection, signal: Signal, hooks: PublisherHooks) {
    this.#make = make;
    this.#signal = signal;
    this.#hooks = hooks;
  }

  get connection(): RTCPeerConnection | undefined {
    return this.#connection;
  }

  /** `failed` also after an offer whose answer was lost: only a new connection helps then. */
  get health(): Health {
    if (this.#broken) return "failed";
    const beginning = !this.#connection && this.#ready && [...this.#publications.values()].some(isFresh);
    return beginning ? "connecting" : healthOf(this.#connection);
  }

  /** The own track's id, once the server gave it. */
  idOf(key: string): TrackId | undefined {
    return this.#publications.get(key)?.id;
  }

  /** What is being sent, by m-line. */
  get sent(): ReadonlyMap<string, Sent & { id: TrackId | undefined }> {
    return new Map([...this.#publications.values()].map(({ key, source, kind, id, transceiver }) => [transceiver?.mid ?? "", { key, source, kind, id }]));
  }

  /** What the server has given ids to and is not ended. */
  get outgoing(): Outgoing[] {
    return [...this.#publications.values()].flatMap(({ key, source, kind, id, track, muted, ended }) => (id && !ended ? [{ id, key, source, kind, track: muted ? null : track }] : []));
  }

  /** Sends everything but these. */
  hold(ids: ReadonlySet<TrackId>): void {
    for (const publication of this.#publications.values()) {
      const held = publication.id !== undefined && ids.has(publication.id);
      if (held === (publication.held ?? false)) continue;
      publication.held = held;
      feed(publication);
    }
  }

  /** What is to be sent. Something is first published when it first has a track. */
  set({ key, source, kind }: Sent, track: MediaStreamTrack | null, muted: boolean): void {
    const known = this.#publications.get(key);
    if (!known && !track) return;
    const publication = known ?? { key, source, kind, track, muted };
    this.#publications.set(key, publication);
    const anew = publication.refused !== undefined && !muted && track !== null && (publication.muted || publication.track !== track);
    if (anew) delete publication.refused;
    publication.muted = muted;
    if (publication.track !== track) {
      publication.track = track;
      feed(publication);
    }
    tune(publication);
    const again = publication.ended;
    delete publication.ended;
    if (!this.#ready) return;
    if (!publication.transceiver) this.#negotiate();
    else if ((again || anew) && !publication.id) this.#publishAgain(publication);
    else this.#tellMute(publication);
  }

  /** Ends a publication, if there is one of this key. */
  end(key: string): void {
    const publication = this.#publications.get(key);
    if (!publication || publication.ended) return;
    publication.ended = true;
    publication.track = null;
    delete publication.refused;
    feed(publication);
    this.#tellEnd(publication);
    if (!publication.transceiver) this.#publications.delete(key);
  }

  /** Begins anew on a new connection, with everything that is being sent. */
  rebuild(ice: readonly IceServer[]): void {
    this.#closeConnection();
    this.#ice = ice;
    this.#ready = true;
    for (const publication of [...this.#publications.values()]) {
      if (publication.ended) this.#publications.delete(publication.key);
      delete publication.transceiver;
      delete publication.id;
      delete publication.told;
      delete publication.held;
      delete publication.refused;
    }
    this.#negotiate();
  }

  /** Goes on with the present connection after a resume: says what was lost meanwhile. False if that cannot be done. */
  keep(own: readonly TrackInfo[]): boolean {
    this.#ready = true;
    for (const publication of this.#publications.values()) {
      if (publication.ended) this.#tellEnd(publication);
      else if (!publication.id && publication.transceiver) this.#publishAgain(publication);
      if (!publication.id || publication.ended) continue;
      const theirs = own.find((track) => track.track === publication.id);
      if (!theirs) return false;
      publication.told = theirs.muted;
      this.#tellMute(publication);
    }
    this.#negotiate();
    return true;
  }

  /** The socket is gone: nothing is sent until `keep` or `rebuild`. */
  pause(): void {
    this.#ready = false;
  }

  restartIce(): void {
    if (!this.#connection || !this.#ready) return;
    this.#restart = true;
    this.#negotiate();
  }

  close(): void {
    this.#ready = false;
    this.#closeConnection();
    this.#publications.clear();
  }

  #closeConnection(): void {
    const old = this.#connection;
    this.#connection = undefined;
    this.#broken = false;
    this.#restart = false;
    this.#serial = new Serial();
    this.#generations = new Generations();
    if (old) {
      old.onconnectionstatechange = null;
      old.close();
    }
  }

  #negotiate(): void {
    void this.#serial.run(() => this.#negotiateOnce()).catch(() => undefined);
  }

  async #negotiateOnce(): Promise<void> {
    const fresh = [...this.#publications.values()].filter(isFresh);
    const restart = this.#restart;
    if (!this.#ready || (fresh.length === 0 && !restart)) return;
    const connection = this.#connection ?? this.#open();
    this.#restart = false;
    for (const publication of fresh) {
      publication.transceiver = this.#addTransceiver(connection, publication);
      tune(publication);
    }
    try {
      const offer = await connection.createOffer(restart ? { iceRestart: true } : {});
      await connection.setLocalDescription(offer);
      if (connection !== this.#connection) return;
      // Announced and offered in one go: nothing is gained by waiting for each answer.
      const announced = fresh.map((publication) => this.#announce(connection, publication));
      const answer = this.#signal.request<"offer">({ type: "offer", sdp: offer.sdp ?? "" });
      const [{ sdp }] = await Promise.all([answer, ...announced]);
      if (connection !== this.#connection) return;
      await connection.setRemoteDescription({ type: "answer", sdp: this.#generations.take(sdp) });
    } catch (error) {
      if (connection !== this.#connection) return;
      const refused = Refused.from(error);
      if (fresh.length === 0 && refused.code === "unreachable" && (await this.#takeBack(connection))) return;
      this.#broken = true;
      this.#hooks.refused(fresh[0]?.source ?? "camera", refused);
      this.#hooks.changed();
    }
  }

  /** An offer that only asked for another way was lost with the socket: it is made again after the resume. */
  async #takeBack(connection: RTCPeerConnection): Promise<boolean> {
    try {
      await connection.setLocalDescription({ type: "rollback" });
    } catch {
      return false;
    }
    this.#restart = connection === this.#connection;
    return this.#restart;
  }

  #open(): RTCPeerConnection {
    const connection = this.#make(configuration(this.#ice), "publish");
    connection.onconnectionstatechange = () => this.#hooks.changed();
    this.#connection = connection;
    this.#hooks.changed();
    return connection;
  }

  #addTransceiver(connection: RTCPeerConnection, publication: Publication): RTCRtpTransceiver {
    const { track, kind, source } = publication;
    const add = (sendEncodings?: Encoding[]): RTCRtpTransceiver =>
      connection.addTransceiver(track ?? kind, { direction: "sendonly", streams: track ? [new MediaStream([track])] : [], ...(sendEncodings ? { sendEncodings } : {}) });
    if (kind === "audio") return add();
    const encodings = encodingsFor(source, track?.getSettings().height ?? 0, this.codec, track?.contentHint);
    let transceiver = add(encodings);
    if (encodings.length > 1 && !understood(encodings, transceiver.sender.getParameters().encodings)) {
      transceiver.stop();
      transceiver = add(encodings.slice(-1).map(({ maxBitrate }) => ({ maxBitrate: maxBitrate ?? 0 })));
    }
    if (this.codec) preferCodec(transceiver, this.codec);
    return transceiver;
  }

  async #announce(connection: RTCPeerConnection, publication: Publication): Promise<void> {
    const { source, kind, muted } = publication;
    try {
      const mid = publication.transceiver?.mid ?? "";
      const { track } = await this.#signal.request<"publish">({ type: "publish", mid, kind, source, muted });
      if (connection !== this.#connection) return;
      publication.id = track;
      publication.told = muted;
      if (publication.ended) return this.#tellEnd(publication);
      this.#tellMute(publication);
      this.#hooks.changed();
    } catch (error) {
      const refused = Refused.from(error);
      if (refused.code === "unreachable" || refused.code === "timeout") throw refused;
      publication.refused = refused;
      this.#hooks.refused(source, refused);
    }
  }

  /** Publishes on an m-line that is there already. */
  #publishAgain(publication: Publication): void {
    const { connection } = this;
    if (!connection || publication.refused) return;
    void this.#serial.run(async () => {
      if (publication.ended || publication.id || !this.#ready) return;
      // Lost with the socket: it is said again by `keep`.
      await this.#announce(connection, publication).catch(() => undefined);
    });
  }

  #tellEnd(publication: Publication): void {
    const { id } = publication;
    if (!id || !this.#ready) return;
    delete publication.id;
    delete publication.told;
    this.#signal.request<"unpublish">({ type: "unpublish", track: id }).catch((error: unknown) => {
      // Lost with the socket: said again after the next resume.
      if (Refused.from(error).code === "unreachable" && !publication.id) publication.id = id;
    });
    this.#hooks.changed();
  }

  #tellMute(publication: Publication): void {
    const { id, muted } = publication;
    if (!id || !this.#ready || publication.told === muted) return;
    const before = publication.told;
    publication.told = muted;
    this.#signal.request<"mute">({ type: "mute", track: id, muted }).catch(() => {
      // Said again after the next resume, or with the next change.
      if (publication.id === id && publication.told === muted && before !== undefined) publication.told = before;
    });
  }
}

/** To be published, and not yet on the connection. */
function isFresh(publication: Publication): boolean {
  return !publication.transceiver && !publication.refused && !publication.ended && publication.track !== null;
}

function feed({ transceiver, track, held }: Publication): void {
  void transceiver?.sender.replaceTrack(held ? null : track).catch(() => undefined);
}

/** A shared screen is sent as what it shows needs it, from its first frame on and when that changes. */
function tune({ source, transceiver, track }: Publication): void {
  if (source !== "screen" || !transceiver || !track) return;
  const { bitsMax, framesMax, keeps } = screenTuning(track.contentHint);
  const parameters = transceiver.sender.getParameters();
  const [encoding] = parameters.encodings;
  if (!encoding || (encoding.maxBitrate === bitsMax && parameters.degradationPreference === keeps)) return;
  encoding.maxBitrate = bitsMax;
  encoding.maxFramerate = framesMax;
  parameters.degradationPreference = keeps;
  // What a browser does not know it leaves as it was.
  transceiver.sender.setParameters(parameters).catch(() => undefined);
}
