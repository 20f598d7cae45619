import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { NetworkWatch } from "../src/client/media/networks";
import { Generations } from "../src/client/media/peer-connection";

const voice = { newest: 0, getSynchronizationSources: () => (voice.newest > 0 ? [{ timestamp: voice.newest, source: 1, rtpTimestamp: 0 }] : []) };
let networks: string;
let expected: (typeof voice)[];
const read = vi.fn(() => Promise.resolve(networks));
const changed = vi.fn();
let watch: NetworkWatch;

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  networks = "192.0.2.1 0";
  voice.newest = 0;
  expected = [voice];
  watch = new NetworkWatch(read, { expected: () => expected, changed });
  watch.start();
});
afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

async function flows(ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 20) {
    voice.newest += 20;
    await vi.advanceTimersByTimeAsync(20);
  }
}

describe("a network", () => {
  it("is not looked for while sound comes, or before any came", async () => {
    await vi.advanceTimersByTimeAsync(5_000);
    await flows(2_000);
    expect([read.mock.calls.length, changed.mock.calls.length]).toEqual([1, 0]);
  });

  it("that is gone is noticed within 250 ms, and told once", async () => {
    await flows(1_000);
    networks = "0";
    await vi.advanceTimersByTimeAsync(100);
    expect(changed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(150);
    expect(changed).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(changed).toHaveBeenCalledTimes(1);
    networks = "198.51.100.1 0";
    await vi.advanceTimersByTimeAsync(250);
    expect(changed).toHaveBeenCalledTimes(2);
  });

  it("that is as it was is not at fault, however long the silence, and looked for only so often", async () => {
    await flows(1_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(changed).not.toHaveBeenCalled();
    expect(read.mock.calls.length).toBe(16);
    await flows(100);
    await vi.advanceTimersByTimeAsync(400);
    expect(read.mock.calls.length).toBeGreaterThan(16);
  });

  it("is nothing to a room in which nobody is heard", async () => {
    await flows(1_000);
    expected = [];
    networks = "0";
    await vi.advanceTimersByTimeAsync(5_000);
    expect(changed).not.toHaveBeenCalled();
  });

  it("is not looked for while the machine is too busy to listen", async () => {
    await flows(1_000);
    networks = "0";
    const real = performance.now.bind(performance);
    let late = 0;
    vi.spyOn(performance, "now").mockImplementation(() => real() + (late += 100));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(changed).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it("is not looked for after the call", async () => {
    await flows(1_000);
    watch.stop();
    networks = "0";
    await vi.advanceTimersByTimeAsync(5_000);
    expect([read.mock.calls.length, changed.mock.calls.length]).toEqual([1, 0]);
  });
});

describe("the ways of a restart", () => {
  it("go before those of earlier ones, whatever the server thinks of them", () => {
    const sdp = (ufrag: string): string => `v=0\r\na=ice-ufrag:${ufrag}\r\na=candidate:1 1 udp 2130706431 192.0.2.7 7000 typ host\r\na=candidate:2 1 udp 2130706175 2001:db8::7 7000 typ host\r\n`;
    const generations = new Generations();
    const priorities = (ufrag: string): (string | undefined)[] => [...generations.take(sdp(ufrag)).matchAll(/ udp (\d+) /g)].map(([, priority]) => priority);
    expect([priorities("a"), priorities("a"), priorities("b"), priorities("c")]).toEqual([["1", "1"], ["1", "1"], ["2", "2"], ["3", "3"]]);
    expect(generations.take(sdp("c"))).toContain("a=candidate:2 1 udp 3 2001:db8::7 7000 typ host\r\n");
  });
});
