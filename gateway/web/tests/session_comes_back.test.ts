import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { loadSeat } from "../src/client/session/seat-store";
import { event, goIn, joinAnswer, joined, person, Refused, ROOM, SELF, settle, testRoom, trackOf, type TestRoom } from "./support/room";
import { stubMediaStream } from "./support/media";

let room: TestRoom;

beforeEach(() => {
  vi.useFakeTimers();
  stubMediaStream();
});
afterEach(() => {
  room.session.leave();
  room.local.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** In, sending camera and microphone, and receiving from one other. */
async function inCall(): Promise<void> {
  room = testRoom({ devices: true });
  await room.local.start();
  await goIn(room, { roster: [person(SELF), person("b")], tracks: [trackOf("b camera", "b")] });
  await settle();
  const { last } = room.wire;
  for (const frame of last.of("publish")) last.say({ type: "published", track: `own ${frame.message.source}` }, { re: frame.id ?? 0, room: ROOM });
  last.reply("offer", { type: "answer", sdp: "answer" });
  last.say({ type: "subscribe_offer", negotiation: 1, sdp: "0,1,2,3", slots: [{ slot: 0, videoMid: "0", audioMid: "1" }, { slot: 1, videoMid: "2", audioMid: "3" }] }, { room: ROOM });
  await settle();
  last.reply("answer", { type: "ok" });
  room.media.open("publish").becomes("connected");
  room.media.open("subscribe").becomes("connected");
  await settle();
}

const own = [trackOf("own microphone", SELF, { kind: "audio", source: "microphone" }), trackOf("own camera", SELF)];

describe("a session", () => {
  it("joins with its ticket, and publishes and offers in one go", async () => {
    await inCall();
    const first = room.wire.sockets[0]!;
    expect(first.url).toBe("ws://one.example/ws?ticket=ticket 1");
    const types = first.sent.map((f) => f.message.type).filter((t) => t !== "ping");
    expect(types).toEqual(["join", "history", "publish", "publish", "offer", "answer", "subscribe"]);
    expect(first.of("join")[0]).toMatchObject({ v: 1, message: { ticket: "ticket 1", srtp: "gcm" } });
    expect(first.of("publish").every((f) => f.room === ROOM)).toBe(true);
    expect(first.of("answer")[0]?.message).toEqual({ type: "answer", negotiation: 1, sdp: "answer to 0,1,2,3" });
    expect(first.of("subscribe")[0]?.message).toMatchObject({ track: "b camera", slot: 0 });
    expect(room.session.connection.get()).toEqual({ state: "live" });
  });

  it("shows a track only when the server says that its slot carries it", async () => {
    await inCall();
    expect(room.session.slots.get().size).toBe(0);
    room.wire.last.say({ type: "slot_live", slot: 0, kind: "video", track: "b camera" }, { room: ROOM });
    expect([...room.session.slots.get().keys()]).toEqual(["b camera"]);
    event(room, 6, { type: "track_updated", track: trackOf("b camera", "b", { muted: true }) });
    expect(room.session.slots.get().size).toBe(0);
    event(room, 7, { type: "track_updated", track: trackOf("b camera", "b") });
    room.wire.last.say({ type: "slot_live", slot: 0, kind: "video", track: "b camera" }, { room: ROOM });
    expect([...room.session.slots.get().keys()]).toEqual(["b camera"]);
    expect(room.wire.last.of("subscribe")).toHaveLength(1);
    event(room, 8, { type: "track_unpublished", track: "b camera" });
    expect(room.session.slots.get().size).toBe(0);
  });

  it("asks again for a slot that stays empty", async () => {
    await inCall();
    room.session.layout([{ peer: "b", width: 320, height: 180 }]);
    for (let ms = 0; ms < 5_000; ms += 500) {
      room.wire.last.say({ type: "pong", at: 0, now: 0 });
      await settle(500);
    }
    expect(room.wire.last.of("subscribe").map((f) => [f.message.track, f.message.size?.width])).toEqual([["b camera", 0], ["b camera", 320], ["b camera", 320]]);
  });

  it("comes with the other SRTP profile when its media needs that", async () => {
    await inCall();
    room.wire.last.say({ type: "error", code: "srtp_profile", message: "" }, { room: ROOM });
    await settle();
    expect(room.wire.last.of("resume")[0]?.message).toMatchObject({ srtp: "cm", keepMedia: false, direct: true });
  });

  it("resumes without a ticket and keeps its connections where the server did", async () => {
    await inCall();
    room.wire.last.fail();
    await settle();
    expect(room.session.connection.get()).toMatchObject({ state: "reconnecting", part: "line" });
    expect(room.wire.last.url).toBe("wss://two.example/ws");
    room.wire.last.open();
    expect(room.wire.last.sent[0]?.message).toEqual({ type: "resume", token: "token 1", srtp: "gcm", keepMedia: true, direct: true });
    room.wire.last.reply("resume", joined({ attachment: 2, mediaKept: true, tracks: [...own, trackOf("b camera", "b")], resumeToken: "token 2" }));
    await settle();
    expect(room.session.connection.get()).toEqual({ state: "live" });
    expect(room.media.connections.filter((c) => !c.closed)).toHaveLength(2);
    expect(room.media.connections).toHaveLength(2);
    expect(room.wire.last.of("offer")).toHaveLength(0);
    expect(room.rejoin).not.toHaveBeenCalled();
  });

  it("rebuilds its connections where the server lost them, and clears what is left of the old ones", async () => {
    await inCall();
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    room.wire.last.reply("resume", joined({ attachment: 2, mediaKept: false, tracks: own }));
    await settle();
    expect(room.media.connections.map((c) => c.closed)).toEqual([true, true, false]);
    expect(room.wire.last.of("publish").map((f) => f.message.source)).toEqual(["microphone", "camera"]);
    expect(room.wire.last.of("offer")).toHaveLength(1);
    expect(room.wire.last.of("unpublish").map((f) => f.message.track)).toEqual(["own microphone", "own camera"]);
  });

  it("does not keep connections that failed", async () => {
    await inCall();
    room.media.open("publish").becomes("failed");
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    expect(room.wire.last.sent[0]?.message).toMatchObject({ type: "resume", keepMedia: false, direct: true });
  });

  it("attaches again on the same socket when told to", async () => {
    await inCall();
    const before = room.wire.sockets.length;
    room.wire.last.say({ type: "reattach", reason: "media_node_lost" }, { room: ROOM });
    await settle();
    expect(room.wire.sockets).toHaveLength(before);
    expect(room.wire.last.of("resume")[0]?.message).toEqual({ type: "resume", token: "token 1", srtp: "gcm", keepMedia: false, direct: true });
    room.wire.last.reply("resume", joined({ attachment: 2, epoch: 2, n: 1 }));
    await settle();
    expect(room.wire.last.of("offer")).toHaveLength(2);
    expect(room.session.connection.get()).toMatchObject({ state: "reconnecting", part: "media" });
    room.media.open("publish").becomes("connected");
    expect(room.session.connection.get()).toEqual({ state: "moved" });
    await settle(1_000);
    room.wire.last.say({ type: "pong", at: 0, now: 0 });
    await settle(900);
    expect(room.session.connection.get()).toEqual({ state: "moved" });
    await settle(200);
    expect(room.session.connection.get()).toEqual({ state: "live" });
  });

  it("uses the newest resume token", async () => {
    await inCall();
    room.wire.last.say({ type: "resume_token", token: "token 9" }, { room: ROOM });
    expect(loadSeat(room.store, "guest", "abc-defg-hij")?.token).toBe("token 9");
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    expect(room.wire.last.sent[0]?.message).toMatchObject({ token: "token 9" });
  });

  it.each(["resume_refused", "ticket_expired", "ticket_invalid"] as const)("joins anew by itself after %s", async (code) => {
    await inCall();
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    room.wire.last.refuse("resume", code);
    await settle();
    expect(room.rejoin).toHaveBeenCalledTimes(1);
    expect(room.wire.last.url).toContain("?ticket=ticket 2");
    room.wire.last.open();
    expect(room.wire.last.sent[0]?.message).toMatchObject({ type: "join", ticket: "ticket 2" });
    room.wire.last.reply("join", joined({ peer: "peer new", roster: [person("peer new")] }));
    await settle();
    expect(room.session.roster.get().self).toBe("peer new");
    expect(room.session.connection.get().state).not.toBe("ended");
  });

  it("joins anew when the socket is closed for its token", async () => {
    await inCall();
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    room.wire.last.fail("resume_refused");
    await settle(300);
    expect(room.rejoin).toHaveBeenCalledTimes(1);
    expect(room.wire.last.url).toContain("?ticket=ticket 2");
  });

  it("waits where the owner cannot be reached, with the same token", async () => {
    await inCall();
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    room.wire.last.refuse("resume", "owner_unavailable", 700);
    room.wire.last.say({ type: "pong", at: 0, now: 0 });
    await settle(650);
    expect(room.wire.last.of("resume")).toHaveLength(1);
    await settle(100);
    expect(room.wire.last.of("resume")).toHaveLength(2);
  });

  it("joins with the other SRTP profile when told to", async () => {
    room = testRoom();
    room.session.start();
    await settle();
    room.wire.last.open();
    room.wire.last.refuse("join", "srtp_profile");
    await settle();
    room.wire.last.open();
    expect(room.wire.last.sent[0]?.message).toMatchObject({ type: "join", ticket: "ticket 2", srtp: "cm" });
  });

  it.each([
    ["banned", { why: "kicked" }],
    ["room_expired", { why: "closed", reason: "expired" }],
    ["unauthorized", { why: "signed_out" }],
    ["room_full", { why: "refused", code: "room_full" }],
  ] as const)("ends when joining anew is refused with %s", async (code, end) => {
    await inCall();
    room.rejoin.mockRejectedValue(new Refused(code));
    room.wire.last.fail("resume_refused");
    await settle();
    expect(room.session.connection.get()).toEqual({ state: "ended", end });
    expect(loadSeat(room.store, "guest", "abc-defg-hij")).toBeUndefined();
    expect(room.media.connections.every((c) => c.closed)).toBe(true);
  });

  it("ends, and stays ended, when kicked, closed or superseded", async () => {
    const ways: [string, () => void, object][] = [
      ["kicked", () => room.wire.last.say({ type: "kicked" }, { room: ROOM }), { why: "kicked" }],
      ["closed", () => event(room, 6, { type: "room_closed", reason: "host" }), { why: "closed", reason: "host" }],
      ["superseded", () => room.wire.last.say({ type: "error", code: "superseded", message: "" }, { room: ROOM }), { why: "superseded" }],
      ["closed socket", () => room.wire.last.fail("superseded"), { why: "superseded" }],
    ];
    for (const [, act, end] of ways) {
      await inCall();
      act();
      await settle(20_000);
      expect(room.session.connection.get()).toEqual({ state: "ended", end });
      expect(room.wire.sockets).toHaveLength(1);
    }
  });

  it.each(["join", "resume"] as const)("gives a seat back that it is given only after leaving, by %s", async (way) => {
    if (way === "resume") {
      await inCall();
      room.wire.last.fail();
    } else {
      room = testRoom();
      room.session.start();
    }
    await settle();
    const { last } = room.wire;
    last.open();
    await settle();
    room.session.leave();
    room.session.leave();
    expect(room.session.connection.get()).toEqual({ state: "ended", end: { why: "left" } });
    expect([last.of("leave").length, last.closed]).toEqual([0, false]);
    last.reply(way, joined());
    await settle();
    expect(last.of("leave").map((frame) => frame.room)).toEqual([ROOM]);
    expect(last.closed).toBe(true);
    expect(loadSeat(room.store, "guest", "abc-defg-hij")).toBeUndefined();
    expect(room.session.connection.get()).toEqual({ state: "ended", end: { why: "left" } });
    expect(room.media.connections.every((c) => c.closed)).toBe(true);
    await settle(20_000);
    expect(room.wire.last).toBe(last);
    expect(room.rejoin).not.toHaveBeenCalled();
  });

  it("closes its socket after leaving, though no answer comes", async () => {
    room = testRoom();
    room.session.start();
    await settle();
    room.wire.last.open();
    await settle();
    room.session.leave();
    await settle(10_001);
    expect(room.wire.last.closed).toBe(true);
    expect(room.wire.sockets).toHaveLength(1);
  });

  it("asks for a snapshot when a gap stays open", async () => {
    await inCall();
    event(room, 9, { type: "peer_joined", peer: person("c") });
    for (let i = 0; i < 3; i += 1) {
      room.wire.last.say({ type: "pong", at: 0, now: 0 });
      await settle(700);
    }
    expect(room.wire.last.of("resume")[0]?.message).toMatchObject({ keepMedia: true, direct: true });
    room.wire.last.reply("resume", joined({ n: 8, mediaKept: true, tracks: own, roster: [person(SELF)] }));
    expect(room.session.roster.get().peers.map((p) => p.peer)).toEqual(["c", SELF]);
  });

  it("takes an unasked snapshot without touching its connections", async () => {
    await inCall();
    room.wire.last.say(joined({ epoch: 2, n: 1, roster: [person(SELF), person("d")], resumeToken: "token 3" }), { room: ROOM });
    expect(room.session.roster.get().peers).toHaveLength(2);
    expect(room.media.connections.filter((c) => !c.closed)).toHaveLength(2);
    expect(loadSeat(room.store, "guest", "abc-defg-hij")?.token).toBe("token 3");
  });

  it("repairs media: first an ICE restart, then a new attachment", async () => {
    await inCall();
    const alive = async (ms: number): Promise<void> => {
      for (let at = 0; at < ms; at += 500) {
        room.wire.last.say({ type: "pong", at: 0, now: 0 });
        await settle(500);
      }
    };
    room.media.open("publish").becomes("failed");
    room.media.open("subscribe").becomes("disconnected");
    expect(room.session.connection.get()).toMatchObject({ state: "reconnecting", part: "media" });
    await settle();
    expect(room.media.open("publish").restarts).toBe(1);
    await alive(1_000);
    expect(room.media.open("publish").restarts).toBe(1);
    expect(room.wire.last.of("restart_ice")).toHaveLength(1);
    expect(room.wire.last.of("resume")).toHaveLength(0);
    await alive(8_000);
    expect(room.wire.last.of("resume")[0]?.message).toMatchObject({ keepMedia: false, direct: true });
  });

  it("looks for media's way anew on another network: at once, and once more when that was told by several events", async () => {
    await inCall();
    const restarts = (): number[] => [room.wire.last.of("restart_ice").length, room.media.open("publish").restarts];
    room.session.networkChanged();
    await settle();
    expect(restarts()).toEqual([1, 1]);
    room.wire.last.reply("offer", { type: "answer", sdp: "answer" });
    room.session.networkChanged();
    room.session.networkChanged();
    await settle(450);
    expect(restarts()).toEqual([1, 1]);
    await settle(100);
    expect(restarts()).toEqual([2, 2]);
  });

  it("looks for media's way after a resume, where the network changed while the line was lost", async () => {
    await inCall();
    room.wire.last.fail();
    room.session.networkChanged();
    await settle();
    room.wire.last.open();
    room.wire.last.reply("resume", joined({ attachment: 2, mediaKept: true, tracks: [...own, trackOf("b camera", "b")], resumeToken: "token 2" }));
    await settle();
    expect(room.wire.last.of("restart_ice")).toHaveLength(1);
    expect(room.media.open("publish").restarts).toBe(1);
  });

  it("is back by itself after a sleep", async () => {
    await inCall();
    await settle(500);
    const real = performance.now.bind(performance);
    const spy = vi.spyOn(performance, "now").mockImplementation(() => real() + 60_000);
    await settle(500);
    expect(room.media.open("publish").restarts).toBe(1);
    // The socket died meanwhile: nobody answers, so the next is dialled, and the seat is taken again.
    await settle(2_500);
    room.wire.last.open();
    await settle();
    expect(room.wire.last.of("resume")).toHaveLength(1);
    room.wire.last.reply("resume", joined({ attachment: 2, mediaKept: true, tracks: own }));
    await settle();
    expect(room.session.connection.get()).toMatchObject({ state: "live" });
    spy.mockRestore();
  });

  it("goes on with the seat of before a reload", async () => {
    const seat = { room: joined().room, token: "kept", gateways: ["ws://three/ws"], displayName: null, at: Date.now() };
    room = testRoom({ entry: { seat } });
    room.session.start();
    await settle();
    expect(room.wire.last.url).toBe("ws://one.example/ws");
    room.wire.last.open();
    expect(room.wire.last.sent[0]?.message).toMatchObject({ type: "resume", token: "kept", keepMedia: false, direct: true });
  });

  it("leaves for good", async () => {
    await inCall();
    room.session.leave();
    expect(room.wire.last.sent.at(-1)).toMatchObject({ room: ROOM, message: { type: "leave" } });
    expect(room.wire.last.closed).toBe(true);
    await settle(30_000);
    expect(room.wire.sockets).toHaveLength(1);
  });

  it("tells of muting once more after a loss", async () => {
    await inCall();
    await room.local.setOn("microphone", false);
    expect(room.wire.last.of("mute")[0]?.message).toEqual({ type: "mute", track: "own microphone", muted: true });
    // Neither answered nor applied: the socket goes.
    room.wire.last.fail();
    await room.local.setOn("camera", false);
    await settle();
    room.wire.last.open();
    room.wire.last.reply("resume", joined({ mediaKept: true, tracks: own }));
    await settle();
    expect(room.wire.last.of("mute").map((f) => f.message.track).sort()).toEqual(["own camera", "own microphone"]);
    expect(room.media.open("publish").transceivers[1]?.sender.replaceTrack).toHaveBeenCalledWith(null);
  });

  it("asks anew by REST when it starts without a usable ticket", async () => {
    room = testRoom({ entry: { answer: joinAnswer() } });
    room.session.start();
    await settle();
    room.wire.last.open();
    room.wire.last.fail("ticket_invalid");
    await settle();
    expect(room.rejoin).toHaveBeenCalledTimes(1);
  });
});
