import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { IceServer } from "../src/client";
import { Refused } from "../src/client/errors";
import { IceServers } from "../src/client/media/ice-servers";
import { event, goIn, joined, ROOM, SELF, settle, testRoom, trackOf } from "./support/room";
import { stubMediaStream } from "./support/media";

const turn = (username: string, lifetimeMs?: number): IceServer => ({ urls: ["turn:x"], username, credential: "c", ...(lifetimeMs === undefined ? {} : { lifetimeMs }) });

beforeEach(() => {
  vi.useFakeTimers();
  stubMediaStream();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("credentials that run out", () => {
  it("are asked for again before they do, and after each answer", async () => {
    const request = vi.fn(() => Promise.resolve({ type: "ice_servers", iceServers: [turn("2", 20_000)] }));
    const renewed = vi.fn();
    const ice = new IceServers({ request } as never, renewed);
    ice.take([turn("1", 10_000), { urls: ["stun:y"] }]);
    await settle(7_900);
    expect(request).not.toHaveBeenCalled();
    await settle(200);
    expect([ice.servers, renewed.mock.calls.length]).toEqual([[turn("2", 20_000)], 1]);
    await settle(16_000);
    expect(renewed).toHaveBeenCalledTimes(2);
    ice.stop();
    await settle(60_000);
    expect([renewed.mock.calls.length, vi.getTimerCount()]).toEqual([2, 0]);
  });

  it("are asked for later where they cannot be had, and never where they last", async () => {
    const request = vi.fn(() => Promise.reject(new Refused("unreachable")));
    const ice = new IceServers({ request } as never, vi.fn());
    ice.take([turn("1", 10_000)]);
    await settle(9_000);
    await settle(30_000);
    expect(request).toHaveBeenCalledTimes(2);
    ice.take([{ urls: ["stun:y"] }, turn("1")]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("come with every snapshot, to connections that are kept as well", async () => {
    const room = testRoom({ devices: true });
    await room.local.start();
    await goIn(room, { iceServers: [turn("1", 600_000)] });
    for (const frame of room.wire.last.of("publish")) room.wire.last.say({ type: "published", track: `own ${frame.message.source}` }, { re: frame.id ?? 0, room: ROOM });
    room.wire.last.reply("offer", { type: "answer", sdp: "answer" });
    await settle();
    room.media.open("publish").becomes("connected");
    room.wire.last.fail();
    await settle(5_000);
    room.wire.last.open();
    await settle();
    room.wire.last.reply("resume", joined({ mediaKept: true, tracks: [trackOf("own microphone", SELF, { kind: "audio", source: "microphone" }), trackOf("own camera", SELF)], iceServers: [turn("2", 600_000)] }));
    await settle();
    expect(room.media.open("publish").ice).toEqual([turn("2", 600_000)]);
    event(room, 6, { type: "room_closed", reason: "host" });
    room.local.close();
    await settle(600_000);
    expect(room.wire.last.of("ice_servers")).toEqual([]);
  });
});
