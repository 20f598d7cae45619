/**
 * Sign-in, home and before joining by hand, and small things in the room that need no second person.
 *
 * **Invariant:** each line of what people see that no picture can show is tried here or in `looks_in_hand`.
 */
import { expect, test, type Page } from "@playwright/test";

import { chat, enter, live, mock, ROOM } from "./support/looks/look";

const people = (page: Page) => page.getByRole("list", { name: "People in the room" }).getByRole("listitem");

test("a password can be shown, and caps lock is said", async ({ page }) => {
  await page.goto("/sign-in?mock=guest");
  const password = page.getByLabel("Password", { exact: true });
  await password.fill("a calm crow");
  await expect(password).toHaveAttribute("type", "password");
  await page.getByRole("button", { name: "Show password" }).click();
  await expect(password).toHaveAttribute("type", "text");
  await page.getByRole("button", { name: "Hide password" }).click();
  await expect(password).toHaveAttribute("type", "password");
  const key = (on: boolean): Promise<void> => password.evaluate((field, modifierCapsLock) => void field.dispatchEvent(new KeyboardEvent("keyup", { key: "A", modifierCapsLock, bubbles: true })), on);
  await key(true);
  await page.getByText("Caps lock is on.").waitFor();
  await key(false);
  await expect(page.getByText("Caps lock is on.")).toHaveCount(0);
});

test("who is signed in is sent home from the sign-in page", async ({ page }) => {
  await page.goto("/sign-in?mock=people=2");
  await page.getByRole("button", { name: "New meeting" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/");
});

test("rooms are searched and filtered, and a code or a link leads into one", async ({ page }) => {
  await page.goto("/?mock=people=2");
  const rows = page.getByRole("listitem");
  await expect(rows).toHaveCount(5);
  await page.getByRole("searchbox", { name: "Search rooms" }).fill("film");
  await expect(rows).toHaveCount(1);
  await page.getByRole("searchbox", { name: "Search rooms" }).fill("nothing of the kind");
  await page.getByText("No room fits your search.").waitFor();
  await page.getByRole("searchbox", { name: "Search rooms" }).fill("");
  await page.getByText("Chats", { exact: true }).click();
  await expect(rows).toHaveCount(1);
  await page.getByText("Ops on call").waitFor();
  const code = page.getByLabel("Code or link");
  await code.fill("not a code");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByText("This is not a room's code or link.").waitFor();
  await code.fill(`${new URL(page.url()).origin}${ROOM}`);
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByRole("button", { name: "Join now" }).waitFor();
});

test("before joining the meter moves, a test sound plays, and another speaker can be chosen", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=2`);
  const meter = page.getByRole("img", { name: "Microphone level" });
  await meter.waitFor();
  const heights = new Set<string>();
  await expect
    .poll(async () => {
      heights.add(await meter.locator(".meter-bar").evaluate((bar) => getComputedStyle(bar).transform));
      return heights.size;
    })
    .toBeGreaterThan(3);
  await page.getByRole("button", { name: "Play a test sound" }).click();
  await page.getByRole("button", { name: "Playing…" }).waitFor();
  await page.getByRole("button", { name: "Play a test sound" }).waitFor();
  const speaker = page.getByRole("button", { name: /^Speaker: / });
  const before = await speaker.getAttribute("aria-label");
  await speaker.click();
  await page.getByRole("menuitemradio", { checked: false }).first().click();
  await expect(speaker).not.toHaveAttribute("aria-label", before ?? "");
});

test("a message that was not sent says so, is tried again, and can be thrown away", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=2,chatfails`);
  await enter(page);
  await chat(page);
  const field = page.getByPlaceholder("Message everyone");
  await field.fill("Into the void");
  await field.press("Enter");
  await page.getByText("Not sent.").waitFor();
  const sends = (): Promise<number> => page.evaluate(() => (window as unknown as { __mock: { sent: { message: { type: string } }[] } }).__mock.sent.filter(({ message }) => message.type === "chat_send").length);
  const before = await sends();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect.poll(sends).toBe(before + 1);
  await page.getByText("Not sent.").waitFor();
  await page.getByRole("button", { name: "Discard" }).click();
  await expect(page.getByText("Into the void")).toHaveCount(0);
});

test("days part the messages", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=2`);
  await enter(page);
  await chat(page);
  await page.getByText("Otherwise it reads well.").waitFor();
  await page.getByText("Today", { exact: true }).waitFor();
  await page.getByRole("log").evaluate((log) => log.scrollTo(0, 0));
  await page.getByText("Yesterday", { exact: true }).waitFor();
});

test("people are found by name, and whoever leaves is said", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=12`);
  await enter(page);
  await page.keyboard.press("p");
  await expect(people(page)).toHaveCount(13);
  await page.getByRole("searchbox", { name: "Find someone" }).fill("INGR");
  await expect(people(page)).toHaveCount(1);
  await page.getByRole("searchbox", { name: "Find someone" }).fill("Nobody");
  await page.getByText("Nobody by that name.").waitFor();
  await mock(page, (m) => m.event({ type: "peer_left", peer: m.people[0]!.info.peer, reason: "left" }));
  await expect(page.locator('[role="status"][aria-live="polite"]')).toContainText("Noor Haddad left.");
});

test("a key pins a tile and lets it go, a letter of another alphabet is the key at its place, and Escape gives the focus back", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=4`);
  await enter(page);
  const pinned = page.getByRole("img", { name: "Pinned" });
  await page.keyboard.press("2");
  await expect(pinned).toHaveCount(1);
  await page.keyboard.press("2");
  await expect(pinned).toHaveCount(0);
  await page.evaluate(() => window.dispatchEvent(new KeyboardEvent("keydown", { key: "ь", code: "KeyM", bubbles: true, cancelable: true })));
  await page.getByRole("button", { name: "Unmute" }).waitFor();
  await page.keyboard.press("c");
  await expect(page.getByPlaceholder("Message everyone")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Chat" })).toBeFocused();
  // Nobody sought that button: the space bar talks.
  await page.keyboard.down(" ");
  await page.getByRole("button", { name: "Mute", exact: true }).waitFor();
  await page.keyboard.up(" ");
  await page.getByRole("button", { name: "Unmute" }).waitFor();
});

test("a hidden tile's picture is wanted no more", async ({ page }) => {
  await page.goto(`${ROOM}?mock=people=3`);
  await enter(page);
  const camera = "00000000-0000-4000-8000-000000000200";
  const wanted = (): Promise<string> =>
    page.evaluate((id) => {
      type Sent = { message: { type: string; track?: string; size?: { width: number; height: number } } };
      const last = (window as unknown as { __mock: { sent: Sent[] } }).__mock.sent.filter(({ message }) => message.type === "subscribe" && message.track === id).at(-1);
      return last ? `${last.message.size?.width}x${last.message.size?.height}` : "never";
    }, camera);
  await expect.poll(wanted).toMatch(/^[1-9]/);
  await page.getByRole("figure", { name: /^Noor/ }).hover();
  await page.getByRole("button", { name: "What to do with the tile of Noor Haddad" }).click();
  await page.getByRole("menuitem", { name: "Hide" }).click();
  await expect.poll(wanted).toBe("0x0");
});

test("where storage is forbidden the page works all the same", async ({ page }) => {
  await page.addInitScript(() => {
    const denied = (): never => {
      throw new DOMException("denied", "SecurityError");
    };
    Object.defineProperty(window, "localStorage", { get: denied });
  });
  await page.goto(`${ROOM}?mock=people=2`);
  await enter(page);
  await live(page);
});

test("motion is left out where people ask for none", async ({ page }) => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.goto(`${ROOM}?mock=people=3`);
  await enter(page);
  await page.keyboard.press("p");
  const moving = await page.evaluate(() =>
    document
      .getAnimations()
      .filter((animation) => animation.playState === "running" && Number(animation.effect?.getComputedTiming().duration) > 1)
      .map((animation) => `${animation.constructor.name} of ${(animation.effect as KeyframeEffect | null)?.target?.outerHTML.slice(0, 120)}${(animation.effect as KeyframeEffect | null)?.pseudoElement ?? ""}`),
  );
  expect(moving).toEqual([]);
});
