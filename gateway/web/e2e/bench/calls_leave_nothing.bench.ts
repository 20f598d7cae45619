/**
 * What two hundred calls, entered and left one after the other in one page, leave in its memory.
 *
 * **Invariant:** memory is read after the garbage was collected, and the calls before the first reading, which load code and fill
 * caches, are not counted.
 */
import { test } from "../support/fixtures";
import { figure } from "./support/spread";

const FIRST = 20;
const CALLS = 200;

test("memory after two hundred calls", async ({ person }) => {
  test.setTimeout(1_500_000);
  const [ada, ben] = [await (await person("Ada")).signUp(), await (await person("Ben")).signUp()];
  const path = await ada.startMeeting();
  const { page } = ben;
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable");
  const read = async (): Promise<{ heap: number; nodes: number; listeners: number }> => {
    for (let i = 0; i < 3; i += 1) await client.send("HeapProfiler.collectGarbage");
    const { metrics } = await client.send("Performance.getMetrics");
    const of = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? NaN;
    return { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
  };
  const call = async (): Promise<void> => {
    await page.getByLabel("Code or link").fill(path);
    await page.getByRole("button", { name: "Join", exact: true }).click();
    await page.getByRole("button", { name: "Join now" }).click();
    await page.locator("video[data-peer]").waitFor({ timeout: 30_000 });
    await page.getByRole("button", { name: "Leave", exact: true }).click();
    await page.getByRole("button", { name: "New meeting" }).waitFor();
  };
  for (let i = 0; i < FIRST; i += 1) await call();
  const before = await read();
  for (let i = 0; i < CALLS; i += 1) await call();
  const after = await read();
  figure(`heap_after_${CALLS}_calls`, after.heap / before.heap, "times");
  figure(`nodes_after_${CALLS}_calls`, after.nodes / before.nodes, "times");
  figure(`listeners_after_${CALLS}_calls`, after.listeners / before.listeners, "times");
});
