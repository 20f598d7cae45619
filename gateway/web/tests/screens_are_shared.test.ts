import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { LocalMedia } from "../src/client";
import { encodingsFor, understood } from "../src/client/media/encodings";
import { memoryStore, stubMediaStream, testDevices, TestTrack } from "./support/media";
import { event, goIn, person, ROOM, SELF, settle, testRoom, trackOf, type TestRoom } from "./support/room";

let room: TestRoom;
let screens: { picture: TestTrack; sound: TestTrack | null }[];
let refusal: DOMException | undefined;

beforeEach(async () => {
  vi.useFakeTimers();
  stubMediaStream();
  screens = [];
  refusal = undefined;
  const getDisplayMedia = (): Promise<MediaStream> => {
    if (refusal) return Promise.reject(refusal);
    const made = { picture: new TestTrack("video"), sound: screens.length === 0 ? new TestTrack("audio") : null };
    screens.push(made);
    return Promise.resolve({ getVideoTracks: () => [made.picture], getAudioTracks: () => (made.sound ? [made.sound] : []) } as unknown as MediaStream);
  };
  const local = new LocalMedia({ ...testDevices(), getDisplayMedia }, memoryStore());
  room = testRoom({ local });
  await goIn(room, { roster: [person(SELF), person("b")], tracks: [trackOf("b camera", "b")] });
});
afterEach(() => {
  room.session.leave();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

let told = 0;
/** The server takes what was published and offered. */
async function answered(): Promise<void> {
  const { last } = room.wire;
  for (const frame of last.of("publish").slice(told)) last.say({ type: "published", track: `own ${frame.message.source} ${(told += 1)}` }, { re: frame.id ?? 0, room: ROOM });
  last.reply("offer", { type: "answer", sdp: "answer" });
  await settle();
}
beforeEach(() => (told = 0));

describe("a shared screen", () => {
  it("is published with its sound, and unpublished when it ends", async () => {
    const { screens: shares } = room.session.local;
    await shares.start();
    await settle();
    expect(room.wire.last.of("publish").map((f) => f.message.source)).toEqual(["screen", "screen_audio"]);
    await answered();
    expect(shares.state.get()).toMatchObject([{ place: 0 }]);
    expect(room.session.media.screenTrack(shares.state.get()[0]!)).toBe("own screen 1");
    shares.stop(0);
    await settle();
    expect(room.wire.last.of("unpublish").map((f) => f.message.track)).toEqual(["own screen 1", "own screen_audio 2"]);
    expect(screens.map((s) => [s.picture.readyState, s.sound?.readyState])).toEqual([["ended", "ended"]]);
  });

  it.each(["everything was stopped", "the room was left"])("is released at once when it is chosen after %s", async (what) => {
    let choose = (): void => undefined;
    const made = { picture: new TestTrack("video"), sound: new TestTrack("audio") };
    const stream = { getVideoTracks: () => [made.picture], getAudioTracks: () => [made.sound] } as unknown as MediaStream;
    const getDisplayMedia = vi.fn(() => new Promise<MediaStream>((resolve) => (choose = () => resolve(stream))));
    const local = new LocalMedia({ ...testDevices(), getDisplayMedia }, memoryStore());
    const asked = local.screens.start();
    if (what === "the room was left") local.close();
    else local.screens.stopAll();
    choose();
    await asked;
    expect([made.picture.readyState, made.sound.readyState]).toEqual(["ended", "ended"]);
    expect(local.screens.state.get()).toEqual([]);
    void local.screens.start();
    expect(getDisplayMedia).toHaveBeenCalledTimes(what === "the room was left" ? 1 : 2);
  });

  it("takes over the m-line of the one before, without an offer", async () => {
    const { screens: shares } = room.session.local;
    await shares.start();
    await settle();
    await answered();
    shares.stopAll();
    await settle();
    await shares.start();
    await settle();
    expect(room.wire.last.of("offer")).toHaveLength(1);
    expect(room.wire.last.of("publish").map((f) => [f.message.source, f.message.mid])).toEqual([["screen", "0"], ["screen_audio", "1"], ["screen", "0"]]);
  });

  it("can have a second one beside it, and no third", async () => {
    const { screens: shares } = room.session.local;
    await shares.start();
    await shares.start();
    await shares.start();
    await settle();
    expect(screens).toHaveLength(2);
    expect(shares.state.get().map((s) => s.place)).toEqual([0, 1]);
    expect(room.wire.last.of("publish")).toHaveLength(2);
    await answered();
    await settle();
    expect(room.wire.last.of("publish").map((f) => f.message.source)).toEqual(["screen", "screen_audio", "screen"]);
  });

  it("is sharp or smooth, each for itself", async () => {
    const { screens: shares } = room.session.local;
    await shares.start();
    await shares.start();
    await settle();
    await answered();
    await settle();
    shares.style(1, "smooth");
    await settle();
    expect(shares.state.get().map((s) => s.style)).toEqual(["sharp", "smooth"]);
    expect(screens.map((s) => [s.picture.contentHint, s.picture.constraints.at(-1)?.frameRate])).toEqual([["detail", undefined], ["motion", { ideal: 30, max: 30 }]]);
    const sent = room.media.open("publish").transceivers.filter((t) => t.kind === "video").map((t) => t.sender.parameters);
    expect(sent.map((p) => [p.degradationPreference, p.encodings[0]?.maxBitrate, p.encodings[0]?.maxFramerate])).toEqual([["maintain-resolution", 3_000_000, 15], ["maintain-framerate", 4_000_000, 30]]);
    shares.style(1, "sharp");
    await settle();
    expect(sent[1]).toMatchObject({ degradationPreference: "maintain-resolution", encodings: [{ maxBitrate: 3_000_000, maxFramerate: 15 }] });
  });

  it("that the browser ends is ended, and it is said", async () => {
    const { screens: shares } = room.session.local;
    const said = vi.fn();
    shares.events.on("ended", said);
    await shares.start();
    screens[0]!.picture.onended?.();
    expect([shares.state.get(), said.mock.calls.length, screens[0]!.sound?.readyState]).toEqual([[], 1, "ended"]);
  });

  it("is not missed by who changed their mind, and is said to have failed otherwise", async () => {
    const { screens: shares } = room.session.local;
    const failed = vi.fn();
    shares.events.on("failed", failed);
    refusal = new DOMException("", "NotAllowedError");
    await shares.start();
    expect(failed).not.toHaveBeenCalled();
    refusal = new DOMException("", "NotReadableError");
    await shares.start();
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it("of another has a slot of its own, with its sound", async () => {
    event(room, 6, { type: "track_published", track: trackOf("b screen", "b", { source: "screen" }) });
    event(room, 7, { type: "track_published", track: trackOf("b sound", "b", { source: "screen_audio", kind: "audio" }) });
    const slots = [0, 1, 2].map((slot) => ({ slot, videoMid: String(slot * 2), audioMid: String(slot * 2 + 1) }));
    room.wire.last.say({ type: "subscribe_offer", negotiation: 1, sdp: "0,1,2,3,4,5", slots }, { room: ROOM });
    room.session.layout([{ peer: "b", screen: "b screen", width: 1_280, height: 720 }, { peer: "b", width: 160, height: 90 }]);
    await settle();
    const asked = room.wire.last.of("subscribe").map(({ message: { track, slot, size } }) => `${track} > ${slot} ${size?.width ?? ""}`.trim());
    expect(asked).toEqual(["b screen > 0 1280", "b sound > 0", "b camera > 1 160"]);
  });
});

describe("what comes into sight", () => {
  it("is asked for at once, also where its tile had no size before", async () => {
    room.wire.last.say({ type: "subscribe_offer", negotiation: 1, sdp: "0,1", slots: [{ slot: 0, videoMid: "0", audioMid: "1" }] }, { room: ROOM });
    room.session.layout([{ peer: "b", width: 0, height: 0 }]);
    await settle();
    room.session.layout([{ peer: "b", width: 320, height: 180 }]);
    await settle(1);
    expect(room.wire.last.of("subscribe").map(({ message: { size } }) => size?.width)).toEqual([0, 320]);
  });
});

describe("what is not seen", () => {
  const sizes = (): string[] => room.wire.last.of("subscribe").map(({ message: { track, size } }) => `${track} ${size?.width}x${size?.height}`);

  beforeEach(async () => {
    room.wire.last.say({ type: "subscribe_offer", negotiation: 1, sdp: "0,1", slots: [{ slot: 0, videoMid: "0", audioMid: "1" }] }, { room: ROOM });
    room.session.layout([{ peer: "b", width: 320, height: 180 }]);
    await settle();
    expect(sizes()).toEqual(["b camera 320x192"]);
  });

  it("is wanted no more as soon as its tile goes", async () => {
    room.session.layout([]);
    await settle();
    expect(sizes().at(-1)).toBe("b camera 0x0");
  });

  it("is wanted in its new size within 300 ms", async () => {
    for (let width = 330; width < 400; width += 10) room.session.layout([{ peer: "b", width, height: 180 }]);
    await settle(300);
    expect(sizes()).toEqual(["b camera 320x192", "b camera 400x192"]);
  });

  it("is nothing at all while nobody can see the page", async () => {
    room.session.watched(false);
    await settle();
    expect(sizes().at(-1)).toBe("b camera 0x0");
    room.session.watched(true);
    await settle();
    expect(sizes().at(-1)).toBe("b camera 320x192");
  });
});

describe("a camera", () => {
  it("is sent in as many sizes as help", () => {
    const rids = (height: number, codec?: string): string[] => encodingsFor("camera", height, codec).map((e) => e.rid ?? "-");
    expect([rids(720), rids(540), rids(480), rids(180), rids(0)]).toEqual([["q", "h", "f"], ["q", "h", "f"], ["h", "f"], ["-"], ["-"]]);
    expect([rids(720, "video/H264"), rids(720, "video/AV1"), rids(720, "video/H265")]).toEqual([["q", "h", "f"], ["q", "h", "f"], ["-"]]);
    expect(encodingsFor("screen", 1_440, undefined)).toHaveLength(1);
  });

  it("is sent in several streams of a codec that could nest them, or in one where the browser knows no such mode", () => {
    const modes = (codec: string): (string | undefined)[] => encodingsFor("camera", 480, codec).map((e) => e.scalabilityMode);
    expect([modes("video/VP8"), modes("video/VP9"), modes("video/AV1")]).toEqual([[undefined, undefined], ["L1T1", "L1T1"], ["L1T1", "L1T1"]]);
    const sent = encodingsFor("camera", 480, "video/VP9");
    expect([understood(sent, sent), understood(sent, sent.map(({ rid }) => ({ rid: rid ?? "" })))]).toEqual([true, false]);
    expect(understood(encodingsFor("camera", 480, undefined), [])).toBe(true);
  });
});
