/**
 * A browser whose whole machine can be put to sleep: every process of it is stopped, and nobody answers for it.
 *
 * **Invariant:** only processes that this started are stopped, and none stays so.
 */
import { readFileSync, readdirSync } from "node:fs";

import { chromium as playwright, type Browser, type LaunchOptions } from "@playwright/test";

export class Sleeper {
  #asleep: number[] = [];

  private constructor(
    readonly browser: Browser,
    private readonly pid: number,
    private readonly end: () => Promise<void>,
  ) {}

  static async start(options: LaunchOptions): Promise<Sleeper> {
    const server = await playwright.launchServer(options);
    const pid = server.process().pid;
    if (pid === undefined) throw new Error("the browser did not start");
    const browser = await playwright.connect(server.wsEndpoint());
    return new Sleeper(browser, pid, () => server.close());
  }

  /** From now on nothing of it runs. Whatever is asked of its pages waits. */
  sleep(): void {
    // Parents first, so that no new child comes meanwhile.
    this.#asleep = [this.pid, ...descendants(this.pid)];
    for (const pid of this.#asleep) process.kill(pid, "SIGSTOP");
  }

  wake(): void {
    for (const pid of this.#asleep.splice(0).reverse()) process.kill(pid, "SIGCONT");
  }

  async stop(): Promise<void> {
    this.wake();
    await this.browser.close();
    await this.end();
  }
}

/** Children, their children and so on, parents before children. */
function descendants(of: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      // The name of the program stands in brackets and may contain anything.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const found: number[] = [];
  for (let from = [of]; from.length > 0; ) {
    from = [...parents].filter(([, parent]) => from.includes(parent)).map(([pid]) => pid);
    found.push(...from);
  }
  return found;
}
