/**
 * What the browser's statistics say of each track: codec, size, rate, loss. Pure.
 *
 * **Invariant:** rates are over the time between two readings of the same counters; what a browser does not tell is null,
 * never 0.
 */
import type { MediaKind, PeerId, SourceKind, TrackId } from "../protocol/generated";

export interface TrackFigures {
  track: TrackId;
  peer: PeerId;
  /** `out` is what this client sends. */
  direction: "in" | "out";
  kind: MediaKind;
  source: SourceKind;
  codec: string | null;
  /** The name of a simulcast layer, as its sender calls it; null where there is one only. */
  layer: string | null;
  width: number | null;
  height: number | null;
  framesPerSecond: number | null;
  /** Without headers. */
  bitsPerSecond: number | null;
  /** Share of packets lost since the last reading, 0 to 1. */
  loss: number | null;
  jitterMs: number | null;
  rttMs: number | null;
  /** Since the track began. */
  freezes: number | null;
  /** Since the last reading. */
  newFreezes: number;
}

/** Whose a report is. */
export interface Owner {
  track: TrackId;
  peer: PeerId;
  source: SourceKind;
  /** The layer that the server sends of it, where it has several. */
  layer?: string | undefined;
}

export interface Owners {
  /** By the id of the received track. */
  received: (trackId: string) => Owner | undefined;
  /** By the m-line that sends it, and the connection that the m-line is of. */
  sent: (mid: string, connection: number) => Owner | undefined;
}

type Entry = Record<string, unknown>;
export type Report = ReadonlyMap<string, Entry>;

interface Counters {
  at: number;
  bytes: number;
  packets: number;
  lost: number;
  freezes: number;
}

export class FiguresReader {
  #before = new Map<string, Counters>();

  /** `reports` are those of each connection, always in the same order, `at` the time of reading, ms. */
  read(reports: readonly Report[], owners: Owners, at: number): TrackFigures[] {
    const next = new Map<string, Counters>();
    const figures: TrackFigures[] = [];
    reports.forEach((report, i) => {
      const rttMs = roundTrip(report);
      for (const [id, entry] of report) {
        const made = this.#figures(i, id, entry, report, owners, { at, rttMs }, next);
        if (made) figures.push(made);
      }
    });
    this.#before = next;
    return figures;
  }

  #figures(connection: number, id: string, entry: Entry, report: Report, owners: Owners, { at, rttMs }: { at: number; rttMs: number | null }, next: Map<string, Counters>): TrackFigures | undefined {
    const incoming = entry["type"] === "inbound-rtp";
    if (!incoming && entry["type"] !== "outbound-rtp") return undefined;
    const owner = incoming ? owners.received(String(entry["trackIdentifier"])) : owners.sent(String(entry["mid"]), connection);
    if (!owner) return undefined;
    const key = `${connection} ${id}`;
    const remote = incoming ? undefined : report.get(String(entry["remoteId"]));
    const now: Counters = {
      at,
      bytes: number(entry, incoming ? "bytesReceived" : "bytesSent") ?? 0,
      packets: number(entry, incoming ? "packetsReceived" : "packetsSent") ?? 0,
      lost: number(entry, "packetsLost") ?? 0,
      freezes: number(entry, "freezeCount") ?? 0,
    };
    next.set(key, now);
    const before = this.#before.get(key);
    const remoteRtt = times(number(remote, "roundTripTime"), 1_000);
    const { track, peer, source } = owner;
    return {
      track,
      peer,
      source,
      direction: incoming ? "in" : "out",
      kind: entry["kind"] === "audio" ? "audio" : "video",
      codec: codecOf(report.get(String(entry["codecId"]))),
      layer: owner.layer ?? (typeof entry["rid"] === "string" ? entry["rid"] : null),
      width: number(entry, "frameWidth"),
      height: number(entry, "frameHeight"),
      framesPerSecond: number(entry, "framesPerSecond"),
      bitsPerSecond: before && at > before.at ? Math.round(((now.bytes - before.bytes) * 8_000) / (at - before.at)) : null,
      loss: incoming ? lossOf(before, now) : number(remote, "fractionLost"),
      jitterMs: times(number(incoming ? entry : remote, "jitter"), 1_000),
      rttMs: remoteRtt ?? rttMs,
      freezes: number(entry, "freezeCount"),
      newFreezes: before ? Math.max(0, now.freezes - before.freezes) : 0,
    };
  }
}

function lossOf(before: Counters | undefined, now: Counters): number | null {
  if (!before) return null;
  const lost = Math.max(0, now.lost - before.lost);
  const all = now.packets - before.packets + lost;
  return all > 0 ? lost / all : null;
}

function roundTrip(report: Report): number | null {
  for (const entry of report.values()) {
    if (entry["type"] === "candidate-pair" && entry["nominated"] === true && entry["state"] === "succeeded") return times(number(entry, "currentRoundTripTime"), 1_000);
  }
  return null;
}

/** `video/VP8` is VP8. */
function codecOf(entry: Entry | undefined): string | null {
  const type = entry?.["mimeType"];
  return typeof type === "string" ? (type.split("/")[1] ?? null) : null;
}

function number(entry: Entry | undefined, key: string): number | null {
  const value = entry?.[key];
  return typeof value === "number" ? value : null;
}

function times(value: number | null, by: number): number | null {
  return value === null ? null : Math.round(value * by * 10) / 10;
}

/** Bars of a received picture that is not good: 1 is bad, 2 is fair. */
export type Bars = 1 | 2;

const BAD_LOSS = 0.1;
const FAIR_LOSS = 0.03;
/** Readings that must agree, so that bars do not flicker. */
const AGREE = 2;

/** Says which received tracks are not good. */
export class TrackJudge {
  #runs = new Map<TrackId, { bars: Bars | 3; run: number; shown: Bars | 3 }>();

  take(figures: readonly TrackFigures[]): ReadonlyMap<TrackId, Bars> {
    const next = new Map<TrackId, { bars: Bars | 3; run: number; shown: Bars | 3 }>();
    for (const one of figures) {
      if (one.direction !== "in") continue;
      const bars = one.newFreezes > 0 || (one.loss ?? 0) > BAD_LOSS ? 1 : (one.loss ?? 0) > FAIR_LOSS ? 2 : 3;
      const old = this.#runs.get(one.track);
      const run = old?.bars === bars ? old.run + 1 : 1;
      next.set(one.track, { bars, run, shown: run >= AGREE ? bars : (old?.shown ?? 3) });
    }
    this.#runs = next;
    const weak = new Map<TrackId, Bars>();
    for (const [track, { shown }] of next) if (shown !== 3) weak.set(track, shown);
    return weak;
  }
}
