import { readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

import { en } from "../src/app/i18n/en";

const SRC = resolve(import.meta.dirname, "../src");
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((f) => /\.tsx?$/.test(f) && !f.includes("i18n/en"))
  .map((f) => ({ name: relative(SRC, join(SRC, f)), text: readFileSync(join(SRC, f), "utf8") }));

describe("words", () => {
  it("are in the catalogue, not in the markup", () => {
    const literal = [/(?:aria-label|placeholder|title|alt|label)="[A-Za-z]/, />\s*[A-Z][a-z]+[^<>{}=]*<\//];
    const wrong = files
      .filter(({ name }) => name.endsWith(".tsx"))
      .flatMap(({ name, text }) => text.split("\n").filter((line) => literal.some((form) => form.test(line)) && !/^\s*(\*|\/\/)/.test(line)).map((line) => `${name}: ${line.trim()}`));
    expect(wrong).toEqual([]);
  });

  it("are all used", () => {
    const all = files.map(({ text }) => text).join("\n");
    const keys = new Set<string>();
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        if (value !== en.codes && !/^\d+$/.test(key)) keys.add(key);
        if (inner !== en.codes) walk(inner);
      }
    };
    walk(en);
    const unused = [...keys].filter((key) => !new RegExp(`[."'\\[{ ,]${key}\\b`).test(all));
    expect(unused).toEqual([]);
  });
});
