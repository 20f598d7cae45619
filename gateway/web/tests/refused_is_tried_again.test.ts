import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { stubMediaStream } from "./support/media";
import { goIn, joined, person, ROOM, SELF, settle, testRoom, type TestRoom } from "./support/room";

let room: TestRoom;

beforeEach(async () => {
  vi.useFakeTimers();
  stubMediaStream();
  room = testRoom({ devices: true });
  await room.local.setOn("camera", true);
  await goIn(room, { roster: [person(SELF)] });
  room.wire.last.refuse("publish", "overloaded");
  room.wire.last.reply("offer", { type: "answer", sdp: "answer" });
  await settle();
});
afterEach(() => {
  room.session.leave();
  room.local.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const published = (): (string | undefined)[] => room.wire.last.of("publish").map((frame) => frame.message.mid);

describe("a camera that the server refused", () => {
  it("is not offered again by itself", async () => {
    await room.local.setOn("camera", true);
    await settle(1_000);
    expect(published()).toEqual(["0"]);
  });

  it("is offered again when the person turns it on anew, on the m-line that it has", async () => {
    await room.local.setOn("camera", false);
    await settle();
    expect(published()).toEqual(["0"]);
    await room.local.setOn("camera", true);
    await settle();
    expect(published()).toEqual(["0", "0"]);
    expect(room.wire.last.of("offer")).toHaveLength(1);
    room.wire.last.reply("publish", { type: "published", track: "own camera" });
    await settle();
    expect(room.session.media.publisher.idOf("camera")).toBe("own camera");
  });

  it("is offered again on a new connection", async () => {
    room.wire.last.fail();
    await settle();
    room.wire.last.open();
    room.wire.last.reply("resume", joined({ attachment: 2, mediaKept: false }));
    await settle();
    expect(published()).toEqual(["0"]);
    expect(room.wire.last.of("offer")).toHaveLength(1);
    expect(room.wire.last.of("publish")[0]?.room).toBe(ROOM);
  });
});
