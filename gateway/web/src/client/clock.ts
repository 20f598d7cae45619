/**
 * The clock, in one place: `now` for durations, `wall` for times of day, `wait` for pauses.
 *
 * **Invariant:** durations are never computed from the wall clock, which may be set back.
 */
export const now = (): number => performance.now();

export const wall = (): number => Date.now();

export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error);
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
