/**
 * How loud each person is, for rings and meters. Never part of a snapshot: it changes too often to be drawn by state.
 *
 * **Invariant:** who is not in the last report is silent.
 */
import type { PeerId, SpeakerLevel } from "../protocol/generated";

/** Levels of 0 to 127 below this are noise: 127 - 60 dBov. */
const FLOOR = 67;
/** Levels are spread over the 40 dB above the floor. */
const SPAN = 40;

export type LevelListener = (level: number) => void;

export class Levels {
  readonly #listeners = new Map<PeerId, Set<LevelListener>>();
  readonly #now = new Map<PeerId, number>();

  /** Calls back with 0 to 1 at once and at each change. */
  watch(peer: PeerId, listener: LevelListener): () => void {
    const set = this.#listeners.get(peer) ?? new Set();
    this.#listeners.set(peer, set.add(listener));
    listener(this.#now.get(peer) ?? 0);
    return () => {
      set.delete(listener);
      if (set.size === 0) this.#listeners.delete(peer);
    };
  }

  /** How loud a person is now, 0 to 1. */
  of(peer: PeerId): number {
    return this.#now.get(peer) ?? 0;
  }

  report(levels: readonly SpeakerLevel[]): void {
    const next = new Map(levels.map(({ peer, level }) => [peer, ringOf(level)]));
    for (const peer of this.#now.keys()) if (!next.has(peer)) this.set(peer, 0);
    for (const [peer, level] of next) this.set(peer, level);
  }

  set(peer: PeerId, level: number): void {
    if ((this.#now.get(peer) ?? 0) === level) return;
    if (level > 0) this.#now.set(peer, level);
    else this.#now.delete(peer);
    for (const listener of this.#listeners.get(peer) ?? []) listener(level);
  }

  clear(): void {
    for (const peer of [...this.#now.keys()]) this.set(peer, 0);
  }
}

/** From a level on the wire to how strongly a ring shows, 0 to 1. */
export function ringOf(level: number): number {
  return Math.max(0, Math.min(1, (level - FLOOR) / SPAN));
}
