/**
 * What the page costs: frames and long tasks with many tiles and messages, memory after many calls.
 *
 * **Invariant:** figures are printed; what is asserted leaves room for a busy machine.
 */
import { expect, test } from "@playwright/test";

import { chat, enter, ROOM } from "./support/looks/look";


for (const people of [11, 24]) {
  test(`a steady call of ${people + 1} keeps the page free`, async ({ page }) => {
    await page.setViewportSize({ width: 1_280, height: 760 });
    await page.goto(`${ROOM}?mock=people=${people}`);
    await enter(page);
    await expect.poll(() => page.locator("video[data-track]").count()).toBeGreaterThan(people / 3);
    await page.waitForTimeout(3_000);
    const { scripts, frames } = await page.evaluate(async () => {
      const scripts: number[] = [];
      const seen = (list: PerformanceObserverEntryList): void => {
        // What the page's own script took; decoding and drawing of the pictures is the browser's.
        for (const entry of list.getEntries() as (PerformanceEntry & { scripts?: { duration: number; sourceURL?: string }[] })[]) for (const script of entry.scripts ?? []) scripts.push(script.duration);
      };
      const observer = new PerformanceObserver(seen);
      observer.observe({ type: "long-animation-frame" });
      const times: number[] = [];
      let last = performance.now();
      while (times.length < 240) {
        await new Promise(requestAnimationFrame);
        times.push(performance.now() - last);
        last = performance.now();
      }
      observer.disconnect();
      return { scripts, frames: times.sort((a, b) => a - b) };
    });
    const longest = Math.max(0, ...scripts);
    console.log(`figure frame_median_${people + 1}_tiles ${frames[120]!.toFixed(1)} ms`);
    console.log(`figure frame_p95_${people + 1}_tiles ${frames[228]!.toFixed(1)} ms`);
    console.log(`figure longest_script_${people + 1}_tiles ${longest.toFixed(0)} ms`);
    expect(frames[120]!).toBeLessThan(5 * 16.7);
    expect(longest).toBeLessThan(5 * 50);
  });
}

test("calls that were left leave nothing behind", async ({ page }) => {
  test.setTimeout(240_000);
  await page.goto(`${ROOM}?mock=people=3,slow=0`);
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const heap = async (): Promise<number> => {
    for (let i = 0; i < 3; i += 1) await client.send("HeapProfiler.collectGarbage");
    const { metrics } = await client.send("Performance.getMetrics");
    return metrics.find((metric) => metric.name === "JSHeapUsedSize")!.value / 1_048_576;
  };
  const visit = async (): Promise<void> => {
    await page.evaluate((to) => {
      history.pushState(null, "", to);
      window.dispatchEvent(new PopStateEvent("popstate"));
    }, ROOM);
    await enter(page);
    await page.locator("video[data-track]").first().waitFor();
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await page.getByRole("button", { name: "New meeting" }).waitFor();
  };
  // The first visits load code and fill caches.
  for (let i = 0; i < 20; i += 1) await visit();
  const before = await heap();
  const rounds = 25;
  for (let i = 0; i < rounds; i += 1) await visit();
  const after = await heap();
  const elements = await page.evaluate(() => document.querySelectorAll("audio, video, canvas").length);
  console.log(`figure heap_after_${rounds}_calls ${(after / before).toFixed(2)} times`);
  expect(elements).toBe(0);
  expect(after).toBeLessThan(before * 1.1);
});

test("pictures stand still while media is built anew, under the right names", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=3`);
  await enter(page);
  await expect.poll(() => page.locator("video[data-peer]").evaluateAll((all) => all.filter((v) => (v as HTMLVideoElement).videoWidth > 0).length)).toBe(2);
  const still = await page.evaluate(async () => {
    (window as unknown as { __mock: { tell(message: object): void } }).__mock.tell({ type: "reattach", reason: "moved" });
    const frozen: number[] = [];
    const began = performance.now();
    while (performance.now() - began < 3_000) {
      await new Promise(requestAnimationFrame);
      const videos = document.querySelectorAll("main video[data-peer]").length;
      if (videos === 0) frozen.push([...document.querySelectorAll<HTMLCanvasElement>("main figure canvas")].filter((c) => c.width > 0 && getComputedStyle(c).display !== "none").length);
      else if (frozen.length > 0) break;
    }
    return frozen;
  });
  expect(still.length).toBeGreaterThan(0);
  expect(Math.min(...still)).toBe(2);
});

test("ten thousand messages scroll smoothly", async ({ page }) => {
  await page.goto("/r/bbc-defg-hij?mock=people=2,history=10000,page=10000");
  await page.getByText("Otherwise it reads well.").waitFor();
  const log = page.getByRole("log");
  const frames = await log.evaluate(async (element) => {
    const times: number[] = [];
    let last = performance.now();
    for (let i = 0; i < 240; i += 1) {
      element.scrollTop -= 160;
      await new Promise(requestAnimationFrame);
      const at = performance.now();
      times.push(at - last);
      last = at;
    }
    return { times: times.sort((a, b) => a - b), articles: element.querySelectorAll("article").length, height: element.scrollHeight };
  });
  const median = frames.times[120]!;
  console.log(`figure frame_median_10000_messages ${median.toFixed(1)} ms`);
  console.log(`figure rows_drawn_10000_messages ${frames.articles} rows`);
  expect(frames.articles).toBeLessThan(80);
  expect(frames.height).toBeGreaterThan(150_000);
  expect(median).toBeLessThan(5 * 16.7);
});

test("a page of older messages moves nothing that is being read", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=2,history=400`);
  await enter(page);
  await chat(page);
  const log = page.getByRole("log");
  await page.getByText("Otherwise it reads well.").waitFor();
  // Up to where the next page is asked for; what is at the top is then followed over its arrival.
  const jumps = await log.evaluate(async (element) => {
    const frame = (): Promise<unknown> => new Promise(requestAnimationFrame);
    const seqs = (): Map<string, number> => new Map([...element.querySelectorAll<HTMLElement>("[data-seq]")].map((a) => [a.dataset["seq"] ?? "", a.getBoundingClientRect().top]));
    let worst = 0;
    for (let i = 0; i < 40; i += 1) {
      element.scrollTop -= 90;
      await frame();
      await frame();
      const before = seqs();
      for (let wait = 0; wait < 6; wait += 1) await frame();
      for (const [seq, top] of seqs()) {
        const was = before.get(seq);
        if (was !== undefined && was > 0 && was < element.clientHeight) worst = Math.max(worst, Math.abs(top - was));
      }
    }
    return { worst, first: Number(element.querySelector<HTMLElement>("[data-seq]")?.dataset["seq"]) };
  });
  console.log(`figure jump_on_older_messages ${jumps.worst} px`);
  expect(jumps.first).toBeLessThan(300);
  expect(jumps.worst).toBeLessThanOrEqual(1);
});
