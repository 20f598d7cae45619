/**
 * Two people who are connected directly, and what they lose: the link without a word, the server's media, the server itself.
 *
 * **Invariant:** what is lost is really lost (a stopped relay, an actor that panics, a killed process), and what is seen of it
 * is taken from the page.
 */
import type { Page } from "@playwright/test";

import { expect, test } from "./support/fixtures";
import { byServer, directCouple, directly } from "./support/moves";
import { TurnServer } from "./support/turn";
import { beginNoticing, noticed, ways } from "./support/ways";

/** Half a second of doubt and a key frame; five times of it on a busy machine. */
const SILENT_GAP_MS = 5 * 1_000;

interface Watch {
  __watch: { longest: number; states: string[]; away: number };
}

/** Looks every 50 ms whether a new picture of the other is shown, and keeps what the page says of the connection. */
async function beginWatching(page: Page): Promise<void> {
  await page.evaluate(() => {
    type Slice<T> = { get(): T; subscribe(listener: () => void): () => void };
    type Session = { connection: Slice<{ state: string }>; roster: Slice<{ peers: { reconnecting: boolean }[] }> };
    const { session } = (window as unknown as { __rookery: { session: Session } }).__rookery;
    const watch = ((window as unknown as Watch).__watch = { longest: 0, states: [] as string[], away: 0 });
    session.connection.subscribe(() => watch.states.push(session.connection.get().state));
    session.roster.subscribe(() => (watch.away = Math.max(watch.away, session.roster.get().peers.filter(({ reconnecting }) => reconnecting).length)));
    let [element, frames, last]: [HTMLVideoElement | null, number, number] = [null, -1, performance.now()];
    setInterval(() => {
      const video = document.querySelector<HTMLVideoElement>("video[data-peer]");
      const now = video?.getVideoPlaybackQuality().totalVideoFrames ?? -1;
      if (video && now > 0 && (video !== element || now !== frames)) last = performance.now();
      [element, frames] = [video, now];
      watch.longest = Math.max(watch.longest, performance.now() - last);
    }, 50);
    // To be known again.
    const direct = (window as unknown as { __rookery: { connections: Map<string, object> } }).__rookery.connections.get("direct");
    if (direct) Object.assign(direct, { __first: true });
  });
}

const watched = (page: Page): Promise<Watch["__watch"]> => page.evaluate(() => ({ ...(window as unknown as Watch).__watch }));

const sameLink = (page: Page): Promise<boolean> =>
  page.evaluate(() => "__first" in ((window as unknown as { __rookery: { connections: Map<string, object> } }).__rookery.connections.get("direct") ?? {}));

const peopleIn = (page: Page): Promise<number> =>
  page.evaluate(() => (window as unknown as { __rookery: { session: { roster: { get(): { peers: unknown[] } } } } }).__rookery.session.roster.get().peers.length);

test("a link that dies without a word is left to the server within a second", async ({ another, person }) => {
  const turn = await TurnServer.start("a secret of three");
  try {
    const node = await another({ settings: { "media.ice_servers": turn.url, "media.turn_secret": "a secret of three" } });
    const [ada, ben] = await directCouple(async (name) => {
      const one = await person(name, { at: node.url });
      await one.context.addInitScript(() => localStorage.setItem("rookery.relay", "1"));
      return one;
    });
    await Promise.all([beginNoticing(ada.page), beginNoticing(ben.page)]);
    await ada.page.waitForTimeout(1_000);
    turn.standStill();
    await Promise.all([byServer(ada), byServer(ben)]);
    for (const one of [ada, ben]) {
      const { pictureGapMs, soundGapMs, pictures } = await noticed(one.page);
      console.log(`figure silent_link_${one.name}: picture gap ${Math.round(pictureGapMs)} ms, sound gap ${Math.round(soundGapMs)} ms, ${pictures} pictures`);
      expect(pictureGapMs).toBeLessThan(SILENT_GAP_MS);
      expect(soundGapMs).toBeLessThan(SILENT_GAP_MS);
    }
    await Promise.all([ada.sees(1), ben.sees(1), ada.hears(1), ben.hears(1)]);
  } finally {
    await turn.stop();
  }
});

test("the loss of the server's media is not noticed by two who see and hear each other", async ({ another, person }) => {
  const node = await another({ settings: { "admin.faults": "true" } });
  const [ada, ben] = await directCouple((name) => person(name, { at: node.url }));
  const { room, peer } = await ben.page.evaluate(() => {
    type Session = { room: string; roster: { get(): { self: string } } };
    const { session } = (window as unknown as { __rookery: { session: Session } }).__rookery;
    return { room: session.room, peer: session.roster.get().self };
  });
  await Promise.all([beginWatching(ada.page), beginWatching(ben.page)]);
  await node.inject(room, peer);
  await ada.page.waitForTimeout(4_000);
  await Promise.all([directly(ada), directly(ben)]);
  for (const one of [ada, ben]) {
    const { longest, states, away } = await watched(one.page);
    console.log(`figure server_media_lost_${one.name}: picture gap ${Math.round(longest)} ms, said ${JSON.stringify(states)}`);
    expect([states.includes("reconnecting"), away]).toEqual([false, 0]);
    expect(await sameLink(one.page)).toBe(true);
    expect(longest).toBeLessThan(5 * 500);
  }
});

test("a killed node is back: the two talked on meanwhile, and each is there once", async ({ another, person }) => {
  const node = await another({});
  const [ada, ben] = await directCouple((name) => person(name, { at: node.url }));
  await Promise.all([beginWatching(ada.page), beginWatching(ben.page)]);
  await node.restart(async () => {
    await expect.poll(async () => (await watched(ada.page)).states.includes("reconnecting"), { timeout: 10_000 }).toBe(true);
    const { direct } = await ways(ada.page);
    expect(direct.frames).toBeGreaterThan(0);
  });
  await Promise.all([ada.live(), ben.live()]);
  for (const one of [ada, ben]) await expect.poll(() => peopleIn(one.page), { timeout: 20_000 }).toBe(2);
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await ada.page.waitForTimeout(16_000);
  for (const one of [ada, ben]) {
    expect(await peopleIn(one.page), "no seat of before is left").toBe(2);
    const { longest } = await watched(one.page);
    const { direct, server } = await ways(one.page);
    console.log(`figure node_killed_${one.name}: picture gap ${Math.round(longest)} ms, then ${direct.frames > 0 ? "directly" : "by the server"}, ${(await sameLink(one.page)) ? "the same" : "another"} link`);
    expect(direct.frames + server.frames).toBeGreaterThan(0);
    expect(longest).toBeLessThan(5 * 2_000);
  }
  await ada.openChat();
  await ben.openChat();
  await ada.write("Still here");
  await ben.reads("Still here");
});
