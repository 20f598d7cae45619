/**
 * What a steady call of many costs the page that shows it: frames it draws, pictures it shows, tasks that hold it up.
 *
 * The others are synthetic, their pictures are real. Beside the same crowd an empty page is measured first, and a bare one that
 * plays as many films of the same frames: that is what this machine, whose browser draws without a graphics card, can do at all.
 *
 * **Invariant:** nothing is measured before every tile moves, and reading the figures adds nothing for each frame of a tile.
 */
import { type Browser, type Page } from "@playwright/test";

import { expect, test } from "../support/fixtures";
import { Caller } from "../support/rest";
import { Crowd, film } from "./support/crowd";
import { figure, percentile } from "./support/spread";

const SETTLED_MS = 10_000;
const TAKEN_MS = 20_000;
const TRACED_MS = 5_000;

/** What is read of an event of Chromium's tracing; times are us. */
interface Traced {
  name: string;
  pid: number;
  tid: number;
  tdur?: number;
  args?: Record<string, unknown>;
}

interface Drawn {
  /** Time from frame to frame, ms. */
  frames: number[];
  /** Tasks beyond 50 ms, ms. */
  tasks: number[];
  /** Pictures shown in each video, a second. */
  videos: number[];
}

function draws(page: Page, ms: number): Promise<Drawn> {
  return page.evaluate(async (ms) => {
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
    const videos = [...document.querySelectorAll<HTMLVideoElement>("video[data-peer]")];
    const shown = (): number[] => videos.map((video) => { const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality(); return totalVideoFrames - droppedVideoFrames; });
    // Chromium draws a page on which only pictures change no more often than those do: something else has to move.
    const dot = document.createElement("div");
    dot.style.cssText = "position:fixed;top:0;left:0;width:2px;height:2px;background:#888;will-change:transform";
    document.body.append(dot);
    // The first frame is waited for, so that asking is not measured.
    let last = await new Promise(requestAnimationFrame);
    observer.observe({ type: "longtask" });
    const [began, before] = [last, shown()];
    const frames: number[] = [];
    while (last - began < ms) {
      const at = await new Promise(requestAnimationFrame);
      frames.push(at - last);
      last = at;
      dot.style.transform = `translateX(${frames.length % 100}px)`;
    }
    const after = shown();
    tasks.push(...observer.takeRecords().map(({ duration }) => duration));
    observer.disconnect();
    dot.remove();
    return { frames, tasks, videos: after.map((count, i) => ((count - before[i]!) * 1_000) / (last - began)) };
  }, ms);
}

const rate = (frames: number[]): number => (frames.length * 1_000) / frames.reduce((sum, ms) => sum + ms, 0);

/** A page with nothing on it but as many films of the same frames in the same places, beside the same crowd. */
async function bare(browser: Browser, tiles: number): Promise<Drawn> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 760 } });
  const page = await context.newPage();
  const columns = tiles > 12 ? 6 : 4;
  await page.evaluate(
    async ({ count, columns, film }) => {
      const url = URL.createObjectURL(await (await fetch(`data:video/webm;base64,${film}`)).blob());
      document.body.style.cssText = `margin:53px 18px 77px;background:#080c10;display:grid;gap:10px;height:630px;grid-template-columns:repeat(${columns},1fr)`;
      for (let i = 0; i < count; i += 1) {
        const video = document.createElement("video");
        Object.assign(video, { src: url, loop: true, muted: true });
        video.dataset["peer"] = String(i);
        video.style.cssText = "width:100%;height:100%;min-height:0;object-fit:cover;border-radius:12px";
        document.body.append(video);
        await video.play();
        video.currentTime = i / 2;
      }
    },
    { count: tiles - 1, columns, film: film().toString("base64") },
  );
  await page.waitForTimeout(SETTLED_MS / 2);
  const drawn = await draws(page, TAKEN_MS);
  await context.close();
  return drawn;
}

async function emptyRate(browser: Browser): Promise<number> {
  const page = await browser.newPage();
  await page.waitForTimeout(1_000);
  const { frames } = await draws(page, TAKEN_MS / 2);
  await page.close();
  return rate(frames);
}

/** What the longest task of the page's main thread took of a processor, ms: not what it waited for one. */
async function longestWork(browser: Browser, page: Page): Promise<number> {
  await browser.startTracing(page, { categories: ["toplevel"] });
  await page.waitForTimeout(TRACED_MS);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: Traced[] };
  const mains = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args?.["name"] === "CrRendererMain").map(({ pid, tid }) => `${pid}/${tid}`));
  const work = new Map<string, number[]>();
  for (const { name, pid, tid, tdur } of traceEvents) {
    const thread = `${pid}/${tid}`;
    if (name === "ThreadControllerImpl::RunTask" && tdur !== undefined && mains.has(thread)) (work.get(thread) ?? work.set(thread, []).get(thread)!).push(tdur / 1_000);
  }
  // The browser may keep a spare page, which does nothing.
  const [most] = [...work.values()].sort((a, b) => b.length - a.length);
  return Math.max(...(most ?? [NaN]));
}

/** Prints what was drawn, under the names of whose page it was. */
function print(whose: string, tiles: number, { frames, tasks, videos }: Drawn): void {
  const name = (what: string): string => `${whose}${what}_${tiles}_tiles`;
  figure(name("page_rate"), rate(frames), "fps");
  figure(`${name("page_frame")}_p95`, percentile(frames, 0.95), "ms");
  figure(`${name("video_rate")}_p50`, percentile(videos, 0.5), "fps");
  figure(`${name("video_rate")}_min`, Math.min(...videos), "fps");
  figure(name("long_tasks"), tasks.length, "tasks");
  figure(name("longest_task"), Math.max(0, ...tasks), "ms");
}

for (const tiles of [12, 25]) {
  test(`a steady call of ${tiles}`, async ({ browser, node, person }) => {
    const host = await Caller.signUp(node.url);
    const { slug } = await host.createRoom({ name: "Everyone", kind: "meeting", maxPeers: 50 });
    const ada = await person("Ada");
    const crowd = Crowd.enter(node.url, slug, tiles - 1);
    try {
      await expect.poll(() => host.room(slug).then((room) => room.inside.peers, () => -1), { timeout: 60_000 }).toBe(tiles - 1);
      figure(`empty_page_rate_${tiles}_tiles`, await emptyRate(browser), "fps");
      print("bare_", tiles, await bare(browser, tiles));
      await ada.join(`/r/${slug}`);
      await ada.live();
      // The own picture is one of the tiles.
      await expect.poll(async () => (await ada.others()).length, { timeout: 60_000 }).toBe(tiles - 1);
      await expect
        .poll(() => ada.page.evaluate(() => Math.min(...[...document.querySelectorAll<HTMLVideoElement>("video[data-peer]")].map((video) => video.getVideoPlaybackQuality().totalVideoFrames))), { timeout: 60_000 })
        .toBeGreaterThan(15);
      await ada.page.waitForTimeout(SETTLED_MS);
      const client = await ada.context.newCDPSession(ada.page);
      await client.send("Performance.enable", { timeDomain: "timeTicks" });
      const read = async () => new Map((await client.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
      const before = await read();
      const drawn = await draws(ada.page, TAKEN_MS);
      const after = await read();
      const share = (name: string): number => (100 * (after.get(name)! - before.get(name)!)) / (after.get("Timestamp")! - before.get("Timestamp")!);
      print("", tiles, drawn);
      figure(`main_thread_${tiles}_tiles`, share("TaskDuration"), "%");
      figure(`main_thread_script_${tiles}_tiles`, share("ScriptDuration"), "%");
      figure(`main_thread_layout_and_style_${tiles}_tiles`, share("LayoutDuration") + share("RecalcStyleDuration"), "%");
      figure(`task_work_${tiles}_tiles_max`, await longestWork(browser, ada.page), "ms");
      await ada.page.screenshot({ path: `${process.env["ARTIFACTS"] ?? "."}/bench-${tiles}-tiles.png` });
    } finally {
      await crowd.leave();
    }
  });
}
