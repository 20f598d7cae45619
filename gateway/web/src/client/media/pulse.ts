/**
 * Whether the other end of a direct link is still there: each says something every quarter of a second, on a channel that
 * repeats nothing. A browser takes seconds to notice that nothing comes any more.
 *
 * **Invariant:** silence counts only once the other was heard, only while our own beats come in time, and only where no media
 * comes either; so a page that stands still, here or there, ends no call.
 */
import { now } from "../clock";
import { startTicker, type Ticker } from "../socket/ticker";

/** Often enough to tell within half a second, seldom enough to cost nothing (60 B each, headers included). */
const BEAT_MS = 250;
/** Two beats lost in a row: the server carries media as well, until it is clear. */
const DOUBT_MS = 500;
/** As long as a connection may be gone by the room's rule. It costs nobody anything: both ways carry everything meanwhile. */
const SILENT_MS = 2_000;
/** Our own beat was so late that what has come meanwhile may not have been read yet. */
const LATE_MS = 3 * BEAT_MS;

/** `silent`: nothing has come for two seconds. `doubtful`: nothing for half a second. */
export type Liveness = "heard" | "doubtful" | "silent";

export class Pulse {
  readonly #connection: RTCPeerConnection;
  readonly #channel: RTCDataChannel;
  readonly #changed: () => void;
  readonly #ticker: Ticker;
  /** When the other was last heard, or when counting began anew. Nothing until it was heard at all. */
  #heardAt: number | undefined;
  #beatAt = now();
  #bytes: number | undefined;
  #looking = false;
  #liveness: Liveness = "heard";

  /** `changed`: the liveness is another one now, or is still `silent` a beat later. */
  constructor(connection: RTCPeerConnection, changed: () => void) {
    this.#connection = connection;
    this.#changed = changed;
    this.#channel = connection.createDataChannel("pulse", { negotiated: true, id: 1, ordered: false, maxRetransmits: 0 });
    this.#channel.onmessage = () => this.#heard();
    this.#ticker = startTicker(BEAT_MS, () => this.#beat());
  }

  get liveness(): Liveness {
    return this.#liveness;
  }

  /** The other end was heard just now: whatever the browser says of the connection, it carries. */
  get sure(): boolean {
    return this.#heardAt !== undefined && this.#liveness === "heard";
  }

  stop(): void {
    this.#ticker.stop();
    this.#channel.onmessage = null;
  }

  #heard(): void {
    this.#heardAt = now();
    this.#bytes = undefined;
    this.#judge("heard");
  }

  #beat(): void {
    const at = now();
    const late = at - this.#beatAt > LATE_MS;
    this.#beatAt = at;
    // One that waits is as good as the next.
    if (this.#channel.readyState === "open" && this.#channel.bufferedAmount === 0) this.#channel.send("");
    if (this.#heardAt === undefined) return;
    if (late) {
      this.#heardAt = at;
      this.#bytes = undefined;
    }
    const silence = at - this.#heardAt;
    if (silence > BEAT_MS) void this.#look();
    if (silence >= DOUBT_MS) this.#judge(silence >= SILENT_MS ? "silent" : "doubtful");
  }

  /** Media counts as well as a beat: between two looks, more of it has come. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      let bytes = 0;
      (await this.#connection.getStats()).forEach((entry: { type?: string; bytesReceived?: number }) => {
        if (entry.type === "transport") bytes += entry.bytesReceived ?? 0;
      });
      const more = this.#bytes !== undefined && bytes > this.#bytes;
      if (more) this.#heard();
      this.#bytes = bytes;
    } catch {
      // Of a connection that was closed there is nothing to be read.
    } finally {
      this.#looking = false;
    }
  }

  #judge(liveness: Liveness): void {
    if (liveness === this.#liveness && liveness !== "silent") return;
    this.#liveness = liveness;
    this.#changed();
  }
}
