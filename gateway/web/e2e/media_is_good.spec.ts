/**
 * How good a call is: how fast a camera reaches its full rate, and whether lips are in step.
 *
 * **Invariant:** each figure is printed; what is asserted is five times what is promised.
 */
import { expect, test } from "./support/fixtures";
import type { Person } from "./support/person";
import { lipsApart } from "./support/sound";

/** Promised: 4 s. */
const FULL_RATE_WITHIN_MS = 5 * 4_000;
/** Of the camera's bound of 2.5 Mbit/s. */
const FULL_RATE = 0.8 * 2_500_000;
/** ITU-R BT.1359: 45 ms ahead to 125 ms behind is where people begin to notice. */
const LIPS_APART_MAX_MS = 5 * 125;

/** How much a person may send by what the browser makes of our feedback, bit/s. */
function allowed(person: Person): Promise<number> {
  return person.page.evaluate(async () => {
    const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
    let bits = 0;
    (await connections.get("publish")?.getStats())?.forEach((entry: Record<string, unknown>) => {
      if (entry["type"] === "candidate-pair" && entry["nominated"]) bits = Number(entry["availableOutgoingBitrate"] ?? 0);
    });
    return bits;
  });
}

test("a camera has its full rate within seconds, and lips are in step", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.createRoom("Rate");
  const ben = await person("Ben");
  await ben.join(path);
  await ben.live();
  await ada.page.getByRole("button", { name: "Join now" }).click();
  await ada.live();
  const began = Date.now();
  await expect.poll(() => allowed(ada), { timeout: FULL_RATE_WITHIN_MS, intervals: [100] }).toBeGreaterThanOrEqual(FULL_RATE);
  console.log(`figure camera_at_full_rate_after ${Date.now() - began} ms`);
  await ben.sees(1);
  await ada.sees(1);
  await expect.poll(async () => (await lipsApart(ben.page)).length, { timeout: 20_000 }).toBe(1);
  const apart = await lipsApart(ben.page);
  console.log(`figure lips_apart ${Math.round(Math.max(...apart))} ms`);
  expect(Math.max(...apart)).toBeLessThanOrEqual(LIPS_APART_MAX_MS);
});
