/**
 * Actors that panic in the middle of a call of three.
 *
 * **Invariant:** nobody has to do anything, and whoever was not hit sees no gap in any picture and hears none in any voice.
 */
import { steps, watch, type Watched } from "./support/counter";
import { expect, test } from "./support/fixtures";
import type { RookeryNode } from "./support/node";
import type { Person } from "./support/person";
import { Caller } from "./support/rest";
import { listen, type Heard } from "./support/sound";

test.use({ settings: { "admin.faults": "true" } });

/** What is promised on a machine with cores of its own is 300 ms in a picture and 200 ms in the sound; here all browsers share the node's. */
const GAP_MAX_MS = 5 * 300;
const SILENCE_MAX_MS = 5 * 200;
const WATCHED_MS = 8_000;
/** So that a gap has frames before it. */
const BEFORE_MS = 2_000;

/** Watches pictures, and listens at the last one's place, while an actor panics; prints and judges the longest gaps. */
async function gapOver(name: string, pictures: [Person, string][], crash: () => Promise<void>): Promise<Heard> {
  const listener = pictures.at(-1)![0];
  const [seen, heard] = await Promise.all([
    Promise.all(pictures.map(([person, peer]) => watch(person.page.locator(`video[data-peer="${peer}"]`), WATCHED_MS))),
    listen(listener.page, WATCHED_MS),
    pictures[0]![0].page.waitForTimeout(BEFORE_MS).then(crash),
  ]);
  console.log(`figure picture_gap_over_${name}_crash ${Math.round(Math.max(...seen.map((one) => one.gapMs)))} ms`);
  console.log(`figure sound_gap_over_${name}_crash ${Math.max(...heard.gapsMs)} ms (by voice ${heard.gapsMs.join(", ")}; ${Math.round(heard.concealedMs)} ms made up)`);
  for (const one of seen) expectGoingOn(one);
  return heard;
}

function expectGoingOn(seen: Watched): void {
  expect(seen.gapMs).toBeLessThanOrEqual(GAP_MAX_MS);
  const { forward, back } = steps(seen.numbers);
  expect(back).toBe(0);
  // A third of the camera's rate is still a moving picture.
  expect(forward).toBeGreaterThan((WATCHED_MS / 1_000) * 5);
}

async function expectChatAndRoster(people: Person[], said: string): Promise<void> {
  for (const [i, one] of people.entries()) {
    await one.write(`${said}, ${one.name}`);
    for (const other of people) await other.reads(`${said}, ${one.name}`);
    const names = one.page.locator("figure").filter({ hasText: people[(i + 1) % people.length]!.name });
    await expect(names).toHaveCount(1);
    await expect(one.page.locator("figure")).toHaveCount(people.length);
  }
  const told = await people[0]!.messages();
  for (const one of people) expect(await one.messages()).toEqual(told);
}

/** How often actors of this kind were started again. */
async function restarts(node: RookeryNode, kind: string): Promise<number> {
  return (await node.metrics()).get(`rookery_actor_restarts_total{kind="${kind}"}`) ?? 0;
}

test("room, router and peer panic: three people go on seeing each other and writing", async ({ node, person }) => {
  test.setTimeout(240_000);
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  const room = (await Caller.anyone(node.url).room(path.replace("/r/", ""))).id;
  const [ben, cleo] = [await person("Ben"), await person("Cleo")];
  await ben.join(path);
  await ben.live();
  await ada.sees(1);
  const [benId] = await ada.others();
  await cleo.join(path);
  await cleo.live();
  const all = [ada, ben, cleo];
  for (const one of all) await one.sees(2);
  for (const one of all) await one.openChat();
  const cleoId = (await ada.others()).find((id) => id !== benId)!;
  const adaId = (await cleo.others()).find((id) => id !== benId)!;

  for (const target of ["room", "router"]) {
    const pictures: [Person, string][] = [[ada, benId!], [ada, cleoId], [cleo, adaId], [cleo, benId!]];
    const heard = await gapOver(target, pictures, () => node.inject(room, target));
    expect(heard.gapsMs).toHaveLength(2);
    expect(Math.max(...heard.gapsMs)).toBeLessThanOrEqual(SILENCE_MAX_MS);
    expect(await restarts(node, target)).toBe(1);
    await expectChatAndRoster(all, `after the ${target}`);
    for (const one of all) await one.hears(2);
  }

  // Ben's own voice pauses while he comes back; Ada's does not.
  const heard = await gapOver("peer", [[ada, cleoId], [cleo, adaId]], () => node.inject(room, benId!));
  expect(heard.gapsMs[0]).toBeLessThanOrEqual(SILENCE_MAX_MS);
  expect(await restarts(node, "peer")).toBe(1);
  await ben.live();
  for (const one of all) await one.sees(2);
  for (const one of all) await one.hears(2);
  await expectChatAndRoster(all, "after the peer");
});
