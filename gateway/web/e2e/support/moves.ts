/**
 * Calls of two that are moved to the server, each for one of the reasons that there are, and what is noticed of it.
 *
 * **Invariant:** each makes a call of its own and ends nothing of it; what is returned was seen and heard by the people in it.
 */
import { expect } from "@playwright/test";

import type { Person } from "./person";
import { silentMicrophone } from "./sources";
import { beginNoticing, noticed, ways, type Noticed } from "./ways";

const MEETINGS_MAX = 4;

export type Arrive = (name: string) => Promise<Person>;

/** What each of the two noticed; where one's picture was to end, only its sound counts for the other. */
export interface Moved {
  ada: Noticed;
  ben: Noticed;
}

/** Both have sound and picture from each other, and nothing from the server. */
export async function directly(person: Person): Promise<void> {
  await expect
    .poll(async () => {
      const { direct, server } = await ways(person.page);
      return { seen: direct.frames > 0, heard: direct.packets > 0, server: server.packets };
    }, { timeout: 20_000, message: `${person.name} is connected directly` })
    .toEqual({ seen: true, heard: true, server: 0 });
}

export async function byServer(person: Person, sees = true): Promise<void> {
  await expect
    .poll(async () => {
      const { server, link } = await ways(person.page);
      return { seen: server.frames > 0, heard: server.packets > 0, link };
    }, { timeout: 20_000, message: `${person.name} is connected by the server` })
    .toEqual({ seen: sees, heard: true, link: false });
}

/** Two members in a meeting: Ada is its host. */
export async function couple(person: Arrive): Promise<[Person, Person, string]> {
  const ada = await (await person("Ada")).signUp();
  const ben = await (await person("Ben")).signUp();
  return [ada, ben, await meet(ada, ben)];
}

/** Two members who are connected directly. The rule gives them 2 s for that, too short for a busy machine at times: then they meet again. */
export async function directCouple(person: Arrive): Promise<[Person, Person, string]> {
  const [ada, ben, first] = await couple(person);
  let path = first;
  for (let left = MEETINGS_MAX - 1; left > 0 && !(await linked(ada)); left -= 1) {
    await Promise.all([ada.page.goto("/"), ben.page.goto("/")]);
    path = await meet(ada, ben);
  }
  await Promise.all([directly(ada), directly(ben)]);
  return [ada, ben, path];
}

async function meet(ada: Person, ben: Person): Promise<string> {
  const path = await ada.startMeeting();
  await ben.join(path);
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  return path;
}

/** Whether there is a link that is of use, or none any more. */
async function linked(person: Person): Promise<boolean> {
  for (;;) {
    const { link, direct } = await ways(person.page);
    if (!link || direct.packets > 0) return link;
  }
}

async function noticing(ada: Person, ben: Person, work: () => Promise<void>): Promise<Moved> {
  await Promise.all([beginNoticing(ada.page), beginNoticing(ben.page)]);
  await ada.page.waitForTimeout(1_000);
  await work();
  const [a, b] = await Promise.all([noticed(ada.page), noticed(ben.page)]);
  return { ada: a, ben: b };
}

/** A third person comes. */
export async function thirdJoins(person: Arrive): Promise<Moved> {
  const [ada, ben, path] = await directCouple(person);
  const cleo = await person("Cleo");
  // Her own voice would cover a gap in another's.
  await silentMicrophone(cleo.context);
  await cleo.page.goto(path);
  await cleo.page.getByLabel("Your name").fill("Cleo");
  return noticing(ada, ben, async () => {
    await cleo.page.getByRole("button", { name: "Join now" }).click();
    await cleo.live();
    await cleo.sees(2);
    await Promise.all([byServer(ada), byServer(ben)]);
  });
}

/** They cannot reach each other within 2 s; both are with the server all the time. */
export async function notReached(person: Arrive): Promise<Moved> {
  const [ada, ben] = [await person("Ada"), await person("Ben")];
  await ada.context.addInitScript(() => localStorage.setItem("rookery.relay", "1"));
  await ada.signUp();
  await ben.signUp();
  const path = await ada.startMeeting();
  await ben.join(path);
  await ben.live();
  await Promise.all([ada, ben].map(({ page }) => page.locator("video[data-peer]").waitFor()));
  return noticing(ada, ben, async () => {
    // The connection is there, waits for its 2 s, and is given up.
    await expect.poll(async () => (await ways(ada.page)).link, { timeout: 10_000 }).toBe(false);
    await ada.page.waitForTimeout(1_000);
    await Promise.all([byServer(ada), byServer(ben)]);
  });
}

/** By the host's menu: what others may send. */
export async function allow(host: Person, what: "Microphones" | "Cameras" | "Shared screens", on: boolean): Promise<void> {
  const { page } = host;
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "What others may send" }).click();
  await page.getByRole("switch", { name: what, checked: !on }).click();
  await page.getByRole("switch", { name: what, checked: on }).waitFor();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
}

/** The host, Ada, does not allow cameras any more: Ben's picture ends, hers and both voices go on. */
export async function hostRestricts(ada: Person, ben: Person): Promise<Moved> {
  return noticing(ada, ben, async () => {
    await allow(ada, "Cameras", false);
    await Promise.all([byServer(ada, false), byServer(ben)]);
  });
}

/** The middle one of several runs, for each of the gaps. */
export function medianGaps(runs: readonly Noticed[]): { pictureMs: number; soundMs: number } {
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
  return { pictureMs: middle(runs.map((run) => run.pictureGapMs)), soundMs: middle(runs.map((run) => run.soundGapMs)) };
}
