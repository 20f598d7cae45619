import { describe, expect, it } from "vitest";

import { focusOf, focusedOf, gridOf, orderTiles, type Focusing } from "../src/screens/room/arrange";

const people = (n: number): string[] => Array.from({ length: n }, (_, i) => `p${i}`);
const quiet = { spoke: [], speaking: () => false };

describe("the order of tiles", () => {
  it("is that of entering, with newcomers at the end", () => {
    expect(orderTiles([], people(3), quiet, 25)).toEqual(["p0", "p1", "p2"]);
    expect(orderTiles(["p1", "p0"], ["p0", "p1", "p2"], quiet, 25)).toEqual(["p1", "p0", "p2"]);
  });

  it("lets a speaker of another page change places with the longest silent, and moves nobody else", () => {
    const before = people(8);
    const after = orderTiles(before, before, { spoke: ["p6", "p0", "p2"], speaking: () => false }, 4);
    expect(after).toEqual(["p0", "p1", "p2", "p6", "p4", "p5", "p3", "p7"]);
    expect(orderTiles(after, before, { spoke: ["p6", "p0", "p2"], speaking: () => false }, 4)).toEqual(after);
  });

  it("never moves one who speaks", () => {
    const before = people(8);
    const speaking = (key: string): boolean => ["p1", "p3"].includes(key);
    expect(orderTiles(before, before, { spoke: ["p7"], speaking }, 4)).toEqual(["p0", "p1", "p7", "p3", "p4", "p5", "p6", "p2"]);
    expect(orderTiles(before, before, { spoke: ["p7"], speaking: () => true }, 4)).toEqual(before);
  });

  it("fills the place of who left with the last silent one", () => {
    expect(orderTiles(people(5), ["p0", "p2", "p3", "p4"], quiet, 25)).toEqual(["p0", "p4", "p2", "p3"]);
    expect(orderTiles(people(5), ["p0", "p2", "p3", "p4"], { spoke: [], speaking: (key) => key === "p4" }, 25)).toEqual(["p0", "p3", "p2", "p4"]);
  });

  it("keeps everybody, once, and speakers where they are, whatever happens", () => {
    let seed = 5;
    const random = (n: number): number => (seed = (seed * 16_807) % 2_147_483_647) % n;
    let order: string[] = [];
    for (let round = 0; round < 2_000; round += 1) {
      const present = people(30).filter(() => random(10) > 0);
      const spoke = [...new Set(Array.from({ length: random(8) }, () => `p${random(30)}`))];
      const talking = new Set(spoke.filter(() => random(2) > 0));
      const next = orderTiles(order, present, { spoke, speaking: (key) => talking.has(key) }, 9);
      expect([...next].sort()).toEqual([...present].sort());
      if (present.length === order.length && order.every((key) => present.includes(key))) {
        for (const key of talking) if (order.indexOf(key) >= 0 && order.indexOf(key) < 9) expect(next.indexOf(key)).toBe(order.indexOf(key));
      }
      order = next;
    }
  });
});

describe("what is large", () => {
  const focusing = (fields: Partial<Focusing>): Focusing => ({ mode: "grid", pinned: null, screens: [], tiles: ["a", "b", "s"], spoke: [], before: null, ...fields });

  it("is what was pinned, then the newest screen, then in focus who speaks", () => {
    expect(focusOf(focusing({}))).toBeNull();
    expect(focusOf(focusing({ screens: ["s"] }))).toBe("s");
    expect(focusOf(focusing({ screens: ["s"], pinned: "a" }))).toBe("a");
    expect(focusOf(focusing({ pinned: "gone" }))).toBeNull();
    expect(focusOf(focusing({ mode: "focus", spoke: ["gone", "b"] }))).toBe("b");
    expect(focusOf(focusing({ mode: "focus", before: "b" }))).toBe("b");
    expect(focusOf(focusing({ mode: "focus" }))).toBe("a");
    expect(focusOf(focusing({ mode: "focus", tiles: [] }))).toBeNull();
  });
});

describe("boxes", () => {
  const overlaps = (a: { x: number; y: number; width: number; height: number }, b: typeof a): boolean =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  it("lie within the stage and over no other, in both arrangements and any size", () => {
    for (const [width, height] of [[1_248, 632], [908, 632], [374, 652], [1_900, 900], [700, 700]] as const) {
      for (let n = 1; n <= 30; n += 1) {
        for (const at of [gridOf(people(n), width, height, 25, 0), focusedOf("f", people(n), width, height, 0), focusedOf("f", people(n), width, height, 9)]) {
          const boxes = [...at.boxes.values(), ...(at.pager ? [at.pager] : [])];
          boxes.forEach((box, i) => {
            expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width + 1 && box.y + box.height <= height + 1, JSON.stringify({ width, height, n, box })).toBe(true);
            for (const other of boxes.slice(i + 1)) expect(overlaps(box, other), JSON.stringify({ width, height, n, box, other })).toBe(false);
          });
        }
      }
    }
  });

  it("are 25 a page", () => {
    expect(gridOf(people(60), 1_200, 700, 25, 0)).toMatchObject({ pages: 3, page: 0 });
    expect(gridOf(people(60), 1_200, 700, 25, 7).boxes.size).toBe(10);
  });
});
