/**
 * How long to wait before the next attempt.
 *
 * **Invariant:** the first attempt is at once, and no wait is longer than `capMs`.
 */
export interface BackoffOptions {
  /** First wait, ms. */
  baseMs: number;
  /** Longest wait, ms. */
  capMs: number;
}

/** 250 ms keeps a restarted gateway's clients back within a second; 8 s keeps a dead one from being flooded. */
export const DIAL_BACKOFF: BackoffOptions = { baseMs: 250, capMs: 8_000 };

/** Wait before attempt `attempt` (from 0), with up to a quarter taken off at random so that many clients spread out. */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number = Math.random): number {
  if (attempt <= 0) return 0;
  const full = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt - 1, 20));
  return Math.round(full * (1 - random() / 4));
}
