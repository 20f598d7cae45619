/**
 * From the click on "Join now" to the first picture of somebody who is in the room already.
 *
 * In it: the join over HTTP, the socket, the seat, both connections, the key frame, its decoding, and the room's screen being
 * drawn. Not in it: loading the page, and opening the own camera, which the page has done before.
 *
 * **Invariant:** each join is a fresh page and a fresh seat, and both times are of the page's own clock.
 */
import { test } from "../support/fixtures";
import type { Person } from "../support/person";
import { equip } from "./support/instruments";
import { figure, spread } from "./support/spread";

const JOINS = 32;
const LEAST = 30;

interface Joined {
  /** From the click, ms. */
  answered: number;
  live: number;
  picture: number;
}

/** Notes when things happen; ready before it returns. */
async function arm(one: Person): Promise<void> {
  await one.page.evaluate(() => {
    const times = { clicked: 0, live: 0 };
    document.addEventListener("click", ({ timeStamp }) => (times.clicked ||= timeStamp), { capture: true });
    (window as unknown as { __joined: Promise<Joined> }).__joined = new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        if (!times.live && document.querySelector('[data-connection="live"]')) times.live = performance.now();
        const video = document.querySelector<HTMLVideoElement>("video[data-peer]");
        if (!video) return;
        observer.disconnect();
        video.requestVideoFrameCallback((_, { presentationTime }) => {
          const joins = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/join")) as PerformanceResourceTiming[];
          resolve({
            answered: (joins.at(-1)?.responseEnd ?? NaN) - times.clicked,
            live: (times.live || performance.now()) - times.clicked,
            picture: presentationTime - times.clicked,
          });
        });
      });
      observer.observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-connection"] });
    });
  });
}

test("from the click to the first picture", async ({ person }) => {
  // A camera of her own: the browser's fake one stands still for a second or two while another page sets out to send it.
  const ada = await person("Ada", { bypassCSP: true });
  await equip(ada.context, "both");
  await ada.signUp();
  const path = await ada.startMeeting();
  const ben = await person("Ben");
  const all: Joined[] = [];
  for (let i = 0; i < JOINS; i += 1) {
    await ben.page.goto(path);
    const name = ben.page.getByLabel("Your name");
    await name.fill("Ben");
    // As a person would, with the own picture in view and the page at rest.
    await ben.page.waitForFunction(() => [...document.querySelectorAll("video")].some(({ videoWidth }) => videoWidth > 0));
    await ben.page.waitForTimeout(500);
    await arm(ben);
    await ben.page.getByRole("button", { name: "Join now" }).click();
    all.push(await ben.page.evaluate(() => (window as unknown as { __joined: Promise<Joined> }).__joined));
    await ben.page.waitForTimeout(500);
    await ben.page.getByRole("button", { name: "Leave", exact: true }).click();
    await ben.page.getByRole("button", { name: "Join again" }).waitFor();
  }
  figure("join_to_picture_count", all.length, "joins");
  spread("join_to_answer", all.map(({ answered }) => answered), "ms", LEAST);
  spread("join_to_live", all.map(({ live }) => live), "ms", LEAST);
  spread("join_to_picture", all.map(({ picture }) => picture), "ms", LEAST);
});
