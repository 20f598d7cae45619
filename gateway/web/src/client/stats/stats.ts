/**
 * Reads the statistics of a call every two seconds, every second while someone looks at them, and keeps what they say.
 *
 * **Invariant:** one reading is under way at a time, and none after `stop`.
 */
import { now } from "../clock";
import type { TrackId } from "../protocol/generated";
import { Slice } from "../slice";
import { FiguresReader, TrackJudge, type Bars, type Owners, type Report, type TrackFigures } from "./figures";
import { Judge, goodQuality, sampleOf, type Quality } from "./quality";

const EVERY_MS = 2_000;
const WATCHED_MS = 1_000;

export interface StatsSource {
  connections(): readonly (RTCPeerConnection | undefined)[];
  owners(): Owners;
}

export class Stats {
  /** How good the two connections are. */
  readonly quality = new Slice<Quality>(goodQuality);
  /** Received tracks that are not good. */
  readonly weak = new Slice<ReadonlyMap<TrackId, Bars>>(new Map());
  /** Each track, while someone watches. */
  readonly figures = new Slice<readonly TrackFigures[]>([]);
  readonly #source: StatsSource;
  readonly #judge = new Judge();
  readonly #trackJudge = new TrackJudge();
  readonly #reader = new FiguresReader();
  #watchers = 0;
  #reading = false;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: StatsSource) {
    this.#source = source;
    this.#next();
  }

  /** Someone looks at the figures. Returns how to stop. */
  watch(): () => void {
    this.#watchers += 1;
    void this.#read();
    return () => {
      this.#watchers -= 1;
      if (this.#watchers === 0) this.figures.set([]);
    };
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #next(): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#read(), this.#watchers > 0 ? WATCHED_MS : EVERY_MS);
  }

  async #read(): Promise<void> {
    if (this.#reading || this.#stopped) return;
    this.#reading = true;
    const reports = await Promise.all(this.#source.connections().map(reportOf));
    this.#reading = false;
    if (this.#stopped) return;
    this.quality.set(this.#judge.take(sampleOf(reports), this.quality.get()));
    const figures = this.#reader.read(reports, this.#source.owners(), now());
    const weak = this.#trackJudge.take(figures);
    if (!same(weak, this.weak.get())) this.weak.set(weak);
    if (this.#watchers > 0) this.figures.set(figures);
    this.#next();
  }
}

async function reportOf(connection: RTCPeerConnection | undefined): Promise<Report> {
  const report = new Map<string, Record<string, unknown>>();
  const read = await connection?.getStats().catch(() => undefined);
  read?.forEach((entry: Record<string, unknown>, id: string) => report.set(id, entry));
  return report;
}

function same<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
