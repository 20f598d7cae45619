/**
 * The connection to another person: perfect negotiation through the server, and a channel of its own for what the two ends
 * have to know of each other.
 *
 * **Invariant:** of two offers at once the polite side takes its own back, and a link that was closed says nothing more.
 */
import type { DirectPayload, IceServer, LinkNumber, MediaKind, PeerId, SourceKind, TrackId } from "../protocol/generated";
import { limits } from "../protocol/generated";
import { encodingsFor } from "./encodings";
import { configuration, preferCodec, Serial, type MakePeerConnection } from "./peer-connection";
import { Pulse, type Liveness } from "./pulse";
import type { Signal } from "./signal";

/** Something to be sent, as the room knows it. */
export interface Outgoing {
  id: TrackId;
  key: string;
  source: SourceKind;
  kind: MediaKind;
  track: MediaStreamTrack | null;
}

/** What one end tells the other over the channel. */
export interface Said {
  /** Which track each m-line carries. */
  lines: ReadonlyMap<string, TrackId>;
  /** What is shown from this link: it need not be sent to the server. */
  shown: ReadonlySet<TrackId>;
  /** What is out of sight: it need not be sent at all. */
  unseen: ReadonlySet<TrackId>;
}

export interface Ends {
  link: LinkNumber;
  to: PeerId;
  polite: boolean;
  ice: readonly IceServer[];
  codec: string | undefined;
}

export interface DirectLinkHooks {
  /** Its state, its m-lines, or what the other end says have changed. */
  changed(): void;
  /** It cannot work. */
  broken(): void;
}

interface Line extends Outgoing {
  transceiver: RTCRtpTransceiver;
  fed: MediaStreamTrack | null;
  /** Not published any more; the m-line waits for the next of its key. */
  over: boolean;
}

/** Beyond it nothing of the other end is read: eight tracks take 1 kB. */
const SAID_BYTES_MAX = 8_192;

export class DirectLink {
  readonly connection: RTCPeerConnection;
  readonly #ends: Ends;
  readonly #signal: Signal;
  readonly #hooks: DirectLinkHooks;
  readonly #channel: RTCDataChannel;
  readonly #pulse: Pulse;
  readonly #lines = new Map<string, Line>();
  readonly #serial = new Serial();
  #makesOffer = false;
  #ignores = false;
  #lost = false;
  #closed = false;
  #theirs: Said = { lines: new Map(), shown: new Set(), unseen: new Set() };
  #own: Omit<Said, "lines"> = { shown: new Set(), unseen: new Set() };
  #told = "";

  constructor(make: MakePeerConnection, signal: Signal, ends: Ends, hooks: DirectLinkHooks) {
    this.#ends = ends;
    this.#signal = signal;
    this.#hooks = hooks;
    const connection = make(configuration(ends.ice), "direct");
    this.connection = connection;
    this.#channel = connection.createDataChannel("ends", { negotiated: true, id: 0 });
    this.#pulse = new Pulse(connection, () => hooks.changed());
    this.#channel.onopen = () => this.#tell();
    this.#channel.onmessage = ({ data }: MessageEvent) => this.#heard(data);
    connection.onconnectionstatechange = () => hooks.changed();
    connection.ontrack = () => hooks.changed();
    connection.onnegotiationneeded = () => void this.#offer();
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) this.#send({ type: "candidate", candidate: candidate.candidate, ...(candidate.sdpMid ? { mid: candidate.sdpMid } : {}) });
    };
  }

  /** A browser that looks for another way calls itself unconnected while the present one carries on. */
  get connected(): boolean {
    const { connectionState: state } = this.connection;
    const searching = state === "connecting" || state === "disconnected";
    return !this.#closed && (state === "connected" || (searching && this.#pulse.sure));
  }

  /** Whether anything comes of the other end. */
  get liveness(): Liveness {
    return this.#pulse.liveness;
  }

  /** What the other end last said. */
  get theirs(): Said {
    return this.#theirs;
  }

  /** What arrives, by track. */
  get arriving(): ReadonlyMap<TrackId, RTCRtpReceiver> {
    const byMid = new Map(this.connection.getTransceivers().map(({ mid, receiver }) => [mid, receiver]));
    const arriving = new Map<TrackId, RTCRtpReceiver>();
    for (const [mid, id] of this.#theirs.lines) {
      const receiver = byMid.get(mid);
      if (receiver) arriving.set(id, receiver);
    }
    return arriving;
  }

  /** What leaves, by m-line. */
  get leaving(): ReadonlyMap<string, Outgoing> {
    return new Map([...this.#lines.values()].map((line) => [line.transceiver.mid ?? "", line]));
  }

  /** The sender of an own track. */
  senderOf(id: TrackId): RTCRtpSender | undefined {
    return [...this.#lines.values()].find((line) => line.id === id)?.transceiver.sender;
  }

  /** Sends these and nothing else. */
  send(outgoing: readonly Outgoing[]): void {
    if (this.#closed) return;
    for (const line of this.#lines.values()) {
      line.over = !outgoing.some(({ key }) => key === line.key);
      if (line.over) line.track = null;
    }
    for (const one of outgoing) {
      const line = this.#lines.get(one.key);
      if (line) Object.assign(line, one);
      else if (one.track) this.#lines.set(one.key, this.#add(one, one.track));
    }
    this.#feed();
    this.#tell();
  }

  /** Tells the other end what is shown here and what is out of sight. */
  say(own: Omit<Said, "lines">): void {
    this.#own = own;
    this.#tell();
  }

  /** Something of the other end, by way of the server. */
  hear(payload: DirectPayload): void {
    void this.#serial.run(() => this.#take(payload)).catch(() => this.#fail());
  }

  /** The line to the server is there again: says what was lost with the last one. */
  resumed(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#describe();
  }

  restartIce(): void {
    if (!this.#closed) this.connection.restartIce();
  }

  /** Fresh credentials. What a relay was given the old ones for lives only as long as those: a way is looked for anew. */
  async renew(ice: readonly IceServer[]): Promise<void> {
    if (this.#closed) return;
    this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers: [...ice] });
    if (await this.#relayed()) this.restartIce();
  }

  /** Whether a TURN server of our own stands between the two. */
  async #relayed(): Promise<boolean> {
    const all = new Map<string, Record<string, unknown>>();
    (await this.connection.getStats()).forEach((entry: Record<string, unknown>) => all.set(String(entry["id"]), entry));
    const transport = [...all.values()].find((entry) => entry["type"] === "transport");
    const pair = all.get(String(transport?.["selectedCandidatePairId"]));
    return all.get(String(pair?.["localCandidateId"]))?.["candidateType"] === "relay";
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pulse.stop();
    const { connection } = this;
    connection.onconnectionstatechange = connection.ontrack = connection.onnegotiationneeded = connection.onicecandidate = null;
    this.#channel.onopen = this.#channel.onmessage = null;
    connection.close();
  }

  #add(one: Outgoing, track: MediaStreamTrack): Line {
    const { codec } = this.#ends;
    const transceiver = this.connection.addTransceiver(track, {
      direction: "sendonly",
      streams: [new MediaStream([track])],
      // One size is enough for one viewer, and the browser fits it to the line.
      ...(one.kind === "video" ? { sendEncodings: encodingsFor(one.source, 0, codec) } : {}),
    });
    if (codec && one.kind === "video") preferCodec(transceiver, codec);
    return { ...one, transceiver, fed: track, over: false };
  }

  #feed(): void {
    for (const line of this.#lines.values()) {
      const track = this.#theirs.unseen.has(line.id) ? null : line.track;
      if (track === line.fed) continue;
      line.fed = track;
      void line.transceiver.sender.replaceTrack(track).catch(() => undefined);
    }
  }

  async #offer(): Promise<void> {
    // The first offer is the impolite side's: Chromium that takes back its very first one bundles no more and never settles.
    // Afterwards the browser asks again for what is still to be negotiated.
    if (this.#closed || (this.#ends.polite && !this.connection.remoteDescription)) return;
    try {
      this.#makesOffer = true;
      await this.connection.setLocalDescription();
      this.#describe();
    } catch {
      this.#fail();
    } finally {
      this.#makesOffer = false;
    }
  }

  async #take(payload: DirectPayload): Promise<void> {
    const { connection } = this;
    if (this.#closed) return;
    if (payload.type === "candidate") {
      const { candidate, mid } = payload;
      // One of an offer that was not taken means nothing, and one that cannot be used costs one way of several.
      await connection.addIceCandidate({ candidate, sdpMid: mid ?? null }).catch(() => undefined);
      return;
    }
    const { kind: type, sdp } = payload;
    const collides = type === "offer" && (this.#makesOffer || connection.signalingState !== "stable");
    this.#ignores = !this.#ends.polite && collides;
    if (this.#ignores) return;
    // An answer to an offer that was taken back.
    if (type === "answer" && connection.signalingState !== "have-local-offer") return;
    await connection.setRemoteDescription({ type, sdp });
    if (type === "offer") {
      await connection.setLocalDescription();
      this.#describe();
    }
    this.#tell();
    this.#hooks.changed();
  }

  #describe(): void {
    const description = this.connection.localDescription;
    const kind = description?.type;
    if (!description || (kind !== "offer" && kind !== "answer")) return;
    this.#send({ type: "description", kind, sdp: description.sdp });
    this.#tell();
  }

  #send(payload: DirectPayload): void {
    const { to, link } = this.#ends;
    this.#signal.request<"direct">({ type: "direct", to, link, payload }).catch(() => {
      // Said again when the line is back; a link that is over needs no saying.
      this.#lost = true;
    });
  }

  #fail(): void {
    if (!this.#closed) this.#hooks.broken();
  }

  #tell(): void {
    if (this.#channel.readyState !== "open") return;
    const lines: Record<string, TrackId> = {};
    for (const { transceiver, id, over } of this.#lines.values()) if (transceiver.mid && !over) lines[transceiver.mid] = id;
    const text = JSON.stringify({ lines, shown: [...this.#own.shown], unseen: [...this.#own.unseen] });
    if (text === this.#told) return;
    this.#told = text;
    this.#channel.send(text);
  }

  #heard(data: unknown): void {
    const said = typeof data === "string" && data.length <= SAID_BYTES_MAX ? readSaid(data) : undefined;
    if (!said) return;
    this.#theirs = said;
    this.#feed();
    this.#hooks.changed();
  }
}

/** The other end is another person's page: nothing of it is taken on trust. */
export function readSaid(text: string): Said | undefined {
  try {
    const { lines, shown, unseen } = JSON.parse(text) as Record<string, unknown>;
    const pairs = Object.entries(lines as object).filter((pair): pair is [string, TrackId] => typeof pair[1] === "string");
    return { lines: new Map(pairs.slice(0, limits.tracksPerPeer)), shown: idsOf(shown), unseen: idsOf(unseen) };
  } catch {
    return undefined;
  }
}

function idsOf(list: unknown): ReadonlySet<TrackId> {
  const ids = Array.isArray(list) ? list.filter((id): id is TrackId => typeof id === "string") : [];
  return new Set(ids.slice(0, limits.tracksPerPeer));
}
