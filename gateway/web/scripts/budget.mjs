// Fails the build when the first load of sign-in or home needs more script than promised, or when something inline crept in.
//
// Invariant: what is counted is what a browser fetches: the entry and everything that it imports at once.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Kilobytes of gzipped script that sign-in and home may need at first. */
const BUDGET_KB = 200;

const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf8"));
const entry = Object.values(manifest).find((chunk) => chunk.isEntry);

const files = new Set();
const visit = (chunk) => {
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const name of chunk.imports ?? []) visit(manifest[name]);
};
visit(entry);

let bytes = gzipSync(readFileSync(new URL("theme.js", dist))).length;
for (const file of files) bytes += gzipSync(readFileSync(new URL(file, dist))).length;
const kb = bytes / 1024;
console.log(`first load: ${kb.toFixed(1)} kB of script, gzipped, in ${files.size} files (budget ${BUDGET_KB} kB)`);

const problems = [];
if (kb > BUDGET_KB) problems.push(`the first load is over its budget by ${(kb - BUDGET_KB).toFixed(1)} kB`);
const room = Object.keys(manifest).find((name) => name.includes("room-screen"));
if (!room || files.has(manifest[room].file)) problems.push("the room is not split off from the first load");
const html = readFileSync(new URL("index.html", dist), "utf8");
if (/<script(?![^>]*\ssrc=)[^>]*>/i.test(html)) problems.push("index.html has an inline script");
if (/<style|\sstyle=/i.test(html)) problems.push("index.html has an inline style");
if (/(?:src|href)="(?:https?:)?\/\//i.test(html)) problems.push("index.html names another origin");
for (const problem of problems) console.error(`budget: ${problem}`);
process.exit(problems.length > 0 ? 1 : 0);
