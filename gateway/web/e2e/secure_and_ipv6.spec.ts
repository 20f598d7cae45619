/**
 * Calls over HTTPS by the node's own certificate, and over IPv6 alone.
 *
 * **Invariant:** both are the same call as over plain IPv4; nothing falls back.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeCertificate } from "./support/certificate";
import { expect, test } from "./support/fixtures";
import type { Pair } from "./support/meet";

/** Both see, hear and read each other. */
async function together({ ada, ben }: Pair): Promise<void> {
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await Promise.all([ada.hears(1), ben.hears(1)]);
  await ada.openChat();
  await ben.openChat();
  await ben.write("Hello, Ada");
  await ada.reads("Hello, Ada");
}

test("over HTTPS two people meet; browsers are told to stay there, and the session's cookie never goes in plain", async ({ another, pair }) => {
  const folder = mkdtempSync(join(tmpdir(), "rookery-tls-"));
  const node = await another({ tls: makeCertificate(folder) });
  rmSync(folder, { recursive: true });
  const both = await pair({ at: node.url });
  await together(both);
  const { ada, ben } = both;
  expect(new URL(ada.page.url()).protocol).toBe("https:");
  const answer = await ada.context.request.get("/");
  expect(answer.headers()["strict-transport-security"]).toBe("max-age=63072000");
  const cookies = await ada.context.cookies();
  expect(cookies.map(({ name }) => name)).toContain("__Secure-rookery_refresh");
  for (const cookie of cookies) expect(cookie).toMatchObject({ secure: true, httpOnly: true, sameSite: "Strict" });
  await ada.page.reload();
  await ada.live();
  await ben.sees(1);
});

test("over IPv6 alone two people meet", async ({ another, pair }) => {
  const node = await another({ host: "[::1]", settings: { "http.bind": "::1", "media.bind": "::1" } });
  const both = await pair({ at: node.url });
  await together(both);
  const { ada, ben } = both;
  for (const one of [ada, ben]) {
    const pairs = await one.pairs();
    expect(pairs).toHaveLength(2);
    // One's own address is whichever of this machine the browser sends from.
    for (const { local, remote } of pairs) expect([local.includes(":"), remote]).toEqual([true, "::1"]);
  }
});
