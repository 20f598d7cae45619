import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Session } from "../src/client";
import { serverNow, now } from "../src/client";
import { Api } from "../src/client/http/api";
import { Auth } from "../src/client/http/auth";
import { Http } from "../src/client/http/http";
import { goIn, settle, testRoom } from "./support/room";

/** What the server's clock says; the client's is an hour fast or slow. */
let server: number;
const HOUR = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
  server = Date.parse("2027-05-01T12:00:00Z");
});
afterEach(() => vi.useRealTimers());

/** Time passes for both. */
async function pass(ms: number): Promise<void> {
  server += ms;
  await settle(ms);
}

function account(): { auth: Auth; api: Api; refreshed: () => number } {
  let refreshed = 0;
  const http = new Http((url) => {
    const headers = { Date: new Date(server).toUTCString() };
    if (!url.endsWith("auth/refresh")) return Promise.resolve(new Response("{}", { headers }));
    refreshed += 1;
    const session: Session = {
      accessToken: `t${refreshed}`, expiresAt: server + 900_000, user: { id: "u", email: "a@b", username: "a", displayName: "A" },
    };
    return Promise.resolve(new Response(JSON.stringify(session), { headers }));
  });
  const auth = new Auth(http, { locked: (work) => work(), channel: () => undefined });
  return { auth, api: new Api(http, auth), refreshed: () => refreshed };
}

describe("a token", () => {
  for (const wrong of [HOUR, -HOUR]) {
    it(`is good for as long as the server says, with the own clock ${wrong > 0 ? "fast" : "slow"}`, async () => {
      vi.setSystemTime(server + wrong);
      const { auth, api, refreshed } = account();
      await auth.start();
      for (let i = 0; i < 5; i += 1) await api.me();
      expect(refreshed()).toBe(1);
      await pass(860_000);
      await api.me();
      expect(refreshed()).toBe(1);
      await pass(15_000);
      await api.me();
      expect(refreshed()).toBe(2);
    });
  }

  it("is not renewed because the own clock was set forward", async () => {
    vi.setSystemTime(server);
    const { auth, api, refreshed } = account();
    await auth.start();
    vi.setSystemTime(server + HOUR);
    await api.me();
    expect(refreshed()).toBe(1);
  });
});

describe("the server's clock", () => {
  it("is known from its answers to pings, better than from the dates of its other answers", async () => {
    vi.setSystemTime(server + HOUR);
    const { api } = account();
    server += 700;
    await api.me();
    expect(Math.abs(serverNow() - server)).toBeLessThan(1_000);
    const room = testRoom();
    await goIn(room);
    const asked = Math.round(now());
    await pass(40);
    room.wire.last.say({ type: "pong", at: asked, now: server });
    expect(Math.abs(serverNow() - server)).toBeLessThanOrEqual(21);
    await api.me();
    expect(Math.abs(serverNow() - server)).toBeLessThanOrEqual(21);
    // The machine slept, and its monotonic clock with it.
    server += HOUR;
    room.wire.last.say({ type: "pong", at: Math.round(now()), now: server });
    expect(Math.abs(serverNow() - server)).toBeLessThanOrEqual(2);
    room.session.leave();
  });
});
