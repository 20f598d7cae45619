/**
 * Plays what others say: one audio element for each slot and each track of a direct link, on the chosen speaker, each as loud
 * as wished.
 *
 * **Invariant:** an element lives exactly as long as its voice has a track, and all of them use the same speaker.
 */
import type { SlotIndex } from "../protocol/generated";
import { Slice } from "../slice";

/** A slot, or a track that comes another way. */
export type Voice = SlotIndex | `direct ${string}`;

interface Sink {
  setSinkId?: (id: string) => Promise<void>;
}

export class AudioOut {
  /** True while the browser refuses to play before the person touched the page. */
  readonly blocked = new Slice(false);
  readonly #elements = new Map<Voice, HTMLAudioElement>();
  readonly #volumes = new Map<Voice, number>();
  readonly #unheard = new Set<Voice>();
  #speaker = "";

  set(slot: Voice, track: MediaStreamTrack | undefined): void {
    const old = this.#elements.get(slot);
    if (old) {
      old.pause();
      old.srcObject = null;
      old.remove();
      this.#elements.delete(slot);
    }
    if (!track || typeof document === "undefined") return;
    const element = document.createElement("audio");
    element.autoplay = true;
    element.hidden = true;
    element.dataset["slot"] = String(slot);
    element.srcObject = new MediaStream([track]);
    element.volume = this.#volumes.get(slot) ?? 1;
    element.muted = this.#unheard.has(slot);
    document.body.append(element);
    this.#elements.set(slot, element);
    this.#route(element);
    void this.#play(element);
  }

  speaker(id: string): void {
    this.#speaker = id;
    for (const element of this.#elements.values()) this.#route(element);
  }

  /** How loud a slot is played, 0 to 1. */
  volume(slot: Voice, volume: number): void {
    this.#volumes.set(slot, volume);
    const element = this.#elements.get(slot);
    if (element && element.volume !== volume) element.volume = volume;
  }

  /** Whether it is heard: of two ways that bring the same voice, one is. */
  heard(voice: Voice, heard: boolean): void {
    if (heard) this.#unheard.delete(voice);
    else this.#unheard.add(voice);
    const element = this.#elements.get(voice);
    if (element && element.muted === heard) element.muted = !heard;
  }

  /** Whether it has begun to play, heard or not. */
  plays(voice: Voice): boolean {
    return (this.#elements.get(voice)?.currentTime ?? 1) > 0;
  }

  /** Plays again what was blocked; to be called from a click. */
  async unblock(): Promise<void> {
    this.blocked.set(false);
    await Promise.all([...this.#elements.values()].map((element) => this.#play(element)));
  }

  close(): void {
    for (const slot of [...this.#elements.keys()]) this.set(slot, undefined);
  }

  #route(element: HTMLAudioElement): void {
    // A speaker that is gone is refused; the element stays on the default one then.
    (element as Sink).setSinkId?.(this.#speaker).catch(() => undefined);
  }

  async #play(element: HTMLAudioElement): Promise<void> {
    try {
      await element.play();
    } catch (error) {
      if ((error as DOMException).name === "NotAllowedError") this.blocked.set(true);
    }
  }
}
