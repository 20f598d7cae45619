/**
 * Tabs in the background, frozen ones, and machines that slept: back by themselves.
 *
 * **Invariant:** nobody does anything but to look at the page again.
 */
import { join } from "node:path";

import type { Page } from "@playwright/test";

import { artifacts, chromium } from "./support/chromium";
import { makeClips } from "./support/clip";
import { videoBytes } from "./support/figures";
import { expect, test } from "./support/fixtures";
import { Person } from "./support/person";
import { Sleeper } from "./support/sleeper";

/** What a tab in the background sees of itself. */
const look = (page: Page, state: "hidden" | "visible"): Promise<void> =>
  page.evaluate((now) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, get: () => now });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);

test("a tab in the background hears on, is sent no picture, and has it back when it is looked at", async ({ pair }) => {
  const { ada, ben } = await pair();
  await Promise.all([ben.sees(1), ben.hears(1)]);
  await look(ben.page, "hidden");
  await ben.page.waitForTimeout(1_500);
  const before = await videoBytes(ben.page);
  await ben.page.waitForTimeout(1_000);
  expect((await videoBytes(ben.page)) - before).toBeLessThan(2_000);
  await Promise.all([ben.hears(1), ada.hears(1), ada.sees(1)]);
  await look(ben.page, "visible");
  await ben.sees(1);
});

test("a page that was frozen for longer than its seat is kept is back when it goes on", async ({ pair }) => {
  const { ada, ben } = await pair();
  await ben.sees(1);
  const client = await ben.context.newCDPSession(ben.page);
  // Not even its timers run, and nobody answers for it.
  await client.send("Debugger.enable");
  await client.send("Debugger.pause");
  await ada.page.waitForTimeout(20_000);
  await client.send("Debugger.resume");
  await client.send("Debugger.disable");
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await Promise.all([ada.hears(1), ben.hears(1)]);
  await ada.openChat();
  await ben.openChat();
  await ada.write("Good to have you back");
  await ben.reads("Good to have you back");
});

test("the small window shows the call under the node's own policy, and gives orders", async ({ pair }) => {
  const { ada, ben } = await pair();
  await ben.sees(1);
  const opened = ben.context.waitForEvent("page");
  await ben.page.getByRole("button", { name: "More" }).click();
  await ben.page.getByRole("menuitem", { name: "Picture in picture" }).click();
  const small = await opened;
  await small.getByRole("figure", { name: /^Ada/ }).waitFor();
  await expect.poll(() => small.locator("video[data-peer]").evaluate((v) => (v as HTMLVideoElement).videoWidth), { timeout: 15_000 }).toBeGreaterThan(0);
  // The page's own style sheets have come along.
  await expect.poll(() => small.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(await ben.page.locator('[data-theme="dark"]').first().evaluate((stage) => getComputedStyle(stage).backgroundColor));
  await small.getByRole("button", { name: "Mute", exact: true }).click();
  await ada.page.getByRole("figure", { name: "Ben, microphone off, camera on" }).waitFor();
  // Hidden behind another tab, the page goes on showing what the small window shows.
  await look(ben.page, "hidden");
  await ben.page.waitForTimeout(1_500);
  const before = await videoBytes(ben.page);
  await ben.page.waitForTimeout(1_500);
  expect(await videoBytes(ben.page)).toBeGreaterThan(before + 2_000);
});

/** Silence ends the socket after 10 s, and the seat 15 s later: before, between and after. */
for (const [seconds, gone] of [[8, false], [20, false], [40, true]] as const) {
  test(`a machine that slept for ${seconds} s is back by itself`, async ({ node, person }) => {
    test.setTimeout(180_000);
    const ada = await (await person("Ada")).signUp();
    const path = await ada.startMeeting();
    const sleeper = await Sleeper.start(chromium(makeClips(join(artifacts, "clips"))));
    try {
      const ben = await Person.arrive(sleeper.browser, node.url, "Ben");
      await ben.join(path);
      await ben.live();
      await Promise.all([ada.sees(1), ben.sees(1), ada.hears(1), ben.hears(1)]);
      const [before] = await ada.others();
      sleeper.sleep();
      const slept = Date.now();
      await ada.page.getByText(/^Reconnecting… /).first().waitFor({ timeout: 15_000 });
      if (gone) await expect(ada.page.locator("figure")).toHaveCount(1, { timeout: 35_000 });
      await ada.page.waitForTimeout(Math.max(0, slept + seconds * 1_000 - Date.now()));
      sleeper.wake();
      const woke = Date.now();
      await expect.poll(() => ada.others(), { timeout: 30_000, intervals: [50] }).toEqual([before]);
      await ben.live();
      await Promise.all([ada.hears(1), ben.hears(1)]);
      console.log(`figure back_after_sleep_of_${seconds}_s ${Date.now() - woke} ms`);
      await Promise.all([ada.sees(1), ben.sees(1)]);
      await ada.openChat();
      await ben.openChat();
      await ada.write("Good morning");
      await ben.reads("Good morning");
      expect(ben.errors).toEqual([]);
    } finally {
      await sleeper.stop();
    }
  });
}
