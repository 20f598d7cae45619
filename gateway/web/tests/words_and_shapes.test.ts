import { describe, expect, it } from "vitest";

import { en } from "../src/app/i18n/en";
import { backoffMs } from "../src/client/backoff";
import { ringOf } from "../src/client/media/levels";
import { uuid } from "../src/client/random";
import { Gateways, ownGateway } from "../src/client/socket/gateways";
import { Judge, goodQuality, sampleOf, type Sample } from "../src/client/stats/quality";
import type { ConnectionView } from "../src/client";
import { standingOf, type Facts } from "../src/client/session/standing";
import { wantsOf } from "../src/client/session/wants";
import { rowsOf } from "../src/screens/room/message-rows";
import { trimLink } from "../src/client/chat/markdown";
import { tile, GAP } from "../src/screens/room/tiling";
import { roomOf, safeNext } from "../src/screens/shared/links";
import { clockOf } from "../src/screens/shared/when";
import { RoomState } from "../src/client/session/room-state";
import { joined, person, trackOf } from "./support/room";

describe("addresses", () => {
  it.each([
    ["abc-defg-hij", "abc-defg-hij"],
    [" ABC-DEFG-HIJ ", "abc-defg-hij"],
    ["abcdefghij", "abc-defg-hij"],
    ["abc defg hij", "abc-defg-hij"],
    ["https://rookery.example/r/abc-defg-hij?x=1", "abc-defg-hij"],
    ["0190b0f0-0000-7000-8000-000000000001", "0190b0f0-0000-7000-8000-000000000001"],
    ["hello", undefined],
    ["javascript:alert(1)", undefined],
    ["", undefined],
  ])("%s names the room %s", (typed, room) => expect(roomOf(typed)).toBe(room));

  it.each([
    ["/r/abc-defg-hij", "/r/abc-defg-hij"],
    ["https://evil.example", "/"],
    ["//evil.example", "/"],
    ["/\\evil.example", "/"],
    ["/sign-in?next=/", "/"],
    [null, "/"],
  ])("%s leads after signing in to %s", (next, path) => expect(safeNext(next)).toBe(path));

  it("of gateways begin with the page's own", () => {
    const gateways = new Gateways(ownGateway({ protocol: "https:", host: "a.example" }), ["wss://b.example", "https://c.example/ws", "nonsense", "wss://a.example/ws"]);
    expect(gateways.all).toEqual(["wss://a.example/ws", "wss://b.example/ws", "wss://c.example/ws"]);
    gateways.advance();
    gateways.learn(["wss://d.example/ws"]);
    expect(gateways.current).toBe("wss://b.example/ws");
  });
});

describe("links in messages", () => {
  it.each([
    ["https://a.example/b.", "https://a.example/b", "."],
    ["https://a.example/(b)", "https://a.example/(b)", ""],
    ["https://a.example/b),", "https://a.example/b", "),"],
    ["https://a.example/?q=1!", "https://a.example/?q=1", "!"],
  ])("%s", (found, link, rest) => expect(trimLink(found)).toEqual([link, rest]));
});

describe("messages", () => {
  it("are grouped by person, minutes and day", () => {
    const at = new Date(2026, 0, 2, 12, 0).getTime();
    const of = (seq: number, peer: string, ms: number) => ({ seq, nonce: String(seq), peer, displayName: peer, text: "", at: ms });
    const stored = [of(1, "a", at - 86_400_000), of(2, "a", at), of(3, "a", at + 60_000), of(4, "b", at + 61_000), of(5, "b", at + 600_000)];
    const waiting = ["x", "y"].map((nonce) => ({ nonce, text: "", at: at + 660_000, seen: 5, state: "sending" as const }));
    const show = (own: string): string[] =>
      rowsOf(stored, waiting, (m) => m.peer === own).map((r) => (r.kind === "message" || r.kind === "pending" ? `${r.kind[0]} ${r.head ? "head" : "more"}` : r.kind));
    const rows = ["top", "day", "m head", "day", "m head", "m more", "m head", "m head"];
    expect(show("b")).toEqual([...rows, "p more", "p more"]);
    expect(show("a")).toEqual([...rows, "p head", "p more"]);
  });
});

describe("tiles", () => {
  it("fit the stage, for any number and size", () => {
    for (const [width, height] of [[1248, 632], [908, 632], [374, 652], [300, 100], [1900, 900]] as const) {
      for (let n = 1; n <= 25; n += 1) {
        const { columns, width: w, height: h } = tile(n, width, height);
        const rows = Math.ceil(n / columns);
        expect(w).toBeGreaterThan(0);
        expect(columns * w + (columns - 1) * GAP).toBeLessThanOrEqual(width);
        expect(rows * h + (rows - 1) * GAP).toBeLessThanOrEqual(height);
      }
    }
    expect(tile(6, 908, 632).columns).toBe(3);
    expect(tile(6, 374, 652).columns).toBe(2);
    expect(tile(0, 100, 100).width).toBe(0);
  });
});

describe("what is wanted", () => {
  it("is who is seen, then who spoke, then who could, then the others; what is out of sight is wanted at 0 x 0", () => {
    const state = new RoomState();
    const roster = ["a", "b", "c", "me"].map((p) => person(p));
    const tracks = ["a", "b", "c", "me"].flatMap((p) => [trackOf(`${p} camera`, p), trackOf(`${p} voice`, p, { kind: "audio", source: "microphone" })]);
    state.snapshot(joined({ roster, tracks: [...tracks, trackOf("d camera", "d", { muted: true })] }));
    const wants = wantsOf(state.tracks, "me", [{ peer: "c", width: 300, height: 170 }, { peer: "a", width: 0, height: 0 }], ["b"]);
    expect(wants.map((w) => [w.key, w.video?.size?.width, w.audio?.track])).toEqual([["c", 304, "c voice"], ["b", 0, "b voice"], ["a", 0, "a voice"], ["d", 0, undefined]]);
  });
});

describe("how the connection stands", () => {
  const facts: Facts = { attached: true, lineOpen: true, vacant: false, hadMedia: true, media: "connected", carried: false, moved: false, now: 500 };
  const lost: ConnectionView = { state: "reconnecting", since: 100, part: "line" };
  const cases: [string, ConnectionView, Partial<Facts>, ConnectionView][] = [
    ["asks for a seat", { state: "connecting", step: "line" }, { attached: false, lineOpen: false, vacant: true }, { state: "connecting", step: "seat" }],
    ["enters on an open line", { state: "connecting", step: "line" }, { attached: false }, { state: "connecting", step: "room" }],
    ["waits for media the first time", { state: "connecting", step: "room" }, { hadMedia: false, media: "connecting" }, { state: "connecting", step: "media" }],
    ["is live without any media", { state: "connecting", step: "room" }, { hadMedia: false, media: "none" }, { state: "live" }],
    ["is live while a first camera is being connected", { state: "live" }, { media: "connecting" }, { state: "live" }],
    ["counts from the loss of the line", { state: "live" }, { attached: false }, { state: "reconnecting", since: 500, part: "line" }],
    ["counts on while media is built anew", lost, { media: "connecting" }, { state: "reconnecting", since: 100, part: "media" }],
    ["counts on while media is lost", lost, { media: "lost" }, { state: "reconnecting", since: 100, part: "media" }],
    ["says nothing of the server's media to those who see and hear each other", { state: "live" }, { media: "lost", carried: true }, { state: "live" }],
    ["nor while that is made anew", { state: "live" }, { attached: false, carried: true }, { state: "live" }],
    ["says that the line is lost to them too", { state: "live" }, { attached: false, lineOpen: false, carried: true }, { state: "reconnecting", since: 500, part: "line" }],
    ["is live at once when only the server's media is still missing", lost, { media: "connecting", carried: true }, { state: "live" }],
    ["nor waits for it the first time", { state: "connecting", step: "room" }, { hadMedia: false, media: "connecting", carried: true }, { state: "live" }],
    ["has moved", lost, { moved: true }, { state: "moved" }],
  ];
  it.each(cases)("%s", (_, before, changed, after) => expect(standingOf(before, { ...facts, ...changed })).toEqual(after));
});

describe("quality", () => {
  it("is called weak only after two bad samples, and good only after as many good ones", () => {
    const judge = new Judge();
    const sample = (limited: boolean): Sample => ({ rttMs: 40, lossUp: 0, limited, packetsReceived: 0, packetsLost: 0 });
    let now = goodQuality;
    const seen = [true, true, false, false, true].map((bad) => (now = judge.take(sample(bad), now)).upload);
    expect(seen).toEqual(["good", "weak", "weak", "good", "good"]);
  });
  it.each(["audio", "video"])("is weak where much of the %s that is received is lost", (kind) => {
    const judge = new Judge();
    let now = goodQuality;
    const seen = [1, 2, 3, 4].map((i) => {
      const entry = { type: "inbound-rtp", kind, packetsReceived: 50 * i, packetsLost: 50 * i };
      return (now = judge.take(sampleOf([new Map([["in", entry]])]), now)).download;
    });
    expect(seen).toEqual(["good", "good", "weak", "weak"]);
  });
});

describe("small things", () => {
  it("wait longer and longer", () => {
    expect([0, 1, 2, 3, 50].map((n) => backoffMs(n, { baseMs: 250, capMs: 8_000 }, () => 0))).toEqual([0, 250, 500, 1_000, 8_000]);
    expect(backoffMs(3, { baseMs: 250, capMs: 8_000 }, () => 1)).toBe(750);
  });
  it("make ids of the right form", () => {
    const ids = Array.from({ length: 100 }, uuid);
    expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(100);
  });
  it("show levels between a floor and a ceiling", () => expect([0, 67, 87, 107, 127].map(ringOf)).toEqual([0, 0, 0.5, 1, 1]));
  it("show a clock", () => expect([clockOf(0), clockOf(2_530_000), clockOf(-5)]).toEqual(["00:00:00", "00:42:10", "00:00:00"]));
  it("say who is inside", () => {
    const { insideNames } = en.prejoin;
    expect(insideNames([], 0)).toBe("Nobody is inside yet.");
    expect(insideNames(["A"], 1)).toBe("A is inside.");
    expect(insideNames(["A", "B"], 2)).toBe("A and B are inside.");
    expect(insideNames(["A", "B"], 4)).toBe("A, B and 2 others are inside.");
  });
});
