/**
 * Accessibility rules, run in the page.
 *
 * **Invariant:** every WCAG 2.2 A and AA rule of axe is asked, and none is turned off.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { expect, type Page } from "@playwright/test";
import type { AxeResults } from "axe-core";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function expectAccessible(page: Page): Promise<void> {
  // Given to the debugger, not to the page: its policy forbids inline scripts.
  await page.evaluate(source);
  const results = await page.evaluate(
    () =>
      (window as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }),
  );
  const found = results.violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `    ${n.target.join(" ")}  ${n.any[0]?.message ?? ""}`).join("\n")}`);
  expect(found, found.join("\n")).toEqual([]);
}
