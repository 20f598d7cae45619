/**
 * A Rookery of one's own: the real binary, on its own ports and folder, ended by its process id.
 *
 * **Invariant:** nothing of it outlives the test that started it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY = process.env.ROOKERY_BIN ?? join(import.meta.dirname, "../../../../target/debug/rookery");
const READY_WITHIN_MS = 15_000;

/** Limits that many tests from one address must not run into; those that test limits set their own. */
const GENEROUS = {
  "limits.registrations_per_hour": "100000",
  "limits.rooms_per_hour": "100000",
  "limits.joins_per_second": "1000",
  "limits.requests_per_minute": "100000",
  "auth.argon2_memory_kib": "1024",
  "auth.argon2_passes": "1",
};

export interface NodeOptions {
  settings?: Record<string, string>;
  /** `https` with these files. */
  tls?: { certificate: string; key: string };
  host?: string;
}

export class RookeryNode {
  private child: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly adminPort: number,
    readonly data: string,
    private readonly options: NodeOptions,
  ) {}

  get url(): string {
    return `${this.options.tls ? "https" : "http"}://${this.options.host ?? "localhost"}:${this.port}`;
  }

  static async start(options: NodeOptions = {}): Promise<RookeryNode> {
    const node = new RookeryNode(await freePort(), await freePort(), mkdtempSync(join(tmpdir(), "rookery-")), options);
    await node.run();
    return node;
  }

  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`http://127.0.0.1:${this.adminPort}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line && !line.startsWith("#"));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]));
  }

  /** Makes an actor panic. */
  async inject(room: string, target: string): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.adminPort}/faults/${room}/${target}`, { method: "POST" });
    if (!answer.ok) throw new Error(`no fault was injected: ${answer.status} ${await answer.text()}`);
  }

  /** `kill -9`, then the same node again on the same folder and ports; `meanwhile` is done while there is none. */
  async restart(meanwhile?: () => Promise<void>): Promise<void> {
    await this.end("SIGKILL");
    await meanwhile?.();
    await this.run();
  }

  async stop(): Promise<void> {
    await this.end("SIGTERM");
    rmSync(this.data, { recursive: true, force: true });
  }

  private async run(): Promise<void> {
    const { tls, settings } = this.options;
    const all: Record<string, string> = {
      "http.port": String(this.port),
      "admin.port": String(this.adminPort),
      "node.data": this.data,
      "media.bind": "127.0.0.1",
      "media.workers": "1",
      "node.drain": "2s",
      ...GENEROUS,
      ...(tls ? { "tls.certificate": tls.certificate, "tls.key": tls.key } : {}),
      ...settings,
    };
    const child = spawn(BINARY, Object.entries(all).map(([name, value]) => `--${name}=${value}`), {
      stdio: ["ignore", "pipe", "pipe"],
      // ROOKERY_BIN is ours; a node takes every ROOKERY_ variable for a setting.
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROOKERY_"))),
    });
    const log = createWriteStream(join(process.env.ARTIFACTS ?? tmpdir(), `node-${this.port}.log`), { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.child = child;
    await this.ready(child);
  }

  private async ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the node ended with ${child.exitCode}`);
      const ready = await fetch(`http://127.0.0.1:${this.adminPort}/metrics`).then((answer) => answer.ok, () => false);
      if (ready) return;
      if (Date.now() > deadline) throw new Error("the node is not ready in time");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
  }
}

/** A TCP port that nobody has at this moment. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}
