/**
 * The stage in hand: focus, shared screens, pins, menus, statistics, from right to left, on a phone.
 *
 * **Invariant:** what is open on the picture was opened as a person does it.
 */
import { expect } from "@playwright/test";

import { PHONE, ROOM, chat, enter, mock, pictures, type Look } from "./look";

export const stages: Look[] = [
  {
    name: "room-focus",
    path: `${ROOM}?mock=people=9`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.keyboard.press("f");
      await mock(page, (m) => m.floor(2));
      await page.getByRole("button", { name: "Focus", pressed: true }).waitFor();
      await pictures(page, 3);
    },
  },
  {
    name: "room-focus-phone",
    path: `${ROOM}?mock=people=9`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await page.keyboard.press("f");
      await mock(page, (m) => m.floor(2));
      await pictures(page, 2);
    },
  },
  {
    name: "room-screen",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await mock(page, (m) => m.share(0));
      await page.locator("video[data-screen]").waitFor();
      await pictures(page, 3);
    },
  },
  {
    name: "room-screens-two",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await mock(page, (m) => {
        m.share(0);
        m.share(2);
      });
      await expect(page.locator("video[data-screen]")).toHaveCount(2);
      await pictures(page, 3);
    },
  },
  {
    name: "room-sharing",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await page.evaluate(() => {
        navigator.mediaDevices.getDisplayMedia = () => Promise.resolve(document.createElement("canvas").captureStream(5));
      });
      await enter(page);
      await pictures(page, 2);
      await page.keyboard.press("s");
      await page.getByRole("figure", { name: "Your screen" }).waitFor();
    },
  },
  {
    name: "room-tile-menu",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.getByRole("figure", { name: /^Ingrid/ }).hover();
      await page.getByRole("button", { name: "What to do with the tile of Ingrid" }).click();
      await page.getByRole("menuitem", { name: /^Volume here, 100/ }).waitFor();
      await page.keyboard.press("End");
      await expect(page.getByRole("menuitem", { name: /^Volume/ })).toBeFocused();
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("ArrowLeft");
      await page.getByRole("menuitem", { name: /^Volume here, 80/ }).waitFor();
    },
  },
  {
    name: "room-pinned",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.keyboard.press("3");
      await page.getByRole("img", { name: "Pinned" }).waitFor();
    },
  },
  {
    name: "room-stats",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.keyboard.press("Shift+S");
      await page.getByRole("cell", { name: /^\d+×\d+$/ }).first().waitFor();
      await page.waitForTimeout(1_200);
    },
  },
  {
    name: "room-keys",
    path: `${ROOM}?mock=people=2`,
    ready: async (page) => {
      await enter(page);
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
    },
  },
  {
    name: "room-more",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Statistics" }).waitFor();
    },
  },
  {
    name: "room-rtl",
    path: `${ROOM}?mock=people=7`,
    rtl: true,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await chat(page);
      await mock(page, (m) => m.say("שירה לוי", "שלום לכולם, **איך** הולך?"));
      await page.getByRole("log").getByText("שלום לכולם").waitFor();
      await page.keyboard.press("Escape");
      await chat(page);
    },
  },
  {
    name: "room-rtl-focus",
    path: `${ROOM}?mock=people=7`,
    rtl: true,
    ready: async (page) => {
      await enter(page);
      await page.keyboard.press("f");
      await pictures(page, 3);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Statistics" }).waitFor();
    },
  },
  {
    name: "room-phone-more",
    path: `${ROOM}?mock=people=3,host`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Statistics" }).waitFor();
    },
  },
  {
    name: "room-phone-screen",
    path: `${ROOM}?mock=people=4`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await mock(page, (m) => m.share(0));
      await page.locator("video[data-screen]").waitFor();
      await pictures(page, 2);
    },
  },
  {
    name: "room-phone-stats",
    path: `${ROOM}?mock=people=3`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await page.keyboard.press("Shift+S");
      await page.getByRole("cell", { name: /^\d+×\d+$/ }).first().waitFor();
    },
  },
  {
    name: "room-hidden",
    path: `${ROOM}?mock=people=4`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await page.getByRole("figure", { name: /^Tomás/ }).hover();
      await page.getByRole("button", { name: "What to do with the tile of Tomás Barrenechea" }).click();
      await page.getByRole("menuitem", { name: "Hide" }).click();
      await expect(page.getByRole("figure", { name: /^Tomás/ })).toHaveCount(0);
      await page.keyboard.press("p");
      await page.getByRole("button", { name: "What to do with Tomás Barrenechea" }).click();
      await page.getByRole("menuitem", { name: "Show" }).waitFor();
    },
  },
];
