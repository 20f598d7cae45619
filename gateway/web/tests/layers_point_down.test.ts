import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = resolve(import.meta.dirname, "../src");

/** What each layer may import besides itself. `app/i18n` and `app/theme` are leaves that only read the client. */
const MAY: Record<string, string[]> = {
  client: [],
  ui: ["client", "leaf"],
  leaf: ["client"],
  screens: ["client", "ui", "leaf"],
  app: ["client", "ui", "leaf", "screens"],
};

function layerOf(file: string): string {
  const path = relative(SRC, file);
  if (/^app\/(i18n|theme)/.test(path)) return "leaf";
  return path.split("/")[0] ?? "";
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((f) => /\.tsx?$/.test(f) && !f.endsWith(".d.ts")).map((f) => join(SRC, f));
const imports = (file: string): string[] => [...readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((m) => m[1] ?? "");

describe("imports", () => {
  it("point down only, and into the client by its front door", () => {
    const wrong: string[] = [];
    for (const file of files) {
      const from = layerOf(file);
      for (const name of imports(file).filter((n) => n.startsWith("."))) {
        const target = resolve(dirname(file), name);
        const to = layerOf(target);
        const inside = from === to || MAY[from]?.includes(to);
        const door = to !== "client" || from === "client" || target === join(SRC, "client");
        if (!inside || !door) wrong.push(`${relative(SRC, file)} imports ${name}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(files.length).toBeGreaterThan(60);
  });

  it("keep React out of the client", () => {
    const wrong = files.filter((f) => layerOf(f) === "client").filter((f) => f.endsWith(".tsx") || imports(f).some((n) => !n.startsWith(".")));
    expect(wrong.map((f) => relative(SRC, f))).toEqual([]);
  });

  it("keep pages free of inline styles and scripts in markup", () => {
    const wrong = files.filter((f) => /dangerouslySetInnerHTML|innerHTML\s*=|setAttribute\("style"/.test(readFileSync(f, "utf8")));
    expect(wrong.map((f) => relative(SRC, f))).toEqual([]);
  });
});
