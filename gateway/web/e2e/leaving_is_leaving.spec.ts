/**
 * Whoever goes elsewhere while something is under way is gone, and a browser whose clock is wrong is no worse off.
 *
 * **Invariant:** what the others see is what is asserted, beside the own page.
 */
import { expect, test } from "./support/fixtures";
import type { Person } from "./support/person";

const HELD_MS = 1_500;

/** Holds every join's answer back for a while. */
const slowJoins = ({ page }: Person): Promise<unknown> =>
  page.route("**/rooms/*/join", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, HELD_MS));
    await route.continue();
  });

/** What of a call is in the page: sound that plays, connections that live. */
const remains = ({ page }: Person): Promise<number> => page.evaluate(() => document.querySelectorAll("audio, main video").length);

test("going back while the join is under way enters no room", async ({ person }) => {
  const [ada, ben] = [await (await person("Ada")).signUp(), await (await person("Ben")).signUp()];
  const path = await ada.startMeeting();
  await slowJoins(ben);
  // By a link of the page itself: going back keeps the page.
  await ben.page.getByLabel("Code or link").fill(path);
  await ben.page.getByRole("button", { name: "Join", exact: true }).click();
  await ben.page.getByRole("button", { name: "Join now" }).waitFor();
  const joined = ben.page.waitForResponse(/\/join$/);
  await ben.page.getByRole("button", { name: "Join now" }).click();
  await ben.page.goBack();
  await ben.page.getByRole("button", { name: "New meeting" }).waitFor();
  await joined;
  // As long as entering takes at the most, and three times that.
  await ben.page.waitForTimeout(3_000);
  expect(await ada.others()).toEqual([]);
  await expect(ada.page.getByRole("figure", { name: /^Ben/ })).toHaveCount(0);
  expect(await remains(ben)).toBe(0);
});

test("leaving by the browser's own button goes back in its history, not home", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  await ada.page.goto("/?from=elsewhere");
  await ada.page.getByRole("button", { name: "New meeting" }).click();
  await ada.live();
  const second = new URL(ada.page.url()).pathname;
  await ada.page.goBack();
  await expect.poll(() => new URL(ada.page.url()).search).toBe("?from=elsewhere");
  await ada.page.goForward();
  await expect.poll(() => new URL(ada.page.url()).pathname).toBe(second);
});

test("a browser whose clock is an hour ahead joins, shows the right time and renews nothing early", async ({ person }) => {
  const ada = await person("Ada");
  await ada.context.addInitScript(() => {
    const own = Date.now.bind(Date);
    Date.now = () => own() + 3_600_000;
  });
  let refreshed = 0;
  await ada.signUp();
  ada.page.on("request", (request) => void (refreshed += Number(request.url().endsWith("/auth/refresh"))));
  await ada.startMeeting();
  await ada.live();
  await expect(ada.page.getByRole("timer")).toHaveText(/^00:00:\d\d$/);
  await ada.page.waitForTimeout(2_000);
  await expect(ada.page.getByRole("timer")).toHaveText(/^00:00:\d\d$/);
  expect(refreshed).toBe(0);
});
