import { describe, expect, it } from "vitest";

import type { ServerFrame, ServerMessage } from "../src/client";
import { RoomState } from "../src/client/session/room-state";
import { joined, person, trackOf } from "./support/room";

const frame = (n: number, message: ServerMessage, epoch = 1): ServerFrame => ({ epoch, n, message });
const enters = (peer: string): ServerMessage => ({ type: "peer_joined", peer: person(peer) });
const names = (state: RoomState): string[] => state.roster.peers.map((peer) => peer.peer);

function started(): RoomState {
  const state = new RoomState();
  state.snapshot(joined({ roster: [person("a")], tracks: [trackOf("t", "a")] }));
  return state;
}

describe("events of a room", () => {
  it("are applied in order, whatever order they come in", () => {
    const state = started();
    expect(state.event(frame(7, enters("c")))).toEqual({ applied: [], gap: true });
    expect(names(state)).toEqual(["a"]);
    const filled = state.event(frame(6, enters("b")));
    expect(filled.gap).toBe(false);
    expect(filled.applied.map((m) => m.type === "peer_joined" && m.peer.peer)).toEqual(["b", "c"]);
    expect(names(state)).toEqual(["a", "b", "c"]);
  });

  it("are dropped when they are old, doubled, or of an older epoch", () => {
    const state = started();
    state.event(frame(6, enters("b")));
    for (const old of [frame(6, enters("x")), frame(5, enters("x")), frame(99, enters("x"), 0)]) {
      expect(state.event(old)).toEqual({ applied: [], gap: false });
    }
    expect(names(state)).toEqual(["a", "b"]);
  });

  it("of a new epoch wait for its snapshot", () => {
    const state = started();
    expect(state.event(frame(3, enters("late"), 2)).gap).toBe(true);
    const { applied, gap } = state.snapshot(joined({ epoch: 2, n: 2, roster: [person("a")] }));
    expect({ applied: applied.length, gap, names: names(state), at: state.position }).toEqual({ applied: 1, gap: false, names: ["a", "late"], at: { epoch: 2, n: 3 } });
  });

  it("contained in a snapshot are not applied again", () => {
    const state = started();
    state.event(frame(8, enters("c")));
    state.snapshot(joined({ n: 8, roster: [person("a"), person("c")] }));
    expect(names(state)).toEqual(["a", "c"]);
    expect(state.event(frame(9, { type: "peer_left", peer: "c", reason: "left" })).applied).toHaveLength(1);
    expect(names(state)).toEqual(["a"]);
  });

  it("take a person's tracks along when the person leaves", () => {
    const state = started();
    state.event(frame(6, { type: "peer_left", peer: "a", reason: "left" }));
    expect([...state.tracks.byId.keys()]).toEqual([]);
  });

  it("leave alone what they are not about", () => {
    const state = started();
    state.event(frame(6, { type: "track_published", track: trackOf("u", "b") }));
    const before = state.tracks.byPeer.get("a");
    state.event(frame(7, { type: "track_updated", track: trackOf("u", "b", { muted: true }) }));
    expect(state.tracks.byPeer.get("a")).toBe(before);
    expect(state.tracks.byId.get("u")?.muted).toBe(true);
    const roster = state.roster.byId.get("a");
    state.snapshot(joined({ n: 9, roster: [person("a")], tracks: [trackOf("t", "a")] }));
    expect(state.roster.byId.get("a")).toBe(roster);
    expect(state.tracks.byPeer.get("a")).toBe(before);
  });

  it("without a number complete a snapshot that did not fit its frame", () => {
    const state = started();
    state.late(enters("b"));
    state.late({ type: "track_published", track: trackOf("u", "b") });
    expect(names(state)).toEqual(["a", "b"]);
    expect(state.position.n).toBe(5);
    expect(state.event(frame(6, enters("c"))).gap).toBe(false);
  });

  it("from an older owner do not undo a newer snapshot", () => {
    const state = started();
    state.snapshot(joined({ epoch: 3, n: 1, roster: [person("new")] }));
    state.snapshot(joined({ epoch: 2, n: 50, roster: [person("old")] }));
    expect(names(state)).toEqual(["new"]);
  });

  it("that came before an older snapshot of the same owner are not undone by it, nor by what completes it", () => {
    const state = started();
    state.event(frame(6, enters("b")));
    state.event(frame(7, { type: "peer_left", peer: "a", reason: "left" }));
    expect(state.snapshot(joined({ n: 6, roster: [person("a"), person("b")] }))).toEqual({ applied: [], gap: false });
    state.late(enters("a"));
    expect([names(state), state.position.n]).toEqual([["b"], 7]);
    expect(state.event(frame(8, enters("c"))).gap).toBe(false);
    state.snapshot(joined({ n: 8, roster: [person("b"), person("c")] }));
    state.late(enters("d"));
    expect(names(state)).toEqual(["b", "c", "d"]);
  });
});
