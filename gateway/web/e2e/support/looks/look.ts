/**
 * What a look is, and what looks need: the scripted server in the page, ways in, and browsers in trouble.
 *
 * **Invariant:** a look is ready only when what it shows is there.
 */
import { expect, type Page } from "@playwright/test";

export interface Mock {
  drop(refuse?: boolean): void;
  say(name: string, text: string): void;
  event(message: object): void;
  share(i?: number): void;
  floor(i: number): void;
  tell(message: object): void;
  allow(change: object): void;
  people: { info: { peer: string } }[];
}
export const mock = (page: Page, work: (mock: Mock) => void): Promise<void> =>
  page.evaluate(`(${String(work)})(window.__mock)`) as Promise<void>;

export interface Look {
  name: string;
  path: string;
  size?: { width: number; height: number };
  /** Drawn from right to left. */
  rtl?: boolean;
  /** Takes the devices away. */
  devices?: "denied" | "missing" | "busy";
  ready: (page: Page) => Promise<unknown>;
}

export const PHONE = { width: 390, height: 780 };
export const ROOM = "/r/abc-defg-hij";
export const live = (page: Page) => page.locator('[data-connection="live"]').waitFor();
export const enter = async (page: Page): Promise<void> => {
  await page.getByRole("button", { name: "Join now" }).click();
  await live(page);
};
export const pictures = (page: Page, n: number) => expect.poll(() => page.locator("video[data-track]").evaluateAll((all) => all.filter((v) => (v as HTMLVideoElement).videoWidth > 0).length)).toBeGreaterThanOrEqual(n);
export const chat = (page: Page) => page.keyboard.press("c");

/** Makes the browser's figures those of a bad line, for the others' pictures and for what is sent. */
export function lossy(): void {
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

/** A browser that gives no devices, for one reason or another. */
export function withoutDevices(how: string): void {
  const name = { denied: "NotAllowedError", missing: "NotFoundError", busy: "NotReadableError" }[how];
  const devices = navigator.mediaDevices;
  devices.getUserMedia = () => Promise.reject(new DOMException("as the test wants it", name));
  if (how !== "busy") devices.enumerateDevices = () => Promise.resolve([]);
  // In a test every permission is granted; the page is to believe otherwise.
  navigator.permissions.query = () => Promise.resolve({ state: how === "denied" ? "denied" : "granted" } as PermissionStatus);
}
