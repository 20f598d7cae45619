/**
 * A real TURN server (coturn) on loopback that knows its users by a secret shared with the node.
 *
 * **Invariant:** it relays between loopback addresses only, and is ended by its process id.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "./node";

const READY_WITHIN_MS = 10_000;

export class TurnServer {
  private constructor(
    readonly port: number,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  get url(): string {
    return `turn:127.0.0.1:${this.port}?transport=udp`;
  }

  static async start(secret: string): Promise<TurnServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "turn-"));
    const settings = [
      ...["-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", `--listening-port=${port}`, "--allow-loopback-peers"],
      ...["--no-tls", "--no-dtls", "--no-cli", "--fingerprint", "--use-auth-secret", `--static-auth-secret=${secret}`, "--realm=rookery"],
      ...[`--log-file=${join(folder, "turn.log")}`, "--simple-log", `--pidfile=${join(folder, "turn.pid")}`, "--verbose", `--userdb=${join(folder, "turn.db")}`],
    ];
    const child = spawn("turnserver", settings, { stdio: "ignore" });
    const server = new TurnServer(port, child, folder);
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await answers(port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the TURN server does not start: ${server.log}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  /** What it has written. */
  get log(): string {
    try {
      return readFileSync(join(this.folder, "turn.log"), "utf8");
    } catch {
      return "";
    }
  }

  /** Stops where it stands, as a machine without power does: what is sent to it is not even refused. */
  standStill(): void {
    this.child.kill("SIGSTOP");
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    if (this.child.exitCode === null) {
      this.child.kill("SIGKILL");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new Socket();
    const done = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", () => done(true)).once("error", () => done(false));
    socket.connect(port, "127.0.0.1");
  });
}
