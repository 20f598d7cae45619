// The judge of the benches: what holds, what is broken, and that what was not measured is never taken for held.
//
// Invariant: each way in which a figure may be wrong is planted once.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { judge, read } from "./judge.mjs";
import { promises } from "./promises.mjs";

const table = [
  { name: "wait_p95", part: "a", unit: "ms", atMost: 200, source: "a book" },
  { name: "rate", part: "a", unit: "fps", atLeast: 57, share: { of: "empty_rate", part: 0.95 }, source: "a display" },
  { name: "other", part: "b", unit: "ms", atMost: 1, source: "a book" },
];
const good = "figure wait_p95 120 ms\nfigure empty_rate 60 fps\nfigure rate 58.5 fps\n";

/** @param {string} text */
const codeOf = (text) => judge(text, table, ["a"]).code;

test("what holds is held, and other parts are not asked for", () => {
  const { lines, code } = judge(good, table, ["a"]);
  assert.equal(code, 0);
  assert.deepEqual(lines.slice(0, 4), ["== figures", "figure wait_p95 120 ms", "figure empty_rate 60 fps", "figure rate 58.5 fps"]);
  assert.equal(lines.at(-1), "== 2 held, 0 broken, 0 void");
  assert.equal(judge(good, table, ["a", "b"]).code, 2);
});

test("a bound itself is held, and a planted bad value is broken", () => {
  assert.equal(codeOf(good.replace("120 ms", "200 ms")), 0);
  const { lines, code } = judge(good.replace("120 ms", "200.1 ms"), table, ["a"]);
  assert.equal(code, 1);
  assert.ok(lines.includes("BROKEN wait_p95 200.1 ms, at most 200 ms: a book"), lines.join("\n"));
  assert.equal(codeOf(good.replace("58.5", "56")), 1);
});

test("what was not measured is void, whatever the reason", () => {
  for (const [from, to, why] of [
    ["figure wait_p95 120 ms\n", "", "was not measured"],
    ["120 ms", "NaN ms", "is no number"],
    ["120 ms", "0.12 s", "is in s, not in ms"],
    ["120 ms", "120 ms\nfigure wait_p95 90 ms", "was measured 2 times"],
    ["120 ms", "120 ms\nvoid wait_p95 only 3 samples", "only 3 samples"],
    ["120 ms", "120", "was not measured"],
  ]) {
    const { lines, code } = judge(good.replace(from, to), table, ["a"]);
    assert.equal(code, 2, why);
    assert.ok(lines.includes(`void wait_p95 ${why}`), lines.join("\n"));
  }
  assert.equal(codeOf(`${good}void browser ended with 1`), 2);
});

test("broken outweighs void, and nothing at all is void", () => {
  assert.equal(codeOf("figure wait_p95 900 ms"), 1);
  assert.equal(codeOf(""), 2);
  assert.equal(judge(good, table, []).code, 2);
});

test("where the machine cannot, its own share holds; where it can, the promise does", () => {
  const slow = good.replace("empty_rate 60", "empty_rate 40");
  assert.equal(codeOf(slow.replace("58.5", "38.5")), 0);
  assert.equal(codeOf(slow.replace("58.5", "37")), 1);
  assert.equal(codeOf(good.replace("empty_rate 60", "empty_rate 120")), 0);
  assert.equal(codeOf(good.replace("figure empty_rate 60 fps\n", "")), 2);
});

test("only whole lines are figures", () => {
  const { figures } = read("a figure b 1 ms\nfigure picture gap 12 ms, of 3\n  figure c 2.5 ms  \n");
  assert.deepEqual([...figures.keys()], ["c"]);
});

test("each promise has one name, one bound and a source", () => {
  assert.equal(new Set(promises.map(({ name }) => name)).size, promises.length);
  for (const { name, atMost, atLeast, source } of promises) {
    assert.equal([atMost, atLeast].filter((bound) => bound !== undefined).length, 1, name);
    assert.ok(source.length > 10, name);
  }
});

test("the command ends with the verdict", () => {
  const folder = mkdtempSync(join(tmpdir(), "judge-"));
  try {
    const file = join(folder, "figures");
    writeFileSync(file, promises.map(({ name, unit, atMost, atLeast, share }) => `figure ${name} ${atMost ?? atLeast} ${unit}\n${share ? `figure ${share.of} 60 ${unit}\n` : ""}`).join(""));
    const command = [join(import.meta.dirname, "judge.mjs"), file, "browser"];
    assert.match(execFileSync("node", command, { encoding: "utf8" }), / held, 0 broken, 0 void\n$/);
    writeFileSync(file, "figure camera_to_screen_direct_p95 201 ms\n");
    assert.equal(spawnSync("node", command).status, 1);
    writeFileSync(file, "");
    assert.equal(spawnSync("node", command).status, 2);
    assert.equal(spawnSync("node", command.slice(0, 2)).status, 64);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
