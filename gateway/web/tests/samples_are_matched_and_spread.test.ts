/**
 * What the benches make of their samples.
 *
 * **Invariant:** a sample is matched with what it came from, or it is none.
 */
import { afterEach, expect, test, vi } from "vitest";

import { delays, percentile, spread } from "../e2e/bench/support/spread";

afterEach(() => vi.restoreAllMocks());

const at = (...times: [number, number][]) => times.map(([number, at]) => ({ number, at }));

test("each that came out is matched with the latest of its number before it", () => {
  const sent = at([1, 0], [2, 10], [1, 1_000], [3, 1_010]);
  expect(delays(sent, at([1, 80], [2, 75], [1, 1_120], [3, 1_090]), 500)).toEqual([80, 65, 120, 80]);
});

test("what was never sent, or too long ago, is no sample", () => {
  const sent = at([1, 100]);
  expect(delays(sent, at([2, 150], [1, 90], [1, 700], [1, 400]), 500)).toEqual([300]);
});

test("percentiles are of the nearest rank", () => {
  const samples = Array.from({ length: 20 }, (_, i) => 20 - i);
  expect([0.5, 0.95, 1].map((share) => percentile(samples, share))).toEqual([10, 19, 20]);
  expect(percentile([7], 0.95)).toBe(7);
  expect(percentile([], 0.5)).toBeNaN();
});

test("too few samples are said to be void", () => {
  const said: string[] = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
  spread("wait", [1, 2, 3.456], "ms", 3);
  spread("none", [1], "ms", 2);
  expect(said).toEqual([
    "figure wait_samples 3 samples",
    "figure wait_p50 2 ms",
    "figure wait_p95 3.46 ms",
    "figure wait_max 3.46 ms",
    "figure none_samples 1 samples",
    "void none_p95 only 1 of 2 samples",
  ]);
});
