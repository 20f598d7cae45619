import { describe, expect, it } from "vitest";

import { FiguresReader, TrackJudge, type Owners, type Report, type TrackFigures } from "../src/client/stats/figures";
import { sampleOf } from "../src/client/stats/quality";

const owners: Owners = {
  received: (id) => (id === "t1" ? { track: "b camera", peer: "b", source: "camera" } : undefined),
  sent: (mid) => (mid === "0" ? { track: "own camera", peer: "me", source: "camera" } : undefined),
};
const report = (...entries: Record<string, unknown>[]): Report => new Map(entries.map((entry, i) => [String(entry["id"] ?? i), entry]));
const pair = { id: "p", type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.0312 };
const codec = { id: "c", type: "codec", mimeType: "video/VP8" };
const inbound = (fields: object) => ({ id: "in", type: "inbound-rtp", kind: "video", trackIdentifier: "t1", codecId: "c", frameWidth: 640, frameHeight: 360, framesPerSecond: 29, jitter: 0.004, freezeCount: 1, ...fields });

describe("figures", () => {
  it("name codec, size, rate, loss, jitter, round trip and freezes of what comes in", () => {
    const reader = new FiguresReader();
    reader.read([report(pair, codec, inbound({ bytesReceived: 1_000, packetsReceived: 100, packetsLost: 0 }))], owners, 1_000);
    const later = inbound({ bytesReceived: 251_000, packetsReceived: 190, packetsLost: 10, freezeCount: 3 });
    expect(reader.read([report(pair, codec, later)], owners, 3_000)).toEqual([
      {
        track: "b camera", peer: "b", source: "camera", direction: "in", kind: "video", codec: "VP8", layer: null, width: 640, height: 360,
        framesPerSecond: 29, bitsPerSecond: 1_000_000, loss: 0.1, jitterMs: 4, rttMs: 31.2, freezes: 3, newFreezes: 2,
      },
    ]);
  });

  it("have a row for each layer that is sent, with what the other side says of it", () => {
    const layer = (rid: string, height: number) => ({ id: rid, type: "outbound-rtp", kind: "video", mid: "0", rid, frameHeight: height, remoteId: `r ${rid}`, bytesSent: 0 });
    const remote = { id: "r f", type: "remote-inbound-rtp", fractionLost: 0.02, jitter: 0.001, roundTripTime: 0.05 };
    const read = new FiguresReader().read([report(layer("q", 180), layer("f", 720), remote)], owners, 1_000);
    expect(read.map((r) => [r.layer, r.height, r.loss, r.rttMs, r.bitsPerSecond])).toEqual([["q", 180, null, null, null], ["f", 720, 0.02, 50, null]]);
  });

  it("name the layer that the server sends, where it has said so", () => {
    const said: Owners = { ...owners, received: () => ({ track: "b camera", peer: "b", source: "camera", layer: "h" }) };
    expect(new FiguresReader().read([report(inbound({}))], said, 1_000).map((r) => r.layer)).toEqual(["h"]);
  });

  it("leave out what is nobody's", () => {
    expect(new FiguresReader().read([report(inbound({ trackIdentifier: "idle slot" }), { type: "outbound-rtp", mid: "9" })], owners, 0)).toEqual([]);
  });
});

describe("bars", () => {
  const figures = (loss: number, newFreezes = 0): TrackFigures[] => [{ track: "b camera", direction: "in", loss, newFreezes } as TrackFigures];

  it("show after two bad readings, and go after two good ones", () => {
    const judge = new TrackJudge();
    const shown = [0.2, 0.2, 0.05, 0.05, 0, 0].map((loss) => judge.take(figures(loss)).get("b camera"));
    expect(shown).toEqual([undefined, 1, 1, 2, 2, undefined]);
  });

  it("are low for a picture that freezes, and none for what is sent", () => {
    const judge = new TrackJudge();
    judge.take(figures(0, 1));
    expect(judge.take(figures(0, 1)).get("b camera")).toBe(1);
    const own = [{ ...figures(0.5)[0], direction: "out" } as TrackFigures];
    judge.take(own);
    expect(judge.take(own).size).toBe(0);
  });
});

describe("the upload", () => {
  it("is limited when the largest layer that is sent is small, however small the others are", () => {
    const layer = (rid: string, frameHeight: number, framesPerSecond: number) => ({ id: rid, type: "outbound-rtp", kind: "video", frameHeight, framesPerSecond, framesSent: 400, qualityLimitationReason: "bandwidth" });
    expect(sampleOf([report(layer("q", 180, 30), layer("f", 720, 30))]).limited).toBe(false);
    expect(sampleOf([report(layer("q", 180, 30), layer("f", 720, 0))]).limited).toBe(true);
    expect(sampleOf([report({ ...layer("q", 180, 30), qualityLimitationReason: "none" })]).limited).toBe(false);
    // At the start layers come one after the other.
    expect(sampleOf([report({ ...layer("q", 180, 30), framesSent: 90 })]).limited).toBe(false);
  });
});
