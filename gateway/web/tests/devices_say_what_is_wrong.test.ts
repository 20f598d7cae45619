import { describe, expect, it, vi } from "vitest";

import { LocalMedia } from "../src/client";
import type { DeviceSource } from "../src/client/devices/local-media";
import { memoryStore, testDevices, TestTrack } from "./support/media";

const failure = (name: string) => (): Promise<MediaStream> => Promise.reject(new DOMException("", name));
const broken = (name: string): DeviceSource => ({ ...testDevices(), getUserMedia: failure(name) });
const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("own devices", () => {
  it("are opened with one question for both", async () => {
    const source = testDevices();
    const ask = vi.spyOn(source, "getUserMedia");
    const local = new LocalMedia(source, memoryStore());
    await local.start();
    expect(ask).toHaveBeenCalledTimes(1);
    expect(local.state.get()).toMatchObject({ microphone: { on: true, opening: false, problem: null }, camera: { on: true, opening: false, problem: null } });
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["NotReadableError", "busy"],
    ["NotFoundError", "missing"],
    ["TypeError", "failed"],
  ])("that fail with %s are called %s", async (name, problem) => {
    const local = new LocalMedia(broken(name), memoryStore());
    await local.start();
    expect(local.state.get()).toMatchObject({ microphone: { on: false, problem }, camera: { on: false, problem } });
  });

  it("that were just denied are not asked for a second time", async () => {
    const source = broken("NotAllowedError");
    const ask = vi.spyOn(source, "getUserMedia");
    await new LocalMedia(source, memoryStore()).start();
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("are told apart: a busy camera does not take the microphone along", async () => {
    const good = testDevices();
    const source: DeviceSource = { ...good, getUserMedia: (c) => (c?.video ? failure("NotReadableError")() : good.getUserMedia(c)) };
    const local = new LocalMedia(source, memoryStore());
    await local.start();
    expect(local.state.get()).toMatchObject({ microphone: { on: true, problem: null }, camera: { on: false, problem: "busy" } });
  });

  it("on a page without HTTPS are called insecure", async () => {
    const local = new LocalMedia(undefined, memoryStore());
    await local.start();
    await local.setOn("camera", true);
    expect(local.state.get().camera.problem).toBe("insecure");
  });

  it("are released when the camera is off, and kept when the microphone is muted", async () => {
    const source = testDevices();
    const local = new LocalMedia(source, memoryStore());
    await local.start();
    const { microphone, camera } = local.state.get();
    await local.setOn("camera", false);
    await local.setOn("microphone", false);
    expect((camera.track as unknown as TestTrack).readyState).toBe("ended");
    expect((microphone.track as unknown as TestTrack).readyState).toBe("live");
    expect(microphone.track?.enabled).toBe(false);
    expect(local.state.get().camera.track).toBeNull();
    await local.setOn("microphone", true);
    expect(local.state.get().microphone.track).toBe(microphone.track);
    expect(microphone.track?.enabled).toBe(true);
  });

  it("that are turned off while opening stay off", async () => {
    const source = testDevices();
    const local = new LocalMedia(source, memoryStore());
    const opening = local.setOn("camera", true);
    await local.setOn("camera", false);
    await opening;
    expect(local.state.get().camera).toMatchObject({ on: false, track: null });
    expect(source.tracks.every((track) => track.readyState === "ended")).toBe(true);
  });

  it.each(["NotReadableError", "NotFoundError", "NotAllowedError"])("that fail together with %s after closing are not opened one by one", async (name) => {
    const good = testDevices();
    let fail = (): void => undefined;
    const first = new Promise<MediaStream>((_, reject) => (fail = () => reject(new DOMException("", name))));
    const ask = vi.fn(good.getUserMedia).mockReturnValueOnce(first);
    const local = new LocalMedia({ ...good, getUserMedia: ask }, memoryStore());
    const starting = local.start();
    local.close();
    fail();
    await starting;
    await local.setOn("camera", true);
    await local.talk(true);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(local.state.get()).toMatchObject({ microphone: { on: false, opening: false, problem: null }, camera: { on: false, opening: false, problem: null } });
  });

  it("that fail together stay off where they were turned off meanwhile", async () => {
    const good = testDevices();
    let fail = (): void => undefined;
    const first = new Promise<MediaStream>((_, reject) => (fail = () => reject(new DOMException("", "NotReadableError"))));
    const local = new LocalMedia({ ...good, getUserMedia: vi.fn(good.getUserMedia).mockReturnValueOnce(first) }, memoryStore());
    const starting = local.start();
    await local.setOn("camera", false);
    fail();
    await starting;
    expect(local.state.get()).toMatchObject({ microphone: { on: true }, camera: { on: false, track: null } });
    expect(good.tracks.map((track) => track.kind)).toEqual(["audio"]);
  });

  it("talk while a key is held, and remember nothing of it", async () => {
    const store = memoryStore();
    const local = new LocalMedia(testDevices(), store);
    await local.setOn("microphone", true);
    await local.setOn("microphone", false);
    const on = (): boolean => local.state.get().microphone.on && local.state.get().microphone.track?.enabled === true;
    await local.talk(true);
    expect(on()).toBe(true);
    await local.talk(true);
    await local.talk(false);
    expect([on(), new LocalMedia(testDevices(), store).choices.get().microphoneOn]).toEqual([false, false]);
    // Turned on for good while held: letting go changes nothing.
    await local.talk(true);
    await local.setOn("microphone", true);
    await local.talk(false);
    expect(on()).toBe(true);
    local.close();
  });

  it("that are unplugged are replaced by the next, and it is said", async () => {
    const source = testDevices();
    const local = new LocalMedia(source, memoryStore());
    const said: unknown[] = [];
    local.events.on("replaced", (event) => said.push(event));
    await local.start();
    const first = local.state.get().microphone.track as unknown as TestTrack;
    first.onended?.();
    await tick();
    expect(local.state.get().microphone).toMatchObject({ on: true });
    expect(local.state.get().microphone.track).not.toBe(first);
    source.getUserMedia = failure("NotFoundError");
    (local.state.get().microphone.track as unknown as TestTrack).onended?.();
    await tick();
    expect(local.state.get().microphone).toMatchObject({ on: false, problem: "missing" });
    expect(said).toEqual([{ kind: "microphone", label: "Test device" }, { kind: "microphone", label: null }]);
  });

  it("to listen by are replaced by the system's own, and it is said", async () => {
    let speakers = ["default", "headset"];
    const source = { ...testDevices(), enumerateDevices: () => Promise.resolve(speakers.map((id) => ({ kind: "audiooutput", deviceId: id, label: `The ${id} one` }) as MediaDeviceInfo)) };
    const local = new LocalMedia(source, memoryStore());
    const said: unknown[] = [];
    local.events.on("replaced", (event) => said.push(event));
    await local.refresh();
    await local.choose("speaker", "headset");
    await local.refresh();
    expect(said).toEqual([]);
    speakers = ["default"];
    await local.refresh();
    expect([said, local.choices.get().speaker]).toEqual([[{ kind: "speaker", label: "The default one" }], ""]);
    local.close();
  });

  it("are remembered, and forgotten where they are not there any more", async () => {
    const store = memoryStore();
    const before = new LocalMedia(testDevices(), store);
    await before.choose("camera", "old camera");
    await before.setOn("microphone", false);
    const good = testDevices();
    const asked: unknown[] = [];
    const source: DeviceSource = {
      ...good,
      getUserMedia: (c) => {
        asked.push(JSON.stringify(c).includes("old camera"));
        return asked.length === 1 ? failure("OverconstrainedError")() : good.getUserMedia(c);
      },
    };
    const local = new LocalMedia(source, store);
    await local.start();
    expect(asked).toEqual([true, false]);
    expect(local.state.get()).toMatchObject({ microphone: { on: false }, camera: { on: true } });
  });

  it("do not stumble over nonsense that was stored", () => {
    const store = memoryStore();
    store.setItem("rookery.devices", "{ no json");
    expect(new LocalMedia(undefined, store).choices.get().cameraOn).toBe(true);
    store.setItem("rookery.devices", '{"camera":7,"cameraOn":"yes"}');
    expect(new LocalMedia(undefined, store).choices.get()).toMatchObject({ camera: "", cameraOn: true });
  });
});
