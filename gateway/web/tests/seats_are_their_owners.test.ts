import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { RookeryClient, type Environment, type RoomInfo, type Session } from "../src/client";
import { forgetSeat, forgetSeats, GUEST, loadSeat, saveSeat } from "../src/client/session/seat-store";
import { memoryStore } from "./support/media";
import { infoOf, settle } from "./support/room";
import { TestWire } from "./support/wire";

const SLUG = "abc-defg-hij";
const room: RoomInfo = infoOf();
const seat = (token: string) => ({ room, token, gateways: [], displayName: null, at: Date.now() });
const sessionOf = (id: string): Session => ({ accessToken: id, expiresAt: Date.now() + 900_000, user: { id, email: "a@b", username: id, displayName: id } });

let store: Storage;
let client: RookeryClient;

beforeEach(() => {
  vi.useFakeTimers();
  store = memoryStore();
  const env: Environment = {
    fetch: () => Promise.resolve(new Response(null, { status: 204 })),
    auth: { locked: (work) => work(), channel: () => undefined },
    wire: new TestWire(),
    make: () => ({}) as RTCPeerConnection,
    location: { protocol: "https:", host: "one.example" },
    devices: undefined,
    local: memoryStore(),
    session: store,
  };
  client = new RookeryClient(env);
});
afterEach(() => vi.useRealTimers());

describe("a seat of before a reload", () => {
  it("is given back to whoever took it, and to nobody else", () => {
    saveSeat(store, "ann", SLUG, seat("of ann"));
    saveSeat(store, GUEST, SLUG, seat("of a guest"));
    expect(client.seatOf(SLUG)?.token).toBe("of a guest");
    client.auth.accept(sessionOf("ann"));
    expect(client.seatOf(SLUG)?.token).toBe("of ann");
    client.auth.accept(sessionOf("ben"));
    expect(client.seatOf(SLUG)).toBeUndefined();
  });

  it("is forgotten when its owner signs out", async () => {
    client.auth.accept(sessionOf("ann"));
    saveSeat(store, "ann", SLUG, seat("of ann"));
    client.auth.accept(sessionOf("ann"));
    expect(client.seatOf(SLUG)?.token).toBe("of ann");
    await client.auth.signOut();
    client.auth.accept(sessionOf("ann"));
    expect(client.seatOf(SLUG)).toBeUndefined();
  });

  it("of a guest is there also when it is found out that nobody is signed in", async () => {
    saveSeat(store, GUEST, SLUG, seat("of a guest"));
    await client.auth.start();
    expect(client.auth.state.get().status).toBe("out");
    expect(client.seatOf(SLUG)?.token).toBe("of a guest");
  });

  it("is kept beside others until it is too old or forgotten", async () => {
    saveSeat(store, "ann", "one", seat("1"));
    saveSeat(store, "ann", "two", seat("2"));
    forgetSeat(store, "ann", "one");
    expect([loadSeat(store, "ann", "one"), loadSeat(store, "ann", "two")?.token]).toEqual([undefined, "2"]);
    await settle(600_000);
    expect(loadSeat(store, "ann", "two")).toBeUndefined();
    saveSeat(store, "ann", "three", seat("3"));
    expect(store.getItem("rookery.seats")).not.toContain("two");
    forgetSeats(store);
    expect(loadSeat(store, "ann", "three")).toBeUndefined();
    store.setItem("rookery.seats", "[null, 7]");
    expect(loadSeat(store, "ann", "three")).toBeUndefined();
  });
});
