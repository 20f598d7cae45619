/**
 * A value that can be read at any time and watched: the form in which the client shows its state.
 *
 * **Invariant:** `get` returns the same reference until the value changed, and listeners run only then.
 */
export interface Readable<T> {
  get(): T;
  subscribe(listener: () => void): () => void;
}

export class Slice<T> implements Readable<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  set(next: T): void {
    if (Object.is(next, this.#value)) return;
    this.#value = next;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Merges fields into an object value; does nothing when none differs. */
  patch(fields: Partial<T>): void {
    const now = this.#value;
    const differs = (Object.keys(fields) as (keyof T)[]).some((key) => !Object.is(now[key], fields[key]));
    if (differs) this.set({ ...now, ...fields });
  }
}
