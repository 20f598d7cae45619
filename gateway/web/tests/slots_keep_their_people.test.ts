import { describe, expect, it } from "vitest";

import { planSlots, type Bound, type SlotAction, type Want } from "../src/client/media/slot-plan";

const want = (key: string, size = { width: 320, height: 180 }): Want => ({ key, video: { track: `${key} camera`, size }, audio: { track: `${key} voice` } });
const show = (actions: SlotAction[]): string[] =>
  actions.map((a) => (a.do === "subscribe" ? `${a.track} > ${a.slot}${a.size ? ` ${a.size.width}x${a.size.height}` : ""}` : `${a.kind} of ${a.slot} free`));
const keys = (bound: ReadonlyMap<number, Bound>): string[] => [...bound].sort(([a], [b]) => a - b).map(([slot, b]) => `${slot}:${b.key}`);

describe("slots", () => {
  it("carry camera and voice of one person together, in the order of importance", () => {
    const plan = planSlots(new Map(), [want("a"), want("b")], 2);
    expect(show(plan.actions)).toEqual(["a camera > 0 320x180", "a voice > 0", "b camera > 1 320x180", "b voice > 1"]);
    expect(plan.pairs).toBeUndefined();
  });

  it("are kept by those still wanted when others come and go", () => {
    const first = planSlots(new Map(), [want("a"), want("b"), want("c")], 4);
    const second = planSlots(first.bound, [want("d"), want("c"), want("a")], 4);
    expect(keys(second.bound)).toEqual(["0:a", "2:c", "1:d"].sort());
    expect(show(second.actions)).toEqual(["d camera > 1 320x180", "d voice > 1"]);
  });

  it("say nothing when nothing changed, and only the size when only it did", () => {
    const first = planSlots(new Map(), [want("a")], 2);
    expect(planSlots(first.bound, [want("a")], 2).actions).toEqual([]);
    const resized = planSlots(first.bound, [want("a", { width: 0, height: 0 })], 2);
    expect(show(resized.actions)).toEqual(["a camera > 0 0x0"]);
  });

  it("are freed by halves", () => {
    const first = planSlots(new Map(), [want("a")], 2);
    const muted = planSlots(first.bound, [{ key: "a", audio: { track: "a voice" } }], 2);
    expect(show(muted.actions)).toEqual(["video of 0 free"]);
    expect(show(planSlots(muted.bound, [], 2).actions)).toEqual(["audio of 0 free"]);
  });

  it("are asked for in eights when there are too few, up to 24", () => {
    const many = (n: number): Want[] => Array.from({ length: n }, (_, i) => want(`p${i}`));
    expect(planSlots(new Map(), many(3), 2).pairs).toBe(8);
    expect(planSlots(new Map(), many(9), 8).pairs).toBe(16);
    expect(planSlots(new Map(), many(100), 16).pairs).toBe(24);
    expect(planSlots(new Map(), many(100), 24).pairs).toBeUndefined();
    expect(planSlots(new Map(), many(100), 24).bound.size).toBe(24);
  });

  it("go to the more important when there are too few", () => {
    const first = planSlots(new Map(), [want("a"), want("b")], 2);
    const second = planSlots(first.bound, [want("c"), want("b"), want("a")], 2);
    expect(keys(second.bound)).toEqual(["0:c", "1:b"]);
  });

  it("are never given to two", () => {
    let bound: ReadonlyMap<number, Bound> = new Map();
    let seed = 7;
    const random = (n: number): number => (seed = (seed * 16_807) % 2_147_483_647) % n;
    for (let round = 0; round < 500; round += 1) {
      const wants = [...new Set(Array.from({ length: random(12) }, () => `p${random(15)}`))].map((key) => want(key));
      const plan = planSlots(bound, wants, 8);
      const placed = [...plan.bound.values()].map((b) => b.key);
      expect(new Set(placed).size).toBe(placed.length);
      for (const [slot, b] of bound) if (wants.slice(0, 8).some((w) => w.key === b.key)) expect(plan.bound.get(slot)?.key).toBe(b.key);
      bound = plan.bound;
    }
  });
});
