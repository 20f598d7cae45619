import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { Session } from "../src/client";
import { Api } from "../src/client/http/api";
import { Auth, type AuthEnvironment } from "../src/client/http/auth";
import { Http } from "../src/client/http/http";
import { Refused } from "../src/client/errors";

interface Call {
  method: string;
  url: string;
  headers: Record<string, string>;
  credentials: string | undefined;
}

/** Tabs of one browser: they share a lock and a channel, and the server that the test plays. */
class Browser {
  readonly calls: Call[] = [];
  readonly channels: { postMessage(data: unknown): void; onmessage: ((event: MessageEvent) => void) | null }[] = [];
  answer: (call: Call) => Response | Promise<Response> = () => json(session("t"));
  #lock: Promise<unknown> = Promise.resolve();

  tab(): { auth: Auth; api: Api } {
    const channel = {
      onmessage: null as ((event: MessageEvent) => void) | null,
      postMessage: (data: unknown): void => {
        for (const other of this.channels) if (other !== channel) other.onmessage?.({ data } as MessageEvent);
      },
    };
    this.channels.push(channel);
    const env: AuthEnvironment = {
      locked: (work) => {
        const result = this.#lock.then(work);
        this.#lock = result.catch(() => undefined);
        return result;
      },
      channel: () => channel,
    };
    const http = new Http(async (url, init) => {
      const call: Call = { method: init.method ?? "", url, headers: init.headers as Record<string, string>, credentials: init.credentials };
      this.calls.push(call);
      return this.answer(call);
    });
    const auth = new Auth(http, env);
    return { auth, api: new Api(http, auth) };
  }

  of(path: string): Call[] {
    return this.calls.filter((call) => call.url.startsWith(`/api/v1/${path}`));
  }
}

const session = (token: string, ms = 900_000): Session => ({
  accessToken: token, expiresAt: Date.now() + ms, user: { id: "u", email: "a@b", username: "a", displayName: "A" },
});
const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
const problem = (code: string, status: number): Response => json({ type: "", status, title: code, code }, status);

let browser: Browser;
beforeEach(() => {
  vi.useFakeTimers();
  browser = new Browser();
});
afterEach(() => vi.useRealTimers());

describe("being signed in", () => {
  it("is found out at the start", async () => {
    const { auth } = browser.tab();
    await auth.start();
    expect(auth.state.get()).toMatchObject({ status: "in", user: { id: "u" } });
    browser.answer = () => problem("refresh_refused", 401);
    const other = browser.tab();
    await other.auth.start();
    expect(other.auth.state.get().status).toBe("out");
    browser.answer = () => new Response(null, { status: 204 });
    const first = browser.tab();
    await first.auth.start();
    expect(first.auth.state.get().status).toBe("out");
  });

  it("is refreshed once for many requests of one tab", async () => {
    const { auth, api } = browser.tab();
    auth.accept(session("old", 1_000));
    browser.answer = (call) => (call.url.includes("refresh") ? json(session("new")) : json({ rooms: [] }));
    await Promise.all([api.rooms({}), api.rooms({}), api.me()]);
    expect(browser.of("auth/refresh")).toHaveLength(1);
    expect(browser.of("rooms").map((c) => c.headers["Authorization"])).toEqual(["Bearer new", "Bearer new"]);
  });

  it("is refreshed once for many tabs", async () => {
    const one = browser.tab();
    const two = browser.tab();
    one.auth.accept(session("old", 1_000));
    browser.answer = async (call) => {
      await Promise.resolve();
      return call.url.includes("refresh") ? json(session("new")) : json({ rooms: [] });
    };
    await Promise.all([one.api.rooms({}), two.api.rooms({})]);
    expect(browser.of("auth/refresh")).toHaveLength(1);
    expect(browser.of("rooms").map((c) => c.headers["Authorization"])).toEqual(["Bearer new", "Bearer new"]);
  });

  it("repeats a request once after its token ran out", async () => {
    const { auth, api } = browser.tab();
    auth.accept(session("old"));
    browser.answer = (call) => {
      if (call.url.includes("refresh")) return json(session("new"));
      return call.headers["Authorization"] === "Bearer new" ? json({ id: "r" }) : problem("token_expired", 401);
    };
    await api.createRoom({ name: "x", kind: "chat" });
    expect(browser.of("rooms")).toHaveLength(2);
  });

  it("ends in every tab when the server says so, and when the person does", async () => {
    const one = browser.tab();
    const two = browser.tab();
    one.auth.accept(session("t", 1_000));
    expect(two.auth.state.get().status).toBe("in");
    browser.answer = () => problem("refresh_refused", 401);
    await expect(one.api.me()).rejects.toMatchObject({ code: "refresh_refused" });
    expect(one.auth.state.get().status).toBe("out");
    one.auth.accept(session("t"));
    browser.answer = () => new Response(null, { status: 204 });
    await two.auth.signOut();
    expect([one.auth.state.get().status, two.auth.state.get().status]).toEqual(["out", "out"]);
  });

  it("survives a server that cannot be reached", async () => {
    const { auth, api } = browser.tab();
    auth.accept(session("t", 1_000));
    browser.answer = () => {
      throw new TypeError("network");
    };
    await expect(api.createRoom({ name: "x", kind: "chat" })).rejects.toMatchObject({ code: "unreachable" });
    expect(auth.state.get().status).toBe("in");
  });
});

describe("requests", () => {
  it("that change something carry the header against forgery, and only go to this origin", async () => {
    const { auth, api } = browser.tab();
    auth.accept(session("t"));
    browser.answer = () => json({});
    await api.join("abc-defg-hij", {});
    await api.me();
    const [join, me] = browser.calls;
    expect(join).toMatchObject({ url: "/api/v1/rooms/abc-defg-hij/join", credentials: "same-origin", headers: { "X-Rookery-Csrf": "1" } });
    expect(me?.headers["X-Rookery-Csrf"]).toBeUndefined();
  });

  it("are repeated after a lost connection only if they change nothing", async () => {
    const { auth, api } = browser.tab();
    auth.accept(session("t"));
    browser.answer = () => {
      throw new TypeError("network");
    };
    const reading = expect(api.me()).rejects.toBeInstanceOf(Refused);
    await vi.advanceTimersByTimeAsync(5_000);
    await reading;
    await expect(api.wsTicket()).rejects.toBeInstanceOf(Refused);
    expect([browser.of("me").length, browser.of("ws-ticket").length]).toEqual([3, 1]);
  });

  it("tell a proxy's error from one of ours", async () => {
    const { api } = browser.tab();
    browser.answer = () => new Response("<html>Bad gateway</html>", { status: 502 });
    const waiting = expect(api.room("x")).rejects.toMatchObject({ code: "unreachable" });
    await vi.advanceTimersByTimeAsync(5_000);
    await waiting;
    browser.answer = () => json({ type: "", status: 422, title: "t", detail: "d", code: "invalid", fields: [{ field: "name", message: "m" }] }, 422);
    await expect(api.room("x")).rejects.toMatchObject({ code: "invalid", message: "d", more: { fields: [{ field: "name", message: "m" }] } });
  });
});
