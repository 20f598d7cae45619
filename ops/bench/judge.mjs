// Holds what a bench printed to the table of promises: node ops/bench/judge.mjs FILE PART...
//
// A line `figure NAME VALUE UNIT` is a figure, a line `void NAME why` says that one could not be measured.
//
// Invariant: a promise is held, broken or void, and silence is void: 0 says that all are held, 1 that one is broken, 2 that
// none is broken and one is void.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { promises } from "./promises.mjs";

/** @typedef {{ value: number, unit: string, times: number }} Figure */

/**
 * @param {string} text
 * @returns {{ figures: Map<string, Figure>, voids: Map<string, string> }}
 */
export function read(text) {
  const figures = new Map();
  const voids = new Map();
  for (const line of text.split("\n")) {
    const [word, name, ...rest] = line.trim().split(/\s+/);
    if (name === undefined) continue;
    if (word === "void") voids.set(name, rest.join(" ") || "no reason was given");
    if (word !== "figure" || rest.length !== 2) continue;
    figures.set(name, { value: Number(rest[0]), unit: rest[1], times: (figures.get(name)?.times ?? 0) + 1 });
  }
  return { figures, voids };
}

/**
 * The bound that holds in this run.
 *
 * @param {import("./promises.mjs").Promised} promised
 * @param {Map<string, Figure>} figures
 */
function boundOf({ atMost, atLeast, share }, figures) {
  const bound = atMost ?? atLeast ?? NaN;
  if (!share) return { bound, why: "" };
  const able = figures.get(share.of);
  if (!able || !Number.isFinite(able.value)) return { bound: NaN, why: `${share.of} was not measured` };
  const less = share.part * able.value;
  const eased = atMost === undefined ? less < bound : less > bound;
  return eased ? { bound: less, why: ` (${share.part} of ${share.of}, which is ${able.value}; ${bound} elsewhere)` } : { bound, why: "" };
}

/**
 * @param {import("./promises.mjs").Promised} promised
 * @param {ReturnType<typeof read>} measured
 * @returns {{ verdict: "held" | "broken" | "void", line: string }}
 */
function judgeOne(promised, { figures, voids }) {
  const { name, unit, atMost, source } = promised;
  const figure = figures.get(name);
  const nothing = (/** @type {string} */ why) => ({ verdict: /** @type {const} */ ("void"), line: `void ${name} ${why}` });
  if (voids.has(name)) return nothing(voids.get(name) ?? "");
  if (!figure) return nothing("was not measured");
  if (figure.times > 1) return nothing(`was measured ${figure.times} times`);
  if (!Number.isFinite(figure.value)) return nothing("is no number");
  if (figure.unit !== unit) return nothing(`is in ${figure.unit}, not in ${unit}`);
  const { bound, why } = boundOf(promised, figures);
  if (!Number.isFinite(bound)) return nothing(why || "has no bound");
  const held = atMost === undefined ? figure.value >= bound : figure.value <= bound;
  const limit = `${atMost === undefined ? "at least" : "at most"} ${Math.round(bound * 100) / 100} ${unit}${why}`;
  return { verdict: held ? "held" : "broken", line: `${held ? "held  " : "BROKEN"} ${name} ${figure.value} ${unit}, ${limit}: ${source}` };
}

/**
 * @param {string} text what the bench printed
 * @param {readonly import("./promises.mjs").Promised[]} table
 * @param {readonly string[]} parts that were run
 * @returns {{ lines: string[], code: 0 | 1 | 2 }}
 */
export function judge(text, table, parts) {
  const measured = read(text);
  const verdicts = table.filter(({ part }) => parts.includes(part)).map((promised) => judgeOne(promised, measured));
  const figures = [...measured.figures].map(([name, { value, unit }]) => `figure ${name} ${value} ${unit}`);
  const others = [...measured.voids].filter(([name]) => !table.some((promised) => promised.name === name));
  const count = (/** @type {string} */ which) => verdicts.filter(({ verdict }) => verdict === which).length;
  const broken = count("broken");
  const missing = count("void") + others.length;
  const lines = [
    "== figures",
    ...figures,
    "== promises",
    ...verdicts.map(({ line }) => line),
    ...others.map(([name, why]) => `void ${name} ${why}`),
    `== ${count("held")} held, ${broken} broken, ${missing} void`,
  ];
  // Nothing held is nothing shown.
  const code = broken > 0 ? 1 : missing > 0 || verdicts.length === 0 ? 2 : 0;
  return { lines, code };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [file, ...parts] = process.argv.slice(2);
  if (!file || parts.length === 0) {
    console.error("usage: node ops/bench/judge.mjs FILE PART...");
    process.exit(64);
  }
  const { lines, code } = judge(readFileSync(file, "utf8"), promises, parts);
  console.log(lines.join("\n"));
  process.exitCode = code;
}
