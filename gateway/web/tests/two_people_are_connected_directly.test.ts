import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { ClientMessage, MediaPath, TrackInfo } from "../src/client";
import { Direct } from "../src/client/media/direct";
import { readSaid, type Outgoing } from "../src/client/media/direct-link";
import { onScale } from "../src/client/media/decoded";
import { Refused } from "../src/client/errors";
import { stubMediaStream, TestTrack } from "./support/media";
import { TestLinks, TestReceiver } from "./support/direct";
import { settle, trackOf } from "./support/room";

const direct = (link: number, self = "a"): MediaPath => ({ type: "direct", link, peers: self === "a" ? ["a", "b"] : ["b", "c"] });
const sfu: MediaPath = { type: "sfu" };

/** `self` is a, the polite side, or c, the other; b is the other end. */
function world(self: "a" | "c" = "a") {
  const links = new TestLinks();
  const said: ClientMessage[] = [];
  let [reachable, present] = [true, true];
  const relayed = new Map<string, TestReceiver>();
  const heard = new Map<string, unknown>();
  const signal = {
    request: (message: ClientMessage) => {
      if (!reachable) return Promise.reject(new Refused("unreachable"));
      said.push(message);
      return Promise.resolve({ type: "ok" });
    },
  };
  const hooks = {
    changed: vi.fn(),
    audio: (id: string, track: unknown) => void (track ? heard.set(id, track) : heard.delete(id)),
    plays: () => true,
    present: () => present,
    relayed: (id: string) => relayed.get(id) as unknown as RTCRtpReceiver | undefined,
    levels: vi.fn(),
  };
  const way = new Direct(links.make, signal as never, hooks);
  const take = (path: MediaPath): void => way.take(path, self, [{ urls: ["stun:x"] }]);
  const known = (...tracks: TrackInfo[]): void => way.want(new Map(tracks.map((t) => [t.track, t])), new Set(tracks.filter((t) => t.kind === "video").map((t) => t.track)));
  const of = (type: ClientMessage["type"]) => said.filter((message) => message.type === type);
  return { links, way, take, known, of, said, hooks, relayed, heard, reach: (is: boolean) => void (reachable = is), there: (is: boolean) => void (present = is) };
}

type World = ReturnType<typeof world>;

const CAMERA = trackOf("their camera", "b");
const VOICE = trackOf("their voice", "b", { kind: "audio", source: "microphone" });

/** Connected, with both of the other's tracks arriving and decoded. */
async function shown(w: World): Promise<TestReceiver[]> {
  w.known(CAMERA, VOICE);
  w.take(direct(1));
  w.links.last.becomes("connected");
  const receivers = w.links.last.arrives("video", "audio");
  w.links.last.says({ lines: { "their 0": CAMERA.track, "their 1": VOICE.track }, shown: ["own camera"], unseen: [] });
  for (const receiver of receivers) receiver.count = 10_000;
  await settle(100);
  return receivers;
}

const own = (track: unknown): Outgoing => ({ id: "own camera", key: "camera", source: "camera", kind: "video", track: track as MediaStreamTrack });

describe("a direct link", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    stubMediaStream();
  });
  afterEach(() => vi.useRealTimers());

  it("is offered by the impolite side first, and by the polite one once it has an offer", async () => {
    const polite = world();
    polite.take(direct(1));
    polite.links.last.onnegotiationneeded?.();
    await settle();
    expect(polite.of("direct")).toEqual([]);
    polite.way.hear("b", 1, { type: "description", kind: "offer", sdp: "theirs" });
    await settle();
    expect(polite.of("direct")).toMatchObject([{ to: "b", link: 1, payload: { type: "description", kind: "answer" } }]);
    polite.links.last.onnegotiationneeded?.();
    await settle();
    expect(polite.of("direct")[1]).toMatchObject({ payload: { kind: "offer" } });

    const other = world("c");
    other.take(direct(1, "c"));
    other.links.last.onnegotiationneeded?.();
    await settle();
    expect(other.of("direct")).toMatchObject([{ to: "b", payload: { kind: "offer" } }]);
  });

  it("of two offers at once takes the impolite side's", async () => {
    for (const [self, taken] of [["a", true], ["c", false]] as const) {
      const w = world(self);
      w.take(direct(1, self));
      w.links.last.remoteDescription = { type: "answer", sdp: "first" };
      w.links.last.onnegotiationneeded?.();
      await settle();
      w.way.hear("b", 1, { type: "description", kind: "offer", sdp: "theirs" });
      await settle();
      expect(w.links.last.remoteDescription?.sdp === "theirs", self).toBe(taken);
    }
  });

  it("hears the other end of the present link and nobody else", async () => {
    const w = world();
    w.take(direct(2));
    const candidate = { type: "candidate", candidate: "x", mid: "0" } as const;
    w.way.hear("b", 1, candidate);
    w.way.hear("c", 2, candidate);
    await settle();
    expect(w.links.last.candidates).toEqual([]);
    w.way.hear("b", 2, candidate);
    await settle();
    expect(w.links.last.candidates).toEqual([{ candidate: "x", sdpMid: "0" }]);
    expect(w.links.last.config.iceServers).toEqual([{ urls: ["stun:x"] }]);
  });

  it("hears what the other end said before the room told of the link", async () => {
    const w = world();
    const candidate = (name: string) => ({ type: "candidate", candidate: name, mid: "0" }) as const;
    w.way.hear("b", 1, candidate("of a link that never was"));
    w.way.hear("b", 2, { type: "description", kind: "offer", sdp: "theirs" });
    w.way.hear("b", 2, candidate("early"));
    w.way.hear("c", 2, candidate("of somebody else"));
    w.way.hear("b", 1, candidate("late"));
    for (let i = 0; i < 1_000; i += 1) w.way.hear("b", 2, candidate(`number ${i}`));
    w.take(direct(2));
    await settle();
    expect(w.of("direct")).toMatchObject([{ to: "b", link: 2, payload: { type: "description", kind: "answer" } }]);
    const { candidates } = w.links.last;
    expect(candidates.slice(0, 2)).toEqual([{ candidate: "early", sdpMid: "0" }, { candidate: "number 0", sdpMid: "0" }]);
    expect(candidates).toHaveLength(62);
    w.take(direct(3));
    await settle();
    expect(w.links.last.candidates).toEqual([]);
  });

  it("says again what was lost with the line", async () => {
    const w = world("c");
    w.take(direct(1, "c"));
    w.reach(false);
    w.links.last.onnegotiationneeded?.();
    await settle();
    expect(w.of("direct")).toEqual([]);
    w.reach(true);
    w.take(direct(1, "c"));
    await settle();
    expect(w.of("direct")).toMatchObject([{ payload: { kind: "offer" } }]);
    expect(w.links.all).toHaveLength(1);
  });

  it("shows a track from its first decoded frame on, under its owner's name only", async () => {
    const w = world();
    w.known(CAMERA, VOICE, trackOf("own camera", "a"));
    w.take(direct(1));
    w.links.last.becomes("connected");
    const [picture, voice, forged] = w.links.last.arrives("video", "audio", "video");
    w.links.last.says({ lines: { "their 0": CAMERA.track, "their 1": VOICE.track, "their 2": "own camera" }, shown: [], unseen: [] });
    forged!.count = 9;
    await settle(100);
    expect(w.way.shown.size).toBe(0);
    expect([...w.heard.keys()]).toEqual([VOICE.track]);
    picture!.count = 1;
    voice!.count = 100;
    await settle(100);
    expect([...w.way.shown]).toEqual([[CAMERA.track, picture!.track]]);
    voice!.count = 4_800;
    await settle(100);
    expect([...w.way.shown.keys()].sort()).toEqual([CAMERA.track, VOICE.track]);
    expect(w.links.last.channel.last.shown.sort()).toEqual([CAMERA.track, VOICE.track]);
    expect(vi.getTimerCount(), "nothing is compared any more, but both are listened for").toBe(2);
  });

  it("spares the server what the other end takes from it, and the line what nobody sees", async () => {
    const w = world();
    const track = new TestTrack("video");
    w.way.send([own(track)]);
    await shown(w);
    expect([...w.way.delivered]).toEqual(["own camera"]);
    const { replaceTrack } = w.links.last.transceivers[0]!.sender;
    w.links.last.says({ lines: {}, shown: ["own camera"], unseen: ["own camera"] });
    expect(replaceTrack).toHaveBeenLastCalledWith(null);
    w.links.last.says({ lines: {}, shown: ["own camera"], unseen: [] });
    expect(replaceTrack).toHaveBeenLastCalledWith(track);
    w.way.want(new Map([[CAMERA.track, CAMERA]]), new Set());
    w.links.last.says({ lines: { "their 0": CAMERA.track }, shown: [], unseen: [] });
    expect(w.links.last.channel.last.unseen).toEqual([CAMERA.track]);
  });

  it("gives each track back when the server's way has decoded something, and closes when neither needs it", async () => {
    const w = world();
    await shown(w);
    const [picture, voice] = [new TestReceiver("video"), new TestReceiver("audio")];
    [picture.count, voice.count] = [70, 700];
    w.relayed.set(CAMERA.track, picture).set(VOICE.track, voice);
    w.take(sfu);
    expect(w.way.delivered.size, "the server gets everything again at once").toBe(0);
    await settle(200);
    expect(w.way.shown.size).toBe(2);
    picture.count += 1;
    await settle(100);
    expect([...w.way.shown.keys()]).toEqual([VOICE.track]);
    voice.count += 480;
    await settle(100);
    expect(w.way.shown.size).toBe(0);
    expect(w.links.last.closed, "the other end still shows something").toBe(false);
    w.links.last.says({ lines: {}, shown: [], unseen: [] });
    await settle(100);
    expect(w.links.last.closed).toBe(true);
    expect(w.heard.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(w.of("direct_failed")).toEqual([]);
  });

  it("is closed after 5 s whatever the server's way brings", async () => {
    const w = world();
    await shown(w);
    w.take(sfu);
    await settle(4_900);
    expect(w.links.last.closed).toBe(false);
    await settle(200);
    expect([w.links.last.closed, w.way.shown.size]).toEqual([true, 0]);
  });

  it("that is not there after 2 s is told to be of no use, again after a lost line", async () => {
    const w = world();
    w.take(direct(1));
    await settle(1_900);
    expect(w.of("direct_failed")).toEqual([]);
    w.reach(false);
    await settle(200);
    w.reach(true);
    w.take(direct(1));
    expect(w.of("direct_failed")).toEqual([{ type: "direct_failed", link: 1 }]);
    await settle(5_000);
    expect(w.of("direct_failed")).toHaveLength(1);
    w.take(sfu);
    await settle(100);
    expect(w.links.last.closed).toBe(true);
  });

  it("that breaks lets the server have everything, is repaired, and given up after 2 s", async () => {
    const w = world();
    await shown(w);
    w.links.last.becomes("disconnected");
    expect([w.way.delivered.size, w.links.last.restarts]).toEqual([0, 1]);
    w.links.last.becomes("connecting");
    await settle(1_000);
    w.links.last.becomes("connected");
    await settle(3_000);
    expect(w.of("direct_failed")).toEqual([]);
    expect([w.way.delivered.size, w.links.last.restarts]).toEqual([1, 1]);
    w.links.last.becomes("disconnected");
    await settle(2_100);
    expect(w.of("direct_failed")).toHaveLength(1);
    w.links.last.becomes("failed");
    expect(w.way.shown.size, "the last frame stays until the server's comes").toBe(2);
  });

  it("on which nothing comes any more is left to both ways after half a second, and given up after two", async () => {
    const w = world();
    await shown(w);
    for (let i = 0; i < 4; i += 1) {
      w.links.last.beats();
      await settle(250);
    }
    expect(w.links.last.pulse.sent.length).toBeGreaterThanOrEqual(4);
    expect([w.way.works, w.way.delivered.size]).toEqual([true, 1]);
    await settle(500);
    expect([w.way.works, w.way.delivered.size], "the server gets everything as well").toEqual([false, 0]);
    expect([w.way.shown.size, w.of("direct_failed").length]).toEqual([2, 0]);
    w.links.last.beats();
    expect([w.way.works, w.way.delivered.size], "it was only late").toEqual([true, 1]);
    await settle(1_500);
    expect([w.way.delivered.size, w.of("direct_failed").length]).toEqual([0, 0]);
    await settle(750);
    expect(w.of("direct_failed")).toEqual([{ type: "direct_failed", link: 1 }]);
    await settle(2_000);
    expect(w.of("direct_failed"), "said once").toHaveLength(1);
    expect(w.way.kept, "and not to be taken up again").toBeUndefined();
  });

  it("that looks for another way is good for as long as the other is heard by the present one", async () => {
    const w = world();
    await shown(w);
    w.links.last.beats();
    w.links.last.becomes("connecting");
    for (let i = 0; i < 16; i += 1) {
      w.links.last.beats();
      await settle(250);
    }
    expect([w.way.works, w.way.delivered.size, w.of("direct_failed").length]).toEqual([true, 1, 0]);
    await settle(1_000);
    expect([w.way.works, w.way.delivered.size]).toEqual([false, 0]);
    await settle(2_000);
    expect(w.of("direct_failed")).toHaveLength(1);
  });

  it("by which media comes is good without a beat, and nobody who never beat is silent", async () => {
    const w = world();
    await shown(w);
    await settle(3_000);
    expect(w.way.works, "an older page says nothing").toBe(true);
    w.links.last.beats();
    for (let i = 0; i < 12; i += 1) {
      w.links.last.bytes += 100;
      await settle(250);
      expect(w.way.works).toBe(true);
    }
    await settle(2_250);
    expect(w.of("direct_failed")).toHaveLength(1);
  });

  it("is not given up for a page that stood still, nor for one who is away", async () => {
    const w = world();
    await shown(w);
    w.links.last.beats();
    await settle(250);
    // No timer ran for five seconds: what has come meanwhile is still to be read.
    vi.setSystemTime(Date.now() + 5_000);
    const clock = vi.spyOn(performance, "now");
    const before = performance.now();
    clock.mockImplementation(() => before + 5_000);
    await settle(250);
    expect([w.way.works, w.of("direct_failed").length]).toEqual([true, 0]);
    clock.mockRestore();

    const away = world();
    await shown(away);
    away.links.last.beats();
    away.there(false);
    await settle(3_000);
    expect([away.way.works, away.of("direct_failed").length]).toEqual([false, 0]);
    away.there(true);
    await settle(300);
    expect(away.of("direct_failed")).toHaveLength(1);
  });

  it("outlives a room that forgets it for a moment", async () => {
    const w = world();
    await shown(w);
    expect(w.way.kept).toBe(1);
    w.take(sfu);
    await settle(100);
    expect([w.way.kept, w.links.last.closed]).toEqual([1, false]);
    w.take(direct(1));
    await settle(100);
    expect([w.links.all.length, w.way.works, w.way.shown.size]).toEqual([1, true, 2]);
    await settle(6_000);
    expect(w.links.last.closed).toBe(false);
    w.links.last.becomes("failed");
    expect(w.way.kept).toBeUndefined();
  });

  it("takes fresh credentials, and looks for another way where the old ones hold it up", async () => {
    const w = world();
    await shown(w);
    const fresh = [{ urls: ["turn:x"], username: "2", credential: "c" }];
    w.way.renew(fresh);
    await settle();
    expect([w.links.last.config.iceServers, w.links.last.restarts]).toEqual([fresh, 0]);
    w.links.last.relayed = true;
    w.way.renew(fresh);
    await settle();
    expect(w.links.last.restarts).toBe(1);
  });

  it("of another number replaces the present one", async () => {
    const w = world();
    await shown(w);
    const first = w.links.last;
    w.take(direct(2));
    expect([first.closed, w.links.all.length, w.way.shown.size]).toEqual([true, 2, 0]);
    w.take(direct(2));
    expect(w.links.all).toHaveLength(2);
  });

  it("tells who speaks, which the server cannot hear", async () => {
    const w = world();
    await shown(w);
    await settle(500);
    expect(w.hooks.levels).toHaveBeenLastCalledWith([{ track: VOICE.track, peer: "b", level: 107 }]);
    expect([onScale(0), onScale(1), onScale(0.1), onScale(1e-9)]).toEqual([0, 127, 107, 0]);
  });

  it("reads nothing of the other end on trust", () => {
    for (const text of ["", "null", "7", "[]", "{}", '{"lines":null}', '{"lines":{"0":7},"shown":7,"unseen":{"a":1}}', "{".repeat(50)]) {
      const said = readSaid(text);
      expect(said === undefined || said.lines.size + said.shown.size + said.unseen.size === 0, text).toBe(true);
    }
    const many = Array.from({ length: 1_000 }, (_, i) => `t${i}`);
    const said = readSaid(JSON.stringify({ lines: Object.fromEntries(many.map((t) => [t, t])), shown: many, unseen: many }));
    expect([said?.lines.size, said?.shown.size, said?.unseen.size]).toEqual([8, 8, 8]);
  });
});
