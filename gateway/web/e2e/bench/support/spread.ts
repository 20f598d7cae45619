/**
 * Samples: which one was seen or heard of which one sent, how they are spread, and how that is printed. Pure but for the printing.
 *
 * **Invariant:** too few samples are void, never a figure.
 */

/** What was sent at a time and came out at another, ms on one clock. */
export interface Sent {
  number: number;
  at: number;
}

/**
 * How long each took that came out. Numbers come again after a while: the latest one sent before is meant.
 * `withinMs` is less than the time between two of one number.
 */
export function delays(sent: readonly Sent[], came: readonly Sent[], withinMs: number): number[] {
  const byNumber = new Map<number, number[]>();
  for (const { number, at } of sent) byNumber.set(number, [...(byNumber.get(number) ?? []), at]);
  return came.flatMap(({ number, at }) => {
    const began = byNumber.get(number)?.findLast((time) => time <= at);
    return began !== undefined && at - began < withinMs ? [at - began] : [];
  });
}

/** Nearest rank: the smallest sample that `share` of all do not exceed. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

export function figure(name: string, value: number, unit: string): void {
  console.log(`figure ${name} ${Math.round(value * 100) / 100} ${unit}`);
}

/** Prints p50, p95, the largest and how many there are; with fewer than `least` that it is void. */
export function spread(name: string, samples: readonly number[], unit: string, least: number): void {
  figure(`${name}_samples`, samples.length, "samples");
  if (samples.length < least) {
    console.log(`void ${name}_p95 only ${samples.length} of ${least} samples`);
    return;
  }
  figure(`${name}_p50`, percentile(samples, 0.5), unit);
  figure(`${name}_p95`, percentile(samples, 0.95), unit);
  figure(`${name}_max`, Math.max(...samples), unit);
}
