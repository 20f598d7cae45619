/**
 * A person with a browser of their own, and what the tests look at in it.
 *
 * **Invariant:** everything is done by what people see; only statistics are read through the debug handle.
 */
import { expect, type Browser, type BrowserContext, type Page } from "@playwright/test";

import { steps, watch } from "./counter";

export interface InboundFigures {
  kind: string;
  codec: string;
  frames: number;
  freezes: number;
  energy: number;
}

export interface PersonOptions {
  codec?: string;
  theme?: string;
  /** For instruments that put code of their own into the page. */
  bypassCSP?: boolean;
}

let count = 0;

export class Person {
  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly name: string,
    readonly errors: string[],
  ) {}

  static async arrive(browser: Browser, baseURL: string, name: string, options: PersonOptions = {}): Promise<Person> {
    const context = await browser.newContext({
      baseURL,
      permissions: ["camera", "microphone", "clipboard-read", "clipboard-write"],
      viewport: { width: 1280, height: 760 },
      bypassCSP: options.bypassCSP ?? false,
      // A test's certificate is its own.
      ignoreHTTPSErrors: baseURL.startsWith("https:"),
    });
    await context.addInitScript(({ codec, theme }) => {
      localStorage.setItem("rookery.debug", "1");
      if (theme) localStorage.setItem("rookery.theme", theme);
      if (codec) localStorage.setItem("rookery.codec", codec);
    }, options);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      const expected = /status of 4\d\d|WebSocket connection|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/;
      if (message.type() === "error" && !expected.test(message.text())) errors.push(message.text());
    });
    return new Person(page, context, name, errors);
  }

  /** Makes an account by the page. */
  async signUp(): Promise<this> {
    count += 1;
    const { page } = this;
    await page.goto("/sign-up");
    await page.getByLabel("E-mail").fill(`p${Date.now()}-${count}@example.org`);
    await page.getByLabel("Username").fill(`p${Date.now() % 1e9}-${count}`);
    await page.getByLabel("Your name").fill(this.name);
    await page.getByLabel("Password", { exact: true }).fill("a calm crow in the oak");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByRole("heading", { name: new RegExp(`, ${this.name}$`) }).waitFor();
    return this;
  }

  /** Starts a meeting from home; returns its path. */
  async startMeeting(): Promise<string> {
    await this.page.getByRole("button", { name: "New meeting" }).click();
    await this.live();
    return new URL(this.page.url()).pathname;
  }

  async createRoom(name: string, options: { kind?: "Meeting" | "Chat room"; password?: string } = {}): Promise<string> {
    const { page } = this;
    await page.goto("/");
    await page.getByRole("button", { name: "New room" }).click();
    await page.getByText(options.kind ?? "Meeting", { exact: true }).click();
    await page.getByLabel("Name").fill(name);
    if (options.password) await page.getByLabel("Password", { exact: true }).fill(options.password);
    await page.getByRole("button", { name: "Create room" }).click();
    await page.waitForURL(/\/r\//);
    return new URL(page.url()).pathname;
  }

  /** Goes in by a link, as a guest where nobody is signed in. */
  async join(path: string, options: { password?: string } = {}): Promise<this> {
    const { page } = this;
    await page.goto(path);
    const action = page.getByRole("button", { name: "Join now" });
    await action.waitFor();
    const name = page.getByLabel("Your name");
    if (await name.isVisible()) await name.fill(this.name);
    if (options.password) await page.getByLabel("Room password").fill(options.password);
    await action.click();
    return this;
  }

  async live(): Promise<void> {
    await this.page.locator('[data-connection="live"]').waitFor({ timeout: 20_000 });
  }

  /** The ids of those whose tiles are shown, without one's own. */
  others(): Promise<string[]> {
    return this.page.evaluate(() => [...document.querySelectorAll<HTMLVideoElement>("video[data-peer]")].map((v) => v.dataset["peer"] ?? ""));
  }

  /** Waits until `count` others are seen moving: the counter of the clip is read off their pictures and differs. */
  async sees(count: number): Promise<void> {
    await expect.poll(async () => (await this.others()).length, { timeout: 20_000 }).toBe(count);
    for (const peer of await this.others()) {
      await expect
        .poll(
          async () => {
            const { numbers } = await watch(this.page.locator(`video[data-peer="${peer}"]`), 1_500);
            const { forward, back } = steps(numbers);
            return forward >= 3 && back === 0;
          },
          { timeout: 40_000, message: `${this.name} sees ${peer} move` },
        )
        .toBe(true);
    }
  }

  /** Waits until the sound of `count` others grows. */
  async hears(count: number): Promise<void> {
    await expect
      .poll(
        async () => {
          const before = (await this.inbound()).filter((f) => f.kind === "audio");
          await this.page.waitForTimeout(500);
          const after = (await this.inbound()).filter((f) => f.kind === "audio");
          return after.filter((f, i) => f.energy > (before[i]?.energy ?? 0)).length;
        },
        { timeout: 20_000, message: `${this.name} hears ${count}` },
      )
      .toBe(count);
  }

  /** What comes in, by the browser's statistics. */
  inbound(): Promise<InboundFigures[]> {
    return this.page.evaluate(async () => {
      const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
      const report = await connections.get("subscribe")?.getStats();
      const all = new Map<string, Record<string, unknown>>();
      report?.forEach((entry: Record<string, unknown>) => all.set(String(entry["id"]), entry));
      return [...all.values()]
        .filter((entry) => entry["type"] === "inbound-rtp")
        .map((entry) => ({
          kind: String(entry["kind"]),
          codec: String(all.get(String(entry["codecId"]))?.["mimeType"] ?? ""),
          frames: Number(entry["framesDecoded"] ?? 0),
          freezes: Number(entry["freezeCount"] ?? 0),
          energy: Number(entry["totalAudioEnergy"] ?? 0),
        }));
    });
  }

  /** The addresses between which sound and picture go, by the browser's statistics: one's own and the node's. */
  pairs(): Promise<{ local: string; remote: string }[]> {
    return this.page.evaluate(async () => {
      const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
      const pairs: { local: string; remote: string }[] = [];
      for (const connection of connections.values()) {
        const all = new Map<string, Record<string, unknown>>();
        (await connection.getStats()).forEach((entry: Record<string, unknown>) => all.set(String(entry["id"]), entry));
        const transport = [...all.values()].find((entry) => entry["type"] === "transport");
        const pair = all.get(String(transport?.["selectedCandidatePairId"]));
        const address = (which: string) => String(all.get(String(pair?.[which]))?.["address"]);
        pairs.push({ local: address("localCandidateId"), remote: address("remoteCandidateId") });
      }
      return pairs;
    });
  }

  async openChat(): Promise<void> {
    await this.page.getByRole("button", { name: /^Chat/ }).click();
    await this.page.getByPlaceholder("Message everyone").waitFor();
  }

  async write(text: string): Promise<void> {
    await this.page.getByPlaceholder("Message everyone").fill(text);
    await this.page.keyboard.press("Enter");
  }

  async reads(text: string): Promise<void> {
    await this.page.getByRole("log").getByText(text, { exact: true }).waitFor({ timeout: 15_000 });
  }

  /** Messages that are stored, in their order. */
  messages(): Promise<string[]> {
    return this.page.locator("article[data-seq] p:last-child").allInnerTexts();
  }

  async leave(): Promise<void> {
    await this.context.close();
  }
}
