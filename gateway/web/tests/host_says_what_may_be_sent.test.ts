import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { allowedIn, mayISend } from "../src/client";
import { everything } from "../src/client/devices/sendable";
import type { AllowedChange } from "../src/client/session/allowed";
import { event, goIn, infoOf, joined, person, ROOM, SELF, settle, testRoom, trackOf, type TestRoom } from "./support/room";
import { stubMediaStream } from "./support/media";

let room: TestRoom;
let heard: AllowedChange[];

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

const own = [trackOf("own microphone", SELF, { kind: "audio", source: "microphone" }), trackOf("own camera", SELF)];

/** In, sending camera and microphone. */
async function sending(): Promise<void> {
  room = testRoom({ devices: true });
  heard = [];
  room.session.events.on("allowed", (change) => heard.push(change));
  await room.local.start();
  await goIn(room, { roster: [person(SELF), person("b")] });
  const { last } = room.wire;
  for (const frame of last.of("publish")) last.say({ type: "published", track: `own ${frame.message.source}` }, { re: frame.id ?? 0, room: ROOM });
  last.reply("offer", { type: "answer", sdp: "answer" });
  await settle();
  room.media.open("publish").becomes("connected");
}

const on = (): [boolean, boolean] => [room.local.state.get().microphone.on, room.local.state.get().camera.on];

describe("what the host says", () => {
  it("turns off what is being sent, and never on again by itself", async () => {
    await sending();
    event(room, 6, { type: "room_updated", room: infoOf({ camera: false }) });
    event(room, 7, { type: "track_unpublished", track: "own camera" });
    await settle();
    expect(on()).toEqual([true, false]);
    expect(heard).toEqual([{ barred: ["camera"], stopped: ["camera"], again: [] }]);
    expect(room.local.choices.get().cameraOn, "that was no choice of the person's").toBe(true);
    const barred = vi.fn();
    room.local.events.on("barred", barred);
    await room.local.setOn("camera", true);
    expect([on()[1], barred.mock.calls]).toEqual([false, [[{ what: "camera" }]]]);
    expect(room.wire.last.of("publish")).toHaveLength(2);

    event(room, 8, { type: "room_updated", room: infoOf() });
    await settle();
    expect([on(), heard.at(-1)]).toEqual([[true, false], { barred: [], stopped: [], again: ["camera"] }]);
    await room.local.setOn("camera", true);
    await settle();
    const again = room.wire.last.of("publish").slice(2).map(({ message }) => message.source);
    expect(again, "published anew, on the m-line that there is").toEqual(["camera"]);
    expect(room.wire.last.of("offer")).toHaveLength(1);
  });

  it("ends talking while a key is held, and lets nobody begin", async () => {
    await sending();
    await room.local.setOn("microphone", false);
    await room.local.talk(true);
    expect(on()[0]).toBe(true);
    event(room, 6, { type: "room_updated", room: infoOf({ microphone: false }) });
    await settle();
    expect(on()[0]).toBe(false);
    await room.local.talk(false);
    await room.local.talk(true);
    expect(on()[0]).toBe(false);
  });

  it("counts for what was sent before the line was lost, and costs no new connection", async () => {
    await sending();
    room.wire.last.fail();
    await settle(5_000);
    const sockets = room.wire.sockets.length;
    room.wire.last.open();
    await settle();
    room.wire.last.reply("resume", joined({ room: infoOf({ camera: false }), mediaKept: true, tracks: own.slice(0, 1), roster: [person(SELF), person("b")] }));
    await settle();
    expect([on(), heard.at(-1)?.stopped]).toEqual([[true, false], ["camera"]]);
    expect(room.wire.last.of("resume"), "the media is kept").toHaveLength(1);
    expect(room.wire.sockets).toHaveLength(sockets);
  });

  it("is not for hosts, and for everybody who is one no more", async () => {
    room = testRoom({ devices: true });
    heard = [];
    room.session.events.on("allowed", (change) => heard.push(change));
    await room.local.start();
    await goIn(room, { role: "host", room: infoOf({ microphone: false, camera: false, screen: false }), roster: [person(SELF, { role: "host" })] });
    expect([on(), heard]).toEqual([[true, true], []]);
    event(room, 6, { type: "peer_updated", peer: person(SELF, { role: "member" }) });
    await settle();
    expect([on(), heard.at(-1)?.barred]).toEqual([[false, false], ["microphone", "camera", "screen"]]);
  });

  it("is asked for by the host over HTTP, and says nothing where an older seat knew nothing", async () => {
    const allow = vi.fn(() => Promise.resolve());
    room = testRoom({ allow });
    await room.session.allow({ screen: false });
    expect(allow).toHaveBeenCalledWith({ screen: false });
    expect([allowedIn({}), mayISend({ room: {}, role: "guest" })]).toEqual([everything, everything]);
  });

  it("ends a screen that is chosen just then", async () => {
    let choose: (stream: unknown) => void = () => undefined;
    const stop = vi.fn();
    const track = { kind: "video", stop, onended: null };
    const source = { getDisplayMedia: () => new Promise((resolve) => (choose = resolve)) };
    room = testRoom();
    const { ScreenShares } = await import("../src/client/devices/screens");
    let may = true;
    const shares = new ScreenShares(source as never, () => may);
    const started = shares.start();
    may = false;
    choose({ getVideoTracks: () => [track], getAudioTracks: () => [] });
    await started;
    expect([shares.state.get(), stop.mock.calls.length]).toEqual([[], 1]);
  });
});
