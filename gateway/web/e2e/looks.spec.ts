/**
 * Every screen and each odd state: no breach of the policy, no finding of axe, and a picture to look at.
 *
 * **Invariant:** each case is shown in both themes.
 */
import { expect, test, type Page } from "@playwright/test";

import { expectAccessible } from "./support/axe";
import { artifacts } from "./support/chromium";

interface Mock {
  drop(refuse?: boolean): void;
  say(name: string, text: string): void;
  event(message: object): void;
  share(i?: number): void;
  floor(i: number): void;
  tell(message: object): void;
  people: { info: { peer: string } }[];
}
const mock = (page: Page, work: (mock: Mock) => void): Promise<void> =>
  page.evaluate(`(${String(work)})(window.__mock)`) as Promise<void>;

interface Look {
  name: string;
  path: string;
  size?: { width: number; height: number };
  /** Drawn from right to left. */
  rtl?: boolean;
  /** Takes the devices away. */
  devices?: "denied" | "missing" | "busy";
  ready: (page: Page) => Promise<unknown>;
}

const PHONE = { width: 390, height: 780 };
const ROOM = "/r/abc-defg-hij";
const live = (page: Page) => page.locator('[data-connection="live"]').waitFor();
const enter = async (page: Page): Promise<void> => {
  await page.getByRole("button", { name: "Join now" }).click();
  await live(page);
};
const pictures = (page: Page, n: number) => expect.poll(() => page.locator("video[data-track]").evaluateAll((all) => all.filter((v) => (v as HTMLVideoElement).videoWidth > 0).length)).toBeGreaterThanOrEqual(n);
const chat = (page: Page) => page.keyboard.press("c");

const looks: Look[] = [
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
  {
    name: "room-connecting",
    path: `${ROOM}?mock=people=5,nojoin`,
    ready: async (page) => {
      await page.getByRole("button", { name: "Join now" }).click();
      await page.getByText("Entering the room…").waitFor();
    },
  },
  {
    name: "room-chat",
    path: `${ROOM}?mock=people=5,chatslow=60000`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await chat(page);
      await page.getByPlaceholder("Message everyone").fill("Yes, trying it now.");
      await page.keyboard.press("Enter");
      await page.getByText("Sending…").waitFor();
    },
  },
  {
    name: "room-phone",
    path: `${ROOM}?mock=people=5`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await mock(page, (m) => m.say("Noor Haddad", "Are you there?"));
      await page.getByRole("button", { name: /1 unread/ }).waitFor();
    },
  },
  {
    name: "room-phone-chat",
    path: `${ROOM}?mock=people=5`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByText("Otherwise it reads well.").waitFor();
    },
  },
  {
    name: "room-people-host",
    path: `${ROOM}?mock=people=9,host`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.keyboard.press("p");
      await page.getByRole("list", { name: "People in the room" }).waitFor();
      await page.getByRole("button", { name: "Ways to leave" }).click();
    },
  },
  { name: "room-alone", path: `${ROOM}?mock=people=0`, ready: enter },
  { name: "room-one", path: `${ROOM}?mock=people=1`, ready: enter },
  {
    name: "room-25",
    path: `${ROOM}?mock=people=27`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 8);
    },
  },
  {
    name: "room-away",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await mock(page, (m) => m.event({ type: "peer_updated", peer: { ...m.people[0]!.info, reconnecting: true } }));
      await page.getByText("Reconnecting…").waitFor();
    },
  },
  {
    name: "room-reconnecting",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await mock(page, (m) => m.drop());
      await page.getByText("Connection lost.").waitFor();
    },
  },
  {
    name: "room-chat-failed",
    path: `${ROOM}?mock=people=2,chatfails`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByPlaceholder("Message everyone").fill("Can you read this?");
      await page.keyboard.press("Enter");
      await page.getByText("Not sent.").waitFor();
    },
  },
  {
    name: "room-chat-marks",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByText("Otherwise it reads well.").waitFor();
      await mock(page, (m) => {
        m.say("Noor Haddad", "Plan for *today*:\n1. **Review** the flow\n2. Try `make run`\n- and a https://rookery.example/a_very/long/address/that/has/to/be/broken/somewhere?by=the_panel");
        m.say("Ingrid", "```rust\nfn main() {\n    println!(\"a line of code that is longer than the panel is wide\");\n}\n```");
        m.say("Yuki", "🎉👍");
      });
      await page.getByText("🎉👍").waitFor();
    },
  },
  {
    name: "room-chat-emoji",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByPlaceholder("Message everyone").fill("Well done ");
      await page.getByRole("button", { name: "Emoji" }).click();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("button", { name: "👍" }).waitFor();
    },
  },
  {
    name: "room-chat-new",
    path: `${ROOM}?mock=people=3,history=300,page=300`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByText("Otherwise it reads well.").waitFor();
      await page.getByRole("log").hover();
      await page.mouse.wheel(0, -900);
      await expect(page.getByText("Otherwise it reads well.")).not.toBeInViewport();
      for (const words of ["One", "Two", "Three"]) await page.evaluate((w) => (window as unknown as { __mock: Mock }).__mock.say("Noor Haddad", w), words);
      await page.getByRole("button", { name: "3 new messages" }).waitFor();
    },
  },
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
      await page.getByRole("cell", { name: "640×360" }).first().waitFor();
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
    name: "room-moved",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await mock(page, (m) => m.tell({ type: "reattach", reason: "moved" }));
      await page.getByText("The room moved to another server.").first().waitFor();
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
      await page.getByText("שלום לכולם").waitFor();
      await page.keyboard.press("Escape");
      await chat(page);
    },
  },
  { name: "home-rtl", path: "/?mock=people=5", rtl: true, ready: (page) => page.getByText("Design review").waitFor() },
  { name: "prejoin-rtl", path: `${ROOM}?mock=people=4`, rtl: true, ready: (page) => page.locator("video").waitFor() },
  { name: "sign-up-rtl", path: "/sign-up?mock=guest", rtl: true, ready: (page) => page.getByLabel("E-mail").waitFor() },
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
      await page.getByRole("cell", { name: "640×360" }).first().waitFor();
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
  {
    name: "room-weak",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await page.evaluate(lossy);
      await enter(page);
      await pictures(page, 3);
      await page.getByText("Your upload is slow. Others may see you less sharp.").waitFor({ timeout: 20_000 });
      await page.getByRole("img", { name: "Bad connection" }).first().waitFor({ timeout: 20_000 });
    },
  },
  {
    name: "room-device-gone",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await page.evaluate(() => {
        const devices = navigator.mediaDevices;
        const real = devices.getUserMedia.bind(devices);
        const taken: MediaStreamTrack[] = [];
        devices.getUserMedia = async (wanted) => {
          const stream = await real(wanted);
          taken.push(...stream.getVideoTracks());
          return stream;
        };
        Object.assign(window, {
          unplug: () => {
            const track = taken.pop();
            track?.stop();
            track?.dispatchEvent(new Event("ended"));
          },
        });
      });
      await enter(page);
      await page.keyboard.press("v");
      await page.getByRole("figure", { name: "Ada Kovács (you), microphone on, camera off" }).waitFor();
      await page.keyboard.press("v");
      await page.getByRole("figure", { name: "Ada Kovács (you), microphone on, camera on" }).waitFor();
      await pictures(page, 2);
      await page.evaluate(() => (window as unknown as { unplug: () => void }).unplug());
      await page.getByText(/^Your camera went away\./).first().waitFor();
    },
  },
  {
    name: "room-ended",
    path: `${ROOM}?mock=people=2,host`,
    ready: async (page) => {
      await enter(page);
      await page.getByRole("button", { name: "Ways to leave" }).click();
      await page.getByRole("menuitem", { name: "End for all" }).click();
      await page.getByText("The host ended this room").waitFor();
    },
  },
  { name: "chat-room", path: "/r/bbc-defg-hij?mock=people=3", ready: (page) => page.getByText("Otherwise it reads well.").waitFor() },
  { name: "closed-room", path: "/r/ebc-defg-hij?mock=people=3", ready: (page) => page.getByText("Otherwise it reads well.").waitFor() },
];

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
  console.log(`10,000 messages: ${frames.articles} in the page, frame median ${median.toFixed(1)} ms, p95 ${frames.times[228]!.toFixed(1)} ms`);
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
  console.log(`older messages: reached number ${jumps.first} of 403, largest jump ${jumps.worst} px`);
  expect(jumps.first).toBeLessThan(300);
  expect(jumps.worst).toBeLessThanOrEqual(1);
});

for (const theme of ["light", "dark"] as const) {
  for (const look of looks) {
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

/** Makes the browser's figures those of a bad line, for the others' pictures and for what is sent. */
function lossy(): void {
  const real = RTCPeerConnection.prototype.getStats;
  let k = 0;
  RTCPeerConnection.prototype.getStats = async function (this: RTCPeerConnection) {
    const report = new Map<string, Record<string, unknown>>();
    (await real.call(this)).forEach((entry: Record<string, unknown>, id: string) => report.set(id, { ...entry }));
    k += 1;
    for (const entry of report.values()) {
      if (entry["type"] === "inbound-rtp" && entry["kind"] === "video") {
        if (/[02468]$/.test(String(entry["mid"]))) entry["freezeCount"] = k;
      }
      if (entry["type"] === "remote-inbound-rtp") entry["fractionLost"] = 0.2;
    }
    return report as unknown as RTCStatsReport;
  } as typeof real;
}

function withoutDevices(how: string): void {
  const name = { denied: "NotAllowedError", missing: "NotFoundError", busy: "NotReadableError" }[how];
  const devices = navigator.mediaDevices;
  devices.getUserMedia = () => Promise.reject(new DOMException("as the test wants it", name));
  if (how !== "busy") devices.enumerateDevices = () => Promise.resolve([]);
  // In a test every permission is granted; the page is to believe otherwise.
  navigator.permissions.query = () => Promise.resolve({ state: how === "denied" ? "denied" : "granted" } as PermissionStatus);
}
