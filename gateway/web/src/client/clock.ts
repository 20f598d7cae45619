/**
 * The clock, in one place: `now` for durations, `wall` for times of day, `serverNow` for what the server gave a time to,
 * `wait` for pauses.
 *
 * **Invariant:** durations are never computed from the wall clock, which may be wrong or set back; times that the server
 * gave are compared with the server's clock only.
 */
export const now = (): number => performance.now();

export const wall = (): number => Date.now();

/** The server's clock minus `now` lies between these, ms; unknown before it was heard. */
let ahead: { least: number; most: number } | undefined;

/**
 * The server said what time it is: `at`, or up to `spreadMs` later, in an answer to what was asked at `askedAt` on the clock
 * of `now`. The narrowest bounds are kept, until an answer lies outside of them: after a sleep, or from a server set otherwise.
 */
export function heardServer(at: number, askedAt: number, spreadMs = 0): void {
  if (!Number.isFinite(at)) return;
  const heard = { least: at - now(), most: at + spreadMs - askedAt };
  const fits = ahead !== undefined && heard.least <= ahead.most && ahead.least <= heard.most;
  if (!ahead || !fits || heard.most - heard.least < ahead.most - ahead.least) ahead = heard;
}

/** The server's wall clock as far as it is known, ms; the own one before the server was heard. It runs on whatever is done to the own. */
export function serverNow(): number {
  return ahead ? now() + (ahead.least + ahead.most) / 2 : wall();
}

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
