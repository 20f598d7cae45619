import { describe, expect, it } from "vitest";

import { isOnlyEmoji, plainOf, readInline, readMarkdown, showsSomething, trimLink, type Block, type Inline } from "../src/client/chat/markdown";

const show = (parts: readonly Inline[]): string =>
  parts
    .map((part) => {
      switch (part.kind) {
        case "text":
          return part.text;
        case "code":
          return `<code>${part.text}</code>`;
        case "link":
          return `<a ${part.href}>${part.text}</a>`;
        default:
          return `<${part.kind[0]}>${show(part.children)}</${part.kind[0]}>`;
      }
    })
    .join("");
const block = (part: Block): string => {
  if (part.kind === "text") return show(part.children);
  if (part.kind === "code") return `<pre>${part.text}</pre>`;
  return `<${part.start === null ? "ul" : `ol ${part.start}`}>${part.items.map(show).join("|")}</>`;
};
const read = (text: string): string[] => readMarkdown(text).map(block);

describe("marks within a line", () => {
  const cases: [string, string][] = [
    ["plain words", "plain words"],
    ["**bold** and *thin* and _thin_", "<b>bold</b> and <i>thin</i> and <i>thin</i>"],
    ["__also bold__.", "<b>also bold</b>."],
    ["**bold with *thin* inside**", "<b>bold with <i>thin</i> inside</b>"],
    ["***both***", "<b><i>both</i></b>"],
    ["(*in brackets*)", "(<i>in brackets</i>)"],
    ["2*3*4 and snake_case_name", "2*3*4 and snake_case_name"],
    ["* no list here*", "* no list here*"],
    ["a ** b ** c", "a ** b ** c"],
    ["**never closed", "**never closed"],
    ["`**code**` is code", "<code>**code**</code> is code"],
    ["**`code**` and on**", "<b><code>code**</code> and on</b>"],
    ["*a `b* c`", "*a <code>b* c</code>"],
    ["**`a` and `b`** `c`", "<b><code>a</code> and <code>b</code></b> <code>c</code>"],
    ["*a `` b*", "<i>a `` b</i>"],
    ["an empty `` and a lone `", "an empty `` and a lone `"],
    ["see https://a.example/b_c_d, now", "see <a https://a.example/b_c_d>https://a.example/b_c_d</a>, now"],
    ["**https://a.example**", "<b><a https://a.example/>https://a.example</a></b>"],
    ["http://user:pw@evil.example https://good.example@evil.example", "http://user:pw@evil.example https://good.example@evil.example"],
    ["https://a.example/b\u200bc", "<a https://a.example/b>https://a.example/b</a>\u200bc"],
    ["javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x"],
    ["xhttps://a.example", "xhttps://a.example"],
    ["<b>not markup</b> & so on", "<b>not markup</b> & so on"],
  ];
  for (const [text, want] of cases) it(JSON.stringify(text), () => expect(show(readInline(text))).toBe(want));
});

describe("blocks", () => {
  it("are lists of either kind, with the number that they begin with", () => {
    expect(read("Buy:\n- milk\n- **bread**\nand go")).toEqual(["Buy:", "<ul>milk|<b>bread</b></>", "and go"]);
    expect(read("3. three\n4) four")).toEqual(["<ol 3>three|four</>"]);
    expect(read("-no list\n1.5 is a number")).toEqual(["-no list\n1.5 is a number"]);
  });

  it("are code between fences, and nothing in it is read", () => {
    expect(read("try\n```rust\nlet a = **b**;\n- c\n```\nok")).toEqual(["try", "<pre>let a = **b**;\n- c</pre>", "ok"]);
    expect(read("```js title here\n**x**\n```")).toEqual(["<pre>**x**</pre>"]);
    expect(read("```one line```\n```")).toEqual(["``<code>one line</code>``\n```"]);
    expect(read("```\nnever closed\n- a")).toEqual(["```\nnever closed", "<ul>a</>"]);
  });

  it("keep line breaks", () => expect(read("a\n\nb")).toEqual(["a\n\nb"]));
});

describe("what cannot be seen", () => {
  it("turns nothing around", () => {
    expect(read("https://a.example/\u202egpj.exe \u2066b\u2069")).toEqual(["<a https://a.example/gpj.exe>https://a.example/gpj.exe</a> b"]);
    expect(read("\u05e9\u05dc\u05d5\u05dd\u200f!")).toEqual(["\u05e9\u05dc\u05d5\u05dd\u200f!"]);
    expect(plainOf("a\u202eb")).toBe("ab");
  });

  it("is no message by itself", () => {
    for (const text of ["", " \n", "\u200b", "\u200b \u2060\ufeff", "\u202e", "\u3164", "\u2800", "\ufe0f", "\u00ad"]) expect(showsSomething(text), JSON.stringify(text)).toBe(false);
    for (const text of ["a", "\u200ba", "👍", "\u{1faef}", ".", "\u05d0"]) expect(showsSomething(text), text).toBe(true);
  });
});

describe("any text", () => {
  const letters = (parts: readonly Inline[]): string => parts.map((p) => ("text" in p ? p.text : letters(p.children))).join("");

  it("loses nothing but its marks", () => {
    let seed = 11;
    const random = (n: number): number => (seed = (seed * 16_807) % 2_147_483_647) % n;
    const bits = ["*", "**", "_", "`", "a", " ", "b c", "https://x.example/(y)", "\n", "é", "😀", "***"];
    for (let round = 0; round < 2_000; round += 1) {
      const text = Array.from({ length: random(14) }, () => bits[random(bits.length)]).join("");
      const bare = (s: string): string => s.replace(/[*_`]/g, "");
      expect(bare(letters(readInline(text)))).toBe(bare(text));
    }
  });

  it("is read in time that grows with its length", () => {
    const began = performance.now();
    for (const text of ["*a ".repeat(1_300), "**a".repeat(1_300), "`".repeat(4_000), "*".repeat(4_000), "_a_a".repeat(1_000), "```\n".repeat(1_000), "h".repeat(4_000), `https://a.example/${"(".repeat(1_900)}${")".repeat(1_900)}`]) readMarkdown(text);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("a message in one line", () => {
  it("has its words and none of its marks", () => {
    expect(plainOf("**Buy** `two`:\n- milk\n- *bread*\n\nand go")).toBe("Buy two: milk, bread and go");
    expect(plainOf("2*3*4")).toBe("2*3*4");
  });
});

describe("links", () => {
  it("end before the sentence does", () => {
    expect(trimLink("https://a.example/b.")).toEqual(["https://a.example/b", "."]);
    expect(trimLink("https://a.example/(b))")).toEqual(["https://a.example/(b)", ")"]);
  });
});

describe("emoji", () => {
  it("alone are few and nothing else", () => {
    for (const text of ["👍", "👩‍👩‍👧 🎉", "🇭🇺🇯🇵", "❤️"]) expect(isOnlyEmoji(text), text).toBe(true);
    for (const text of ["", "ok 👍", "5", "1 👍", "👍👍👍👍👍👍👍", "©"]) expect(isOnlyEmoji(text), text).toBe(text === "©");
  });
});
