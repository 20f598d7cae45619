/**
 * Two members are connected directly; whatever ends that moves both to the server, and nobody notices.
 *
 * **Invariant:** which way media goes is read off the browser's statistics, gaps off what is shown and played.
 */
import { expect, test } from "./support/fixtures";
import { byServer, directCouple, directly, notReached } from "./support/moves";
import type { Person } from "./support/person";
import { screenToShare, silentMicrophone } from "./support/sources";
import { beginNoticing, noticed, ways, type Noticed } from "./support/ways";

/** The promises are 200 ms and 100 ms; a busy machine is given five times as much here, `make bench` asserts them. */
const PICTURE_GAP_MS = 5 * 200;
const SOUND_GAP_MS = 5 * 100;

function judged(name: string, what: Noticed): void {
  console.log(`figure ${name}: picture gap ${Math.round(what.pictureGapMs)} ms, sound gap ${Math.round(what.soundGapMs)} ms, heard twice ${Math.round(what.twiceMs)} ms, ${what.pictures} pictures`);
  expect(what.pictureGapMs).toBeLessThan(PICTURE_GAP_MS);
  expect(what.soundGapMs).toBeLessThan(SOUND_GAP_MS);
  expect(what.pictures).toBeGreaterThan(20);
  // One way may be a little later than the other, so that a picture comes twice; it must not go on like that.
  expect(what.back).toBeLessThanOrEqual(1);
}

/** Whether any sound arrives with something in it, by whichever way. */
async function heardFrom(person: Person): Promise<boolean> {
  const energy = (): Promise<number> =>
    person.page.evaluate(async () => {
      const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
      let all = 0;
      for (const connection of connections.values())
        (await connection.getStats()).forEach((entry: Record<string, unknown>) => {
          if (entry["type"] === "inbound-rtp") all += Number(entry["totalAudioEnergy"] ?? 0);
        });
      return all;
    });
  const before = await energy();
  await person.page.waitForTimeout(500);
  return (await energy()) > before;
}

test("two members are connected directly, and the third who comes moves all to the server", async ({ person }) => {
  const [ada, ben, path] = await directCouple(person);
  const node = Number(new URL(ada.page.url()).port);
  const { remote } = await ways(ada.page);
  expect(remote?.port).not.toBe(node);
  console.log(`figure direct ${JSON.stringify(remote)}`);
  const cleo = await person("Cleo");
  // Her own voice would cover a gap in another's.
  await silentMicrophone(cleo.context);
  await cleo.page.goto(path);
  await cleo.page.getByLabel("Your name").fill("Cleo");
  // What there is without any change, to compare with.
  await Promise.all([beginNoticing(ada.page), beginNoticing(ben.page)]);
  await ada.page.waitForTimeout(3_000);
  const still = await Promise.all([noticed(ada.page), noticed(ben.page)]);
  judged("before_the_move_ada", still[0]);
  judged("before_the_move_ben", still[1]);
  await Promise.all([beginNoticing(ada.page), beginNoticing(ben.page)]);
  await ada.page.waitForTimeout(1_000);
  await cleo.page.getByRole("button", { name: "Join now" }).click();
  await cleo.live();
  await cleo.sees(2);
  await Promise.all([byServer(ada), byServer(ben)]);
  const [a, b] = await Promise.all([noticed(ada.page), noticed(ben.page)]);
  judged("third_joins_ada", a);
  judged("third_joins_ben", b);
  await Promise.all([ada.sees(2), ben.sees(2), ada.hears(1), ben.hears(1)]);
  // The room stays with the server when two are left.
  await cleo.leave();
  await expect.poll(async () => (await ada.others()).length, { timeout: 30_000 }).toBe(1);
  await Promise.all([byServer(ada), byServer(ben)]);
});

test("muting takes sound and picture off the direct link, and brings them back, both ways", async ({ person }) => {
  const [ada, ben] = await directCouple(person);
  for (const [one, other] of [[ada, ben], [ben, ada]] as const) {
    await one.page.keyboard.press("m");
    await other.page.getByRole("figure", { name: `${one.name}, microphone off, camera on` }).waitFor();
    await expect.poll(() => heardFrom(other)).toBe(false);
    await one.page.keyboard.press("v");
    await other.page.getByRole("figure", { name: `${one.name}, microphone off, camera off` }).waitFor();
    await expect.poll(() => other.others()).toEqual([]);
    await one.page.keyboard.press("v");
    await one.page.keyboard.press("m");
    await other.sees(1);
    await expect.poll(() => heardFrom(other)).toBe(true);
  }
  await Promise.all([directly(ada), directly(ben)]);
});

test("a screen that is shared, and a tile that is hidden, keep to the direct link", async ({ person }) => {
  const ada = await person("Ada");
  await screenToShare(ada.context);
  const ben = await (await person("Ben")).signUp();
  await ada.signUp();
  const path = await ada.startMeeting();
  await ben.join(path);
  await ben.live();
  await ada.sees(1);
  await directly(ada);
  await ada.page.keyboard.press("s");
  const screens = ben.page.locator("video[data-screen]");
  await expect.poll(() => screens.evaluateAll((all) => all.map((v) => (v as HTMLVideoElement).videoWidth)), { timeout: 20_000 }).toEqual([1_280]);
  await expect.poll(async () => (await ways(ben.page)).server.packets, { timeout: 20_000 }).toBe(0);
  await ada.page.keyboard.press("s");
  await expect(screens).toHaveCount(0);
  await ben.sees(1);
  await ben.page.getByRole("figure", { name: /^Ada/ }).hover();
  await ben.page.getByRole("button", { name: "What to do with the tile of Ada" }).click();
  await ben.page.getByRole("menuitem", { name: "Hide" }).click();
  await expect.poll(async () => (await ways(ben.page)).direct.frames).toBe(0);
  expect(await heardFrom(ben)).toBe(true);
});

test("a reload of one makes a new link, and the call goes on directly", async ({ person }) => {
  const [ada, ben] = await directCouple(person);
  await ben.page.reload();
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await Promise.all([directly(ada), directly(ben)]);
});

test("a guest's address is told to nobody: they meet by the server", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  const ben = await person("Ben");
  await ben.join(path);
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await Promise.all([byServer(ada), byServer(ben)]);
});

test("without a direct connection within 2 s both stay with the server, and miss nothing", async ({ person }) => {
  const { ada, ben } = await notReached(person);
  judged("no_direct_connection_ada", ada);
  judged("no_direct_connection_ben", ben);
});

test("a direct link that breaks during the call is replaced by the server", async ({ person }) => {
  const [ada, ben] = await directCouple(person);
  // As if the other's machine had thrown it away: nothing more comes, and nobody says so.
  await ben.page.evaluate(() => (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery.connections.get("direct")?.close());
  await Promise.all([byServer(ada), byServer(ben)]);
  await Promise.all([ada.sees(1), ben.sees(1)]);
});

test("nobody seems to be away because the server hears nothing of them", async ({ person }) => {
  const [ada, ben] = await directCouple(person);
  for (const { page } of [ada, ben]) {
    await page.evaluate(() => {
      type Roster = { get(): { peers: { reconnecting: boolean }[] }; subscribe(listener: () => void): () => void };
      const { roster } = (window as unknown as { __rookery: { session: { roster: Roster } } }).__rookery.session;
      const away = ((window as unknown as { __away: number[] }).__away = []) as number[];
      roster.subscribe(() => away.push(roster.get().peers.filter(({ reconnecting }) => reconnecting).length));
    });
  }
  // The server takes 2.5 s of silence for a loss where media is expected, 8 s elsewhere.
  await ada.page.waitForTimeout(12_000);
  for (const { page } of [ada, ben]) expect(await page.evaluate(() => Math.max(0, ...(window as unknown as { __away: number[] }).__away))).toBe(0);
  await Promise.all([directly(ada), directly(ben)]);
});
