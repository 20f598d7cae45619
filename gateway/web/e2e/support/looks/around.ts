/**
 * Sign-in, home, before joining, rooms of text, rooms that ended.
 *
 * **Invariant:** each odd state of them is here once.
 */
import { PHONE, ROOM, type Look } from "./look";

export const around: Look[] = [
  { name: "sign-in", path: "/sign-in?mock=guest", ready: (page) => page.getByLabel("E-mail or username").waitFor() },
  {
    name: "sign-in-wrong",
    path: "/sign-in?mock=guest",
    ready: async (page) => {
      await page.getByLabel("E-mail or username").fill("ada");
      await page.getByLabel("Password", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("That name or password is not right.").waitFor();
    },
  },
  {
    name: "sign-up-rules",
    path: "/sign-up?mock=guest",
    ready: async (page) => {
      await page.getByLabel("E-mail").fill("nobody");
      await page.getByLabel("Username").fill("a");
      await page.getByLabel("Password", { exact: true }).fill("short");
      await page.getByRole("button", { name: "Create account" }).click();
      await page.getByText("A password has at least 10 characters.").waitFor();
    },
  },
  { name: "home", path: "/?mock=people=5", ready: (page) => page.getByText("Design review").waitFor() },
  { name: "home-phone", path: "/?mock=people=5", size: PHONE, ready: (page) => page.getByText("Design review").waitFor() },
  { name: "home-empty", path: "/?mock=empty", ready: (page) => page.getByText("Start your first meeting").waitFor() },
  {
    name: "home-create",
    path: "/?mock=people=5",
    ready: async (page) => {
      await page.getByRole("button", { name: "New room" }).click();
      await page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "home-account",
    path: "/?mock=people=5",
    ready: async (page) => {
      await page.getByRole("button", { name: /Account of/ }).click();
      await page.getByRole("menuitem", { name: "Sign out" }).waitFor();
    },
  },
  { name: "prejoin", path: `${ROOM}?mock=people=4`, ready: (page) => page.locator("video").waitFor() },
  { name: "prejoin-guest-phone", path: `${ROOM}?mock=guest,password,people=2`, size: PHONE, ready: (page) => page.locator("video").waitFor() },
  { name: "prejoin-denied", path: `${ROOM}?mock=people=1`, devices: "denied", ready: (page) => page.getByText("does not let this page use").waitFor() },
  { name: "prejoin-missing", path: `${ROOM}?mock=people=0`, devices: "missing", ready: (page) => page.getByText("No camera or microphone was found").waitFor() },
  { name: "prejoin-busy", path: `${ROOM}?mock=people=2`, devices: "busy", ready: (page) => page.getByText("Another program is using your camera").waitFor() },
  { name: "room-not-found", path: "/r/zzz-zzzz-zzz?mock=people=1", ready: (page) => page.getByText("There is no such room").waitFor() },
  { name: "home-rtl", path: "/?mock=people=5", rtl: true, ready: (page) => page.getByText("Design review").waitFor() },
  { name: "prejoin-rtl", path: `${ROOM}?mock=people=4`, rtl: true, ready: (page) => page.locator("video").waitFor() },
  { name: "sign-up-rtl", path: "/sign-up?mock=guest", rtl: true, ready: (page) => page.getByLabel("E-mail").waitFor() },
  { name: "chat-room", path: "/r/bbc-defg-hij?mock=people=3", ready: (page) => page.getByText("Otherwise it reads well.").waitFor() },
  { name: "closed-room", path: "/r/ebc-defg-hij?mock=people=3", ready: (page) => page.getByText("Otherwise it reads well.").waitFor() },
];
