/**
 * Every screen and each odd state: no breach of the policy, no finding of axe, and a picture to look at.
 *
 * **Invariant:** each case is shown in both themes.
 */
import { expect, test } from "@playwright/test";

import { expectAccessible } from "./support/axe";
import { artifacts } from "./support/chromium";
import { around } from "./support/looks/around";
import { calls } from "./support/looks/call";
import { chats } from "./support/looks/chat";
import { withoutDevices } from "./support/looks/look";
import { stages } from "./support/looks/stage";

for (const theme of ["light", "dark"] as const) {
  for (const look of [...around, ...calls, ...chats, ...stages]) {
    test(`${look.name} in ${theme}`, async ({ page }) => {
      const breaches: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) breaches.push(message.text());
      });
      page.on("pageerror", (error) => breaches.push(String(error)));
      await page.setViewportSize(look.size ?? { width: 1280, height: 760 });
      await page.addInitScript((wish) => localStorage.setItem("rookery.theme", wish), theme);
      if (look.rtl) await page.addInitScript(() => Object.defineProperty(navigator, "languages", { get: () => ["ar-XB"] }));
      if (look.devices) await page.addInitScript(withoutDevices, look.devices);
      await page.goto(look.path);
      await look.ready(page);
      await page.waitForTimeout(look.name === "room-moved" ? 100 : 350);
      await page.screenshot({ path: `${artifacts}/looks/${look.name}-${theme}.png` });
      await expectAccessible(page);
      expect(breaches).toEqual([]);
    });
  }
}
