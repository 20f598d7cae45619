import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Refused } from "../src/client";
import { Gateways } from "../src/client/socket/gateways";
import { DIAL_MS, Link, PING_MS, REQUEST_MS, SILENCE_MS, type Rider } from "../src/client/socket/link";
import { settle } from "./support/room";
import { TestWire } from "./support/wire";

let wire: TestWire;
let link: Link;
let rider: Rider & { log: string[] };

beforeEach(async () => {
  vi.useFakeTimers();
  wire = new TestWire();
  link = new Link(wire, new Gateways("ws://one/ws", ["ws://two/ws"]));
  const log: string[] = [];
  rider = {
    room: "r", log,
    opening: () => Promise.resolve("?ticket=x"),
    opened: () => void log.push("opened"),
    lost: (code) => void log.push(`lost ${code ?? ""}`.trim()),
    failed: (refused) => void log.push(`failed ${refused.code}`),
    heard: (frame) => void log.push(frame.message.type),
  };
  link.board(rider);
  await settle();
});
afterEach(() => {
  link.alight(rider);
  vi.useRealTimers();
});

const pong = { type: "pong", at: 0, now: 0 } as const;

describe("the link", () => {
  it("dials with the rider's ticket and tells of a fresh socket", () => {
    expect(wire.last.url).toBe("ws://one/ws?ticket=x");
    wire.last.open();
    expect(rider.log).toEqual(["opened"]);
  });

  it("pings, and dials the next gateway after 1.5 s of silence", async () => {
    wire.last.open();
    await settle(1_000);
    expect(wire.last.of("ping")).toHaveLength(2);
    wire.last.say(pong);
    await settle(SILENCE_MS);
    expect(wire.sockets).toHaveLength(1);
    await settle(600);
    expect(wire.sockets.map((s) => s.url)).toEqual(["ws://one/ws?ticket=x", "ws://two/ws?ticket=x"]);
    expect(wire.sockets[0]?.closed).toBe(true);
    expect(rider.log).toContain("lost");
  });

  it("takes anything that is heard as a sign of life", async () => {
    wire.last.open();
    for (let i = 0; i < 10; i += 1) {
      await settle(1_000);
      wire.last.say({ type: "speakers", levels: [] }, { room: "r" });
    }
    expect(wire.sockets).toHaveLength(1);
  });

  it("does not take its own sleep for the server's silence", async () => {
    wire.last.open();
    await settle(500);
    // The machine sleeps: time goes on, no timer runs.
    vi.setSystemTime(Date.now() + 60_000);
    const real = performance.now.bind(performance);
    const spy = vi.spyOn(performance, "now").mockImplementation(() => real() + 60_000);
    await settle(600);
    expect(wire.sockets).toHaveLength(1);
    await settle(2_500);
    expect(wire.sockets.length).toBeGreaterThan(1);
    spy.mockRestore();
  });

  it("waits longer after each failure, at most 8 s, and begins anew after success", async () => {
    const gaps: number[] = [];
    for (let i = 0; i < 9; i += 1) {
      const before = wire.sockets.length;
      wire.last.fail();
      let ms = 0;
      while (wire.sockets.length === before && ms < 20_000) {
        await settle(50);
        ms += 50;
      }
      gaps.push(ms);
    }
    expect(gaps).toEqual([50, 250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    wire.last.open();
    link.settled();
    wire.last.fail();
    await settle(50);
    expect(wire.sockets).toHaveLength(11);
  });

  it("gives up a handshake that does not come", async () => {
    await settle(DIAL_MS + 50);
    expect(wire.sockets.map((s) => s.url)).toEqual(["ws://one/ws?ticket=x", "ws://two/ws?ticket=x"]);
  });

  it("dials at once when the browser is online again", async () => {
    for (let i = 0; i < 6; i += 1) {
      wire.last.fail();
      await settle(4_100);
    }
    wire.last.fail();
    const before = wire.sockets.length;
    link.hurry();
    await settle();
    expect(wire.sockets.length).toBe(before + 1);
  });

  it("settles each request once: reply, refusal, time-out, loss", async () => {
    wire.last.open();
    const results: string[] = [];
    const ask = (name: string): void => {
      link.request<"history">({ type: "history" }).then(() => results.push(`${name} ok`), (error: Refused) => results.push(`${name} ${error.code}`));
    };
    ask("a");
    wire.last.reply("history", { type: "history", messages: [], more: false });
    wire.last.reply("history", { type: "history", messages: [], more: false });
    ask("b");
    wire.last.refuse("history", "not_joined");
    ask("c");
    await settle(0);
    for (let ms = 0; ms <= REQUEST_MS; ms += 1_000) {
      wire.last.say(pong);
      await settle(1_000);
    }
    ask("d");
    wire.last.fail();
    ask("e");
    await settle();
    expect(results).toEqual(["a ok", "b not_joined", "c timeout", "d unreachable", "e unreachable"]);
  });

  it("sends nothing on a socket that is closing, and still hears why it closed", async () => {
    wire.last.open();
    wire.last.closing();
    const asked = link.request<"history">({ type: "history" }).catch((error: Refused) => error.code);
    link.cast({ type: "leave" }, "r");
    await settle(PING_MS * 2);
    expect(await asked).toBe("unreachable");
    expect(wire.last.sent).toEqual([]);
    expect(rider.log).toEqual(["opened"]);
    wire.last.fail("superseded");
    expect(rider.log).toEqual(["opened", "lost superseded"]);
  });

  it("gives up a socket that closes for too long", async () => {
    wire.last.open();
    wire.last.closing();
    await settle(SILENCE_MS + PING_MS * 2);
    expect(wire.sockets.map((s) => s.url)).toEqual(["ws://one/ws?ticket=x", "ws://two/ws?ticket=x"]);
  });

  it("hears nothing of a socket that was given up", async () => {
    wire.last.open();
    const old = wire.last;
    link.redial(true);
    await settle();
    old.say({ type: "kicked" }, { room: "r" });
    expect(rider.log).not.toContain("kicked");
  });

  it("passes frames of other rooms by, and those about the socket to all", () => {
    wire.last.open();
    wire.last.say({ type: "kicked" }, { room: "other" });
    wire.last.say({ type: "resume_token", token: "t" });
    wire.last.onmessage?.({ data: "no json" });
    expect(rider.log).toEqual(["opened", "resume_token"]);
  });

  it("ends where the line cannot be opened, and waits where it may be later", async () => {
    wire.last.fail();
    const opening = vi.spyOn(rider, "opening").mockRejectedValueOnce(new Refused("overloaded")).mockRejectedValueOnce(new Refused("banned"));
    await settle(5_000);
    expect(opening).toHaveBeenCalledTimes(2);
    expect(rider.log).toEqual(["failed banned"]);
    expect(link.state.get().phase).toBe("idle");
  });
});
