/**
 * Networks that change during a call: a new way is found, and nobody notices.
 *
 * The browser here does not go by loopback, but by cables that are plugged in and pulled out; the node is reached by each of them.
 *
 * **Invariant:** the page does nothing but what it does by itself; what is asserted is five times what is promised.
 */
import { join } from "node:path";

import { artifacts, chromium } from "./support/chromium";
import { asBefore, onlyThese, plug, unplug, unplugAll } from "./support/cables";
import { makeClips } from "./support/clip";
import { expect, test } from "./support/fixtures";
import type { Person } from "./support/person";
import { beginNoticing, noticed, ways } from "./support/ways";

/** Promised: no gap above 500 ms, in pictures and in sound. */
const GAP_MAX_MS = 5 * 500;

const launch = chromium(makeClips(join(artifacts, "clips")));
test.use({ launchOptions: { ...launch, args: launch.args?.filter((arg) => arg !== "--allow-loopback-in-peer-connection") ?? [] } });

test.beforeAll(() => onlyThese());
test.afterEach(() => unplugAll());
test.afterAll(() => asBefore());

interface Debug {
  __rookery: { session: { networkChanged(): void }; connections: Map<string, RTCPeerConnection> };
}

/** ICE credentials of each connection: others after a restart. */
const credentials = ({ page }: Person): Promise<string[]> =>
  page.evaluate(() => [...(window as unknown as Debug).__rookery.connections.values()].map((c) => /a=ice-ufrag:(\S+)/.exec(c.localDescription?.sdp ?? "")?.[1] ?? ""));

const addresses = async (person: Person): Promise<string[]> => (await person.pairs()).map(({ local }) => local);

/** Two people, both looked at and listened to while something happens. */
async function noticing(people: readonly Person[], name: string, what: () => Promise<void>): Promise<void> {
  await Promise.all(people.map(({ page }) => beginNoticing(page)));
  await people[0]!.page.waitForTimeout(1_000);
  await what();
  for (const { page, name: who } of people) {
    const seen = await noticed(page);
    console.log(`figure ${name}_${who.toLowerCase()} picture gap ${Math.round(seen.pictureGapMs)} ms, sound gap ${seen.soundGapMs} ms (${seen.pictures} pictures, ${seen.back} back)`);
    expect(seen.pictureGapMs).toBeLessThanOrEqual(GAP_MAX_MS);
    expect(seen.soundGapMs).toBeLessThanOrEqual(GAP_MAX_MS);
    expect(seen.back).toBe(0);
  }
}

type Arrive = (name: string) => Promise<Person>;

async function byServer(person: Arrive): Promise<[Person, Person]> {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  const ben = await person("Ben");
  await ben.join(path);
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1), ada.hears(1), ben.hears(1)]);
  return [ada, ben];
}

test("an ICE restart while media flows is not noticed", async ({ person }) => {
  plug("rk-one", "198.18.1.1");
  const people = await byServer(person);
  const before = await Promise.all(people.map(credentials));
  await noticing(people, "ice_restart", async () => {
    for (let i = 0; i < 4; i += 1) {
      for (const { page } of people) await page.evaluate(() => (window as unknown as Debug).__rookery.session.networkChanged());
      await people[0].page.waitForTimeout(2_500);
    }
  });
  const after = await Promise.all(people.map(credentials));
  for (const i of [0, 1]) for (const k of [0, 1]) expect(after[i]![k]).not.toBe(before[i]![k]);
});

test("a network that goes while another is there", async ({ person }) => {
  plug("rk-one", "198.18.1.1");
  plug("rk-two", "198.18.2.1");
  const people = await byServer(person);
  const [first] = await addresses(people[0]);
  const [name, other] = first === "198.18.1.1" ? ["rk-one", "198.18.2.1"] : ["rk-two", "198.18.1.1"];
  await noticing(people, "network_goes", async () => {
    unplug(name!);
    await people[0].page.waitForTimeout(8_000);
  });
  for (const one of people) expect((await addresses(one)).every((address) => address !== first), `not ${first}, but ${other} or another`).toBe(true);
  await Promise.all(people.flatMap((one) => [one.sees(1), one.hears(1)]));
});

test("another network comes, and the first one goes", async ({ person }) => {
  plug("rk-one", "198.18.1.1");
  const people = await byServer(person);
  await noticing(people, "network_is_exchanged", async () => {
    plug("rk-two", "198.18.2.1");
    await people[0].page.waitForTimeout(4_000);
    unplug("rk-one");
    await people[0].page.waitForTimeout(8_000);
  });
  for (const one of people) expect(new Set(await addresses(one))).not.toContain("198.18.1.1");
  await Promise.all(people.flatMap((one) => [one.sees(1), one.hears(1)]));
});

test("a direct link finds its new way as well", async ({ person }) => {
  plug("rk-one", "198.18.1.1");
  const [ada, ben] = [await (await person("Ada")).signUp(), await (await person("Ben")).signUp()];
  const path = await ada.startMeeting();
  await ben.join(path);
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  for (const { page } of [ada, ben]) await expect.poll(async () => (await ways(page)).direct.frames, { timeout: 20_000 }).toBeGreaterThan(0);
  const before = await Promise.all([credentials(ada), credentials(ben)]);
  await noticing([ada, ben], "direct_ice_restart", async () => {
    for (const { page } of [ada, ben]) {
      await page.evaluate(() => (window as unknown as Debug).__rookery.session.networkChanged());
      await page.waitForTimeout(2_500);
    }
  });
  const after = await Promise.all([credentials(ada), credentials(ben)]);
  for (const i of [0, 1]) expect(after[i]!.at(-1)).not.toBe(before[i]!.at(-1));
  for (const { page } of [ada, ben]) expect((await ways(page)).direct.frames).toBeGreaterThan(0);
});
