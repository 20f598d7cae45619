/**
 * Simulcast: the viewer gets the layer that fits what it shows, is told which, and a change of it is never a stop.
 *
 * **Invariant:** what is asserted is five times what is promised (no picture stands for 500 ms), and each figure is printed.
 */
import { expect, test } from "./support/fixtures";
import { layersSent, numberedCamera, quantile, switchSizes, type Camera } from "./support/layers";

const GAP_MAX_MS = 5 * 500;
/** A switch waits for a key frame, of which an encoder is asked for one in half a second at most. */
const SWITCH_WITHIN_MS = 15_000;

/** Each layer has an encoder of its own: the first picture of the next may be of what the last had shown a little before. */
const BACK_MAX = 2;

interface Case {
  codec: string;
  camera: Camera;
  layers: Record<string, number>;
  switches: number;
  /** Pictures whose number is of neither layer's last second. */
  strange: number;
}

const LARGE: Camera = { width: 1_024, height: 576, fps: 15 };
const MIDDLE: Camera = { width: 640, height: 360, fps: 15 };
const CASES: Case[] = [
  { codec: "VP8", camera: LARGE, layers: { q: 144, h: 288, f: 576 }, switches: 100, strange: 0 },
  { codec: "H264", camera: LARGE, layers: { q: 144, h: 288, f: 576 }, switches: 100, strange: 0 },
  { codec: "VP9", camera: MIDDLE, layers: { h: 180, f: 360 }, switches: 30, strange: 0 },
  // Seen with AV1 only, once or twice in 170 pictures, and not explained: a number of some seconds ago, for one picture.
  { codec: "AV1", camera: MIDDLE, layers: { h: 180, f: 360 }, switches: 30, strange: 3 },
];

for (const { codec, camera, layers, switches, strange } of CASES) {
  test(`${switches} switches of layers of ${codec}, and the picture stands at none`, async ({ person }) => {
    test.setTimeout(240_000);
    const ada = await person("Ada", { codec: `video/${codec}` });
    await numberedCamera(ada.context, camera);
    await ada.signUp();
    const path = await ada.startMeeting();
    const ben = await person("Ben");
    await ben.join(path);
    await ben.live();
    await ben.sees(1);
    await expect.poll(() => layersSent(ada.page), { timeout: 60_000 }).toEqual(layers);
    await expect.poll(() => ben.page.evaluate(() => document.querySelector<HTMLVideoElement>("video[data-peer]")?.videoHeight), { timeout: 20_000 }).toBe(camera.height);
    expect((await ben.inbound()).filter((f) => f.kind === "video" && f.frames > 0).map((f) => f.codec)).toEqual([`video/${codec}`]);
    // Down through all sizes and up again: each is at most one step from the last.
    const heights = Object.values(layers).sort((a, b) => b - a);
    const round = [...heights.slice(1), ...heights.slice(0, -1).reverse()];
    let [at, sizes] = [camera.height, [] as { width: number; height: number; larger: boolean }[]];
    for (let i = 0; i < switches; i += 1) {
      const height = round[i % round.length]!;
      // Well within it: what is asked for is rounded up.
      sizes.push({ width: Math.round((height * 0.8 * 16) / 9), height: Math.round(height * 0.8), larger: height > at });
      at = height;
    }
    const seen = await switchSizes(ben.page, sizes, SWITCH_WITHIN_MS);
    const name = codec.toLowerCase();
    console.log(`figure ${name}_layer_switches ${seen.tookMs.length} of ${switches}`);
    console.log(`figure ${name}_layer_switch_p50 ${quantile(seen.tookMs, 0.5)} ms p95 ${quantile(seen.tookMs, 0.95)} ms max ${quantile(seen.tookMs, 1)} ms`);
    console.log(`figure ${name}_layer_switch_longest_gap ${Math.round(seen.gapMs)} ms (${seen.frames} frames, back by [${seen.back.join()}], ${seen.unreadable} unreadable)`);
    expect(seen.tookMs).toHaveLength(switches);
    expect(seen.gapMs).toBeLessThanOrEqual(GAP_MAX_MS);
    expect(seen.back.filter((by) => by > BACK_MAX).length).toBeLessThanOrEqual(strange);
    expect(seen.frames).toBeGreaterThan(switches);
    // The server says which it sends, and the statistics show it.
    const layer = Object.keys(layers).find((rid) => layers[rid] === at)!;
    await ben.page.keyboard.press("Shift+S");
    await ben.page.getByRole("rowheader", { name: `Ada, camera (${layer})` }).waitFor({ timeout: 5_000 });
  });
}
