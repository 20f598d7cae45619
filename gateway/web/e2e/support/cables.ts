/**
 * Networks that come and go: cables of this machine's own network namespace, each with an address.
 *
 * **Invariant:** what was plugged in here is unplugged by `unplugAll`; other interfaces stay as they are.
 */
import { execFileSync } from "node:child_process";

const ip = (...words: string[]): void => void execFileSync("ip", words, { stdio: "pipe" });

const plugged = new Set<string>();

/** A network with this address, ready for use. */
export function plug(name: string, address: string): void {
  ip("link", "add", name, "type", "veth", "peer", "name", `${name}-end`);
  plugged.add(name);
  ip("link", "set", `${name}-end`, "up");
  ip("link", "set", name, "up");
  ip("addr", "add", `${address}/24`, "dev", name);
}

/** The network is gone, with its address: what is sent from there goes nowhere. */
export function unplug(name: string): void {
  if (!plugged.delete(name)) return;
  ip("link", "del", name);
}

export function unplugAll(): void {
  for (const name of [...plugged]) unplug(name);
}

/** What `ops/dev/alone` has plugged in; without its IPv4 address the cables of a test are the only ones. */
const OTHER = ["192.0.2.2/32", "dev", "cable-a"];

export function onlyThese(): void {
  ip("addr", "del", ...OTHER);
}

export function asBefore(): void {
  unplugAll();
  ip("addr", "replace", ...OTHER);
}
