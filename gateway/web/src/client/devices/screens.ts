/**
 * Screens that this person shares, each with its sound where the browser gives it.
 *
 * **Invariant:** a share that ended, by the page or by the browser's own bar, has released what it captured; so has one that
 * was chosen only after all were stopped.
 */
import { Emitter } from "../emitter";
import { Slice } from "../slice";

/** A person may show two things side by side; more are unreadable, and each costs everyone a picture. */
export const SHARES_MAX = 2;

/** What a share is to be: text sharp, or a film smooth. */
export type ShareStyle = "sharp" | "smooth";

export interface Share {
  /** Its place, 0 or 1: kept while it lasts. */
  place: number;
  style: ShareStyle;
  video: MediaStreamTrack;
  audio: MediaStreamTrack | null;
}

export interface ScreenEvents {
  /** The browser or the shared window ended it; nobody asked the page to. */
  ended: Record<string, never>;
  /** The browser could not capture it. That the person changed their mind is no failure. */
  failed: Record<string, never>;
}

export type ScreenSource = Partial<Pick<MediaDevices, "getDisplayMedia">>;

/** What each style asks of the capture; how it is sent follows from the hint. */
const STYLES = {
  sharp: { contentHint: "detail", frameRate: { ideal: 15, max: 15 } },
  smooth: { contentHint: "motion", frameRate: { ideal: 30, max: 30 } },
} as const;
const LARGEST = { width: { max: 2_560 }, height: { max: 1_440 } };

/** What is captured at first: sharp, and sound as it is played. */
const WANTED = {
  video: { ...LARGEST, frameRate: { ideal: 15, max: 30 } },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  // To show the call in the call is a hall of mirrors, and its sound an echo.
  selfBrowserSurface: "exclude",
  surfaceSwitching: "include",
  systemAudio: "include",
} as DisplayMediaStreamOptions;

export class ScreenShares {
  readonly state = new Slice<readonly Share[]>([]);
  readonly events = new Emitter<ScreenEvents>();
  readonly #source: ScreenSource | undefined;
  readonly #may: () => boolean;
  #asking = false;
  #closed = false;
  /** Counts how often all were stopped. */
  #turn = 0;

  /** `may`: whether the room lets this person share one now; where not, it has been said. */
  constructor(source: ScreenSource | undefined, may: () => boolean) {
    this.#source = source;
    this.#may = may;
  }

  /** Phones have nothing to capture. */
  get possible(): boolean {
    return typeof this.#source?.getDisplayMedia === "function";
  }

  /** Asks the browser for one more screen; to be called from a click or a key. */
  async start(): Promise<void> {
    const place = this.#free();
    if (place === undefined || this.#closed || this.#asking || !this.#source?.getDisplayMedia || !this.#may()) return;
    this.#asking = true;
    const turn = this.#turn;
    try {
      const stream = await this.#source.getDisplayMedia(WANTED);
      const [video] = stream.getVideoTracks();
      const audio = stream.getAudioTracks()[0] ?? null;
      if (turn !== this.#turn) return release({ video, audio });
      if (!video) throw new DOMException("no picture", "NotFoundError");
      // The host may have changed their mind while the person chose.
      if (!this.#may()) return release({ video, audio });
      video.contentHint = STYLES.sharp.contentHint;
      if (audio) audio.contentHint = "music";
      video.onended = () => this.#gone(video);
      this.state.set([...this.state.get(), { place, style: "sharp", video, audio }]);
    } catch (error) {
      if (turn === this.#turn && (error as DOMException | undefined)?.name !== "NotAllowedError") this.events.emit("failed", {});
    } finally {
      this.#asking = false;
    }
  }

  /** Changes what one share is to be; the others stay as they are. */
  style(place: number, style: ShareStyle): void {
    const share = this.state.get().find((other) => other.place === place);
    if (!share || share.style === style) return;
    const { contentHint, frameRate } = STYLES[style];
    share.video.contentHint = contentHint;
    // A capture that cannot be changed goes on as it is.
    share.video.applyConstraints({ ...LARGEST, frameRate }).catch(() => undefined);
    this.state.set(this.state.get().map((other) => (other === share ? { ...share, style } : other)));
  }

  stop(place: number): void {
    for (const share of this.state.get()) if (share.place === place) release(share);
    this.state.set(this.state.get().filter((share) => share.place !== place));
  }

  /** Stops what there is, and what is being chosen. */
  stopAll(): void {
    this.#turn += 1;
    if (this.state.get().length === 0) return;
    this.state.get().forEach(release);
    this.state.set([]);
  }

  /** Stops all for good. */
  close(): void {
    this.#closed = true;
    this.stopAll();
  }

  #free(): number | undefined {
    const taken = new Set(this.state.get().map((share) => share.place));
    for (let place = 0; place < SHARES_MAX; place += 1) if (!taken.has(place)) return place;
    return undefined;
  }

  #gone(video: MediaStreamTrack): void {
    const share = this.state.get().find((other) => other.video === video);
    if (!share) return;
    this.stop(share.place);
    this.events.emit("ended", {});
  }
}

function release({ video, audio }: { video: MediaStreamTrack | undefined; audio: MediaStreamTrack | null }): void {
  if (video) video.onended = null;
  video?.stop();
  audio?.stop();
}
