/**
 * Figures of a page's media connections, by the browser's own count.
 *
 * **Invariant:** they are read through the debug handle, and nothing is changed by reading them.
 */
import type { Page } from "@playwright/test";

export interface Debug {
  __rookery: { connections: Map<string, RTCPeerConnection> };
}

/** Bytes of pictures that came in so far. */
export const videoBytes = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const report = await (window as unknown as Debug).__rookery.connections.get("subscribe")?.getStats();
    let bytes = 0;
    report?.forEach((entry: Record<string, unknown>) => {
      if (entry["type"] === "inbound-rtp" && entry["kind"] === "video") bytes += Number(entry["bytesReceived"]);
    });
    return bytes;
  });
