/**
 * Shared screens with their sound, pictures in the size that is seen, and devices that go away during a call.
 *
 * **Invariant:** what is asserted is what a person in the room would notice, or what their line carries.
 */
import type { Page } from "@playwright/test";

import { videoBytes, type Debug } from "./support/figures";
import { expect, test } from "./support/fixtures";
import type { Person } from "./support/person";
import { largeCamera, screenToShare } from "./support/sources";

/** The layers that go out, by name, with their height. */
const layers = (page: Page): Promise<Record<string, number>> =>
  page.evaluate(async () => {
    const report = await (window as unknown as Debug).__rookery.connections.get("publish")?.getStats();
    const sent: Record<string, number> = {};
    report?.forEach((entry: Record<string, unknown>) => {
      if (entry["type"] === "outbound-rtp" && entry["kind"] === "video" && Number(entry["framesPerSecond"] ?? 0) > 0) sent[String(entry["rid"] ?? "")] = Number(entry["frameHeight"]);
    });
    return sent;
  });

const heightOf = (page: Page): Promise<number> => page.evaluate(() => document.querySelector<HTMLVideoElement>("video[data-peer]")?.videoHeight ?? 0);

/** A microphone that `unplug()` in the page takes away. */
const unpluggable = ({ context }: Person): Promise<unknown> =>
  context.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const real = devices.getUserMedia.bind(devices);
    const taken: MediaStreamTrack[] = [];
    devices.getUserMedia = async (wanted) => {
      const stream = await real(wanted);
      taken.push(...stream.getAudioTracks());
      return stream;
    };
    (window as unknown as { unplug: () => void }).unplug = () => {
      const track = taken.pop();
      track?.stop();
      track?.dispatchEvent(new Event("ended"));
    };
  });

test("screens are shared with their sound, two at once, and take the focus", async ({ pair }) => {
  const { ada, ben } = await pair({ prepare: ({ context }) => screenToShare(context) });
  await Promise.all([ada.hears(1), ben.hears(1)]);
  await ada.page.keyboard.press("s");
  const screens = ben.page.locator("video[data-screen]");
  await expect.poll(() => screens.evaluateAll((all) => all.map((v) => (v as HTMLVideoElement).videoWidth)), { timeout: 20_000 }).toEqual([1_280]);
  await ben.page.getByRole("button", { name: "Focus", pressed: true }).waitFor();
  await ben.hears(2);
  await ben.page.keyboard.press("s");
  await expect.poll(() => ada.page.locator("video[data-screen]").evaluateAll((all) => all.map((v) => (v as HTMLVideoElement).videoWidth)), { timeout: 20_000 }).toEqual([1_280]);
  await ada.hears(2);
  await ada.page.keyboard.press("s");
  await expect(screens).toHaveCount(0);
  await ben.hears(1);
  // Shared again on the same line.
  await ada.page.keyboard.press("s");
  await expect.poll(() => screens.evaluateAll((all) => all.map((v) => (v as HTMLVideoElement).videoWidth)), { timeout: 20_000 }).toEqual([1_280]);
  await ben.hears(2);
});

/** How each screen of a person is captured and sent, by the browser's own account. */
const screensSent = (page: Page) =>
  page.evaluate(async () => {
    const connection = (window as unknown as Debug).__rookery.connections.get("publish")!;
    const sent: Record<string, unknown>[] = [];
    for (const { sender } of connection.getTransceivers()) {
      const { track } = sender;
      if (track?.kind !== "video" || track.contentHint === "") continue;
      const [{ maxBitrate, maxFramerate } = {} as RTCRtpEncodingParameters] = sender.getParameters().encodings;
      const { frameRate } = track.getConstraints();
      sent.push({ hint: track.contentHint, keeps: sender.getParameters().degradationPreference, maxBitrate, maxFramerate, frameRate });
    }
    return sent;
  });

/** Pictures of each received screen in a second, by its width. */
const screensSeen = (page: Page): Promise<number[]> =>
  page.evaluate(async () => {
    const frames = async (): Promise<number[]> => {
      const all: number[] = [];
      const ids = new Set([...document.querySelectorAll<HTMLVideoElement>("video[data-screen]")].flatMap((v) => (v.srcObject as MediaStream).getVideoTracks().map(({ id }) => id)));
      const report = await (window as unknown as Debug).__rookery.connections.get("subscribe")?.getStats();
      report?.forEach((entry: Record<string, unknown>) => {
        if (entry["type"] === "inbound-rtp" && ids.has(String(entry["trackIdentifier"]))) all.push(Number(entry["framesDecoded"]));
      });
      return all;
    };
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    return (await frames()).map((n, i) => Math.round((n - (before[i] ?? 0)) / 3)).sort((a, b) => a - b);
  });

test("two screens of one person are sent each with settings of its own", async ({ person }) => {
  const ada = await person("Ada");
  // Small, so that only the settings keep it from full rate.
  await ada.context.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [480, 300];
      const g = canvas.getContext("2d")!;
      let k = 0;
      setInterval(() => {
        k += 1;
        g.fillStyle = `hsl(${k % 360} 50% 50%)`;
        g.fillRect((k * 7) % 400, 100, 80, 80);
      }, 33);
      return canvas.captureStream();
    };
  });
  await ada.signUp();
  const path = await ada.startMeeting();
  const ben = await person("Ben");
  await ben.join(path);
  await ben.live();
  await ada.page.keyboard.press("s");
  await expect(ben.page.locator("video[data-screen]")).toHaveCount(1, { timeout: 20_000 });
  await ada.page.getByRole("button", { name: "More" }).click();
  await ada.page.getByRole("menuitem", { name: "Share another screen" }).click();
  await expect(ben.page.locator("video[data-screen]")).toHaveCount(2, { timeout: 20_000 });
  const sharp = { hint: "detail", keeps: "maintain-resolution", maxBitrate: 3_000_000, maxFramerate: 15 };
  const smooth = { hint: "motion", keeps: "maintain-framerate", maxBitrate: 4_000_000, maxFramerate: 30 };
  await expect.poll(() => screensSent(ada.page)).toMatchObject([sharp, sharp]);
  const choose = async (): Promise<void> => {
    await ada.page.getByRole("button", { name: "More" }).click();
    await ada.page.getByRole("menuitemcheckbox", { name: "Smooth motion on screen 2" }).click();
    await ada.page.keyboard.press("Escape");
  };
  await choose();
  await expect.poll(() => screensSent(ada.page)).toMatchObject([sharp, smooth]);
  // Both are seen, the one at half the rate of the other.
  await expect
    .poll(async () => {
      const [slow, fast] = await screensSeen(ben.page);
      console.log(`figure screens_seen sharp ${slow} fps, smooth ${fast} fps`);
      return slow! > 5 && slow! <= 16 && fast! > slow! + 4;
    }, { timeout: 40_000 })
    .toBe(true);
  await choose();
  await expect.poll(() => screensSent(ada.page)).toMatchObject([sharp, sharp]);
  await expect(ben.page.locator("video[data-screen]")).toHaveCount(2);
});

test("a camera is sent in three sizes, and each gets the one that it shows", async ({ pair }) => {
  const { ada, ben } = await pair({ prepare: ({ context }) => largeCamera(context) });
  await expect.poll(() => layers(ada.page), { timeout: 40_000 }).toEqual({ q: 180, h: 360, f: 720 });
  await expect.poll(() => heightOf(ben.page), { timeout: 20_000 }).toBe(720);
  await ben.page.setViewportSize({ width: 420, height: 420 });
  await expect.poll(() => heightOf(ben.page), { timeout: 20_000 }).toBeLessThan(720);
  await ben.page.setViewportSize({ width: 1_280, height: 760 });
  await expect.poll(() => heightOf(ben.page), { timeout: 20_000 }).toBe(720);
});

test("a tile that is hidden costs the line nothing", async ({ pair }) => {
  const { ben } = await pair();
  await ben.sees(1);
  await ben.page.getByRole("figure", { name: /^Ada/ }).hover();
  await ben.page.getByRole("button", { name: "What to do with the tile of Ada" }).click();
  await ben.page.getByRole("menuitem", { name: "Hide" }).click();
  // Promised within 300 ms; five times that is given here.
  await ben.page.waitForTimeout(1_500);
  const before = await videoBytes(ben.page);
  await ben.page.waitForTimeout(1_000);
  expect((await videoBytes(ben.page)) - before).toBeLessThan(2_000);
  await ben.hears(1);
  await ben.page.getByRole("button", { name: "More" }).click();
  await ben.page.getByRole("menuitem", { name: "Show the hidden tile" }).click();
  await ben.sees(1);
});

test("a microphone that is unplugged is replaced, and it is said", async ({ pair }) => {
  const { ada, ben } = await pair({ prepare: unpluggable });
  await ben.hears(1);
  await ada.page.evaluate(() => (window as unknown as { unplug: () => void }).unplug());
  await ada.page.getByText(/^Your microphone went away\./).first().waitFor();
  await ben.hears(1);
  // The camera is changed by hand, and the others go on seeing.
  await ben.sees(1);
  await ada.page.getByRole("button", { name: "Cameras" }).click();
  await ada.page.getByRole("menuitemradio").last().click();
  await ben.sees(1);
});
