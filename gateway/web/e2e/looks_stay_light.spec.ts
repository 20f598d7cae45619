/**
 * What the page costs: frames and long tasks with many tiles, memory after many calls.
 *
 * **Invariant:** figures are printed; what is asserted leaves room for a busy machine.
 */
import { expect, test, type Page } from "@playwright/test";

const ROOM = "/r/abc-defg-hij";

async function join(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Join now" }).click();
  await page.locator('[data-connection="live"]').waitFor();
}

for (const people of [11, 24]) {
  test(`a steady call of ${people + 1} keeps the page free`, async ({ page }) => {
    await page.setViewportSize({ width: 1_280, height: 760 });
    await page.goto(`${ROOM}?mock=people=${people}`);
    await join(page);
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
    console.log(`${people + 1} people: frame median ${frames[120]!.toFixed(1)} ms, p95 ${frames[228]!.toFixed(1)} ms; longest script ${longest.toFixed(0)} ms of ${scripts.length} in long frames`);
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
    await join(page);
    await page.locator("video[data-track]").first().waitFor();
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await page.getByRole("button", { name: "New meeting" }).waitFor();
  };
  // The first visits load code and fill caches.
  for (let i = 0; i < 12; i += 1) await visit();
  const before = await heap();
  const rounds = 25;
  for (let i = 0; i < rounds; i += 1) await visit();
  const after = await heap();
  const elements = await page.evaluate(() => document.querySelectorAll("audio, video, canvas").length);
  console.log(`heap ${before.toFixed(1)} MB, after ${rounds} more calls ${after.toFixed(1)} MB; ${elements} media elements left`);
  expect(elements).toBe(0);
  expect(after).toBeLessThan(before * 1.1);
});

test("pictures stand still while media is built anew, under the right names", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=3`);
  await join(page);
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
