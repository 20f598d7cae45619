/**
 * The little Markdown that messages may have: bold, italics, code, lists, and links. From text to a tree that a view draws.
 *
 * **Invariant:** every character that is no mark of this subset and turns no text around comes out as it went in, no address
 * but http and https becomes a link, none that names a user does, and the work grows with the length of the text, whatever
 * it holds.
 */
export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "link"; href: string; text: string }
  | { kind: "bold" | "italic"; children: readonly Inline[] };

export type Block =
  | { kind: "text"; children: readonly Inline[] }
  | { kind: "code"; text: string }
  /** `start` is the first number of an ordered list. */
  | { kind: "list"; start: number | null; items: readonly (readonly Inline[])[] };

/** Bold in italics in bold is enough; beyond that marks stay what they are. */
const DEPTH_MAX = 3;

/** What follows a fence is a label, which nobody sees. */
const FENCE = /^```[^`]*$/;
const BULLET = /^\s{0,3}[-*•]\s+(\S.*)$/;
const NUMBER = /^\s{0,3}(\d{1,3})[.)]\s+(\S.*)$/;
/** Characters without a shape of their own end an address: it is to be what it looks like. */
const LINK = /^https?:\/\/[^\s<>"'`\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/iu;
/** They show what follows in another order than it is in (UAX #9, 2.1-2.4); a paragraph finds its direction without them. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;

/** Whether anything of a text can be seen. */
export function showsSomething(text: string): boolean {
  return /[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(text);
}

/** The blocks of a message, in their order; none for an empty text. */
export function readMarkdown(text: string): Block[] {
  const lines = text.replace(TURNS, "").split("\n");
  const blocks: Block[] = [];
  let plain: string[] = [];
  const flush = (): void => {
    if (plain.length > 0) blocks.push({ kind: "text", children: readInline(plain.join("\n")) });
    plain = [];
  };
  // Where no fence closes, none opens: looked for once, from the end.
  const lastFence = lines.findLastIndex((line) => line.trim() === "```");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? "";
    if (FENCE.test(line) && lastFence > at) {
      const end = lines.findIndex((other, i) => i > at && other.trim() === "```");
      flush();
      blocks.push({ kind: "code", text: lines.slice(at + 1, end).join("\n") });
      at = end + 1;
      continue;
    }
    const list = readList(lines, at);
    if (list) {
      flush();
      blocks.push(list.block);
      at = list.end;
      continue;
    }
    plain.push(line);
    at += 1;
  }
  flush();
  return blocks;
}

function readList(lines: readonly string[], from: number): { block: Block; end: number } | undefined {
  const first = lines[from] ?? "";
  const start = NUMBER.exec(first)?.[1];
  const form = start === undefined ? BULLET : NUMBER;
  const items: (readonly Inline[])[] = [];
  let end = from;
  for (; end < lines.length; end += 1) {
    const item = form.exec(lines[end] ?? "")?.at(-1);
    if (item === undefined) break;
    items.push(readInline(item));
  }
  return items.length > 0 ? { block: { kind: "list", start: start === undefined ? null : Number(start), items }, end } : undefined;
}

export function readInline(text: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  const masked = withoutCode(text);
  /** Marks that do not close any more after this point. */
  const open = new Set<string>();
  let from = 0;
  const take = (upTo: number, next: number, part: Inline): number => {
    if (upTo > from) out.push({ kind: "text", text: text.slice(from, upTo) });
    out.push(part);
    return (from = next);
  };
  for (let at = 0; at < text.length; ) {
    const char = text[at] ?? "";
    if (char === "`" && !open.has("`")) {
      const end = text.indexOf("`", at + 1);
      if (end < 0) open.add("`");
      else if (end === at + 1) at = end;
      else {
        at = take(at, end + 1, { kind: "code", text: text.slice(at + 1, end) });
        continue;
      }
    } else if ((char === "*" || char === "_") && depth < DEPTH_MAX) {
      const mark = text.startsWith(char + char, at) ? char + char : char;
      const end = open.has(mark) || !opens(text, at, mark) ? undefined : closeOf(masked, at + mark.length, mark);
      if (end === -1) open.add(mark);
      else if (end !== undefined) {
        const children = readInline(text.slice(at + mark.length, end), depth + 1);
        at = take(at, end + mark.length, { kind: mark.length === 2 ? "bold" : "italic", children });
        continue;
      }
      at += mark.length;
      continue;
    } else if ((char === "h" || char === "H") && !isWord(text[at - 1])) {
      const [link, href] = linkAt(text, at);
      if (href) {
        at = take(at, at + link.length, { kind: "link", href, text: link });
        continue;
      }
    }
    at += 1;
  }
  if (from < text.length) out.push({ kind: "text", text: text.slice(from) });
  return out;
}

/** The text with everything in code made into backticks: no mark closes in there. */
function withoutCode(text: string): string {
  let masked = "";
  let from = 0;
  for (let at = text.indexOf("`"); at >= 0; ) {
    const end = text.indexOf("`", at + 1);
    if (end < 0) break;
    if (end > at + 1) {
      masked += text.slice(from, at) + "`".repeat(end + 1 - at);
      from = end + 1;
    }
    at = text.indexOf("`", end + 1);
  }
  return masked + text.slice(from);
}

/** A mark opens between no word and something that is no space: `2*3*4` and `snake_case_name` stay as they are. */
function opens(text: string, at: number, mark: string): boolean {
  return !isWord(text[at - 1]) && isInk(text[at + mark.length]);
}

/** Where the mark closes, or -1. */
function closeOf(text: string, from: number, mark: string): number {
  const [char = ""] = mark;
  for (let at = text.indexOf(mark, from + 1); at >= 0; at = text.indexOf(mark, at + 1)) {
    const run = runOf(text, at, char);
    const end = at + run - mark.length;
    if (run !== mark.length && !(run === 3)) {
      at += run - 1;
      continue;
    }
    if (isInk(text[at - 1]) && !isWord(text[at + run])) return end;
    at += run - 1;
  }
  return -1;
}

function runOf(text: string, at: number, char: string): number {
  let run = 0;
  while (text[at + run] === char) run += 1;
  return run;
}

function linkAt(text: string, at: number): [link: string, href: string | undefined] {
  const found = LINK.exec(text.slice(at, at + 2_048))?.[0];
  if (!found) return ["", undefined];
  const [link] = trimLink(found);
  return [link, safeHref(link)];
}

/** The link and what follows it: punctuation at the end of a sentence is not part of an address. */
export function trimLink(found: string): [link: string, rest: string] {
  let end = found.length;
  while (end > 0) {
    const last = found[end - 1] ?? "";
    const link = found.slice(0, end);
    const closes = last === ")" && (link.match(/\(/g)?.length ?? 0) < (link.match(/\)/g)?.length ?? 0);
    if (!/[.,;:!?\]}*_]/.test(last) && !closes) break;
    end -= 1;
  }
  return [found.slice(0, end), found.slice(end)];
}

function safeHref(link: string): string | undefined {
  try {
    const url = new URL(link);
    const plain = url.username === "" && url.password === "";
    return plain && (url.protocol === "https:" || url.protocol === "http:") ? url.href : undefined;
  } catch {
    return undefined;
  }
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /[\p{L}\p{N}]/u.test(char);
}

function isInk(char: string | undefined): boolean {
  return char !== undefined && !/\s/.test(char);
}

/** A message in one line without its marks, to be read out or shown shortly. */
export function plainOf(text: string): string {
  const words = (parts: readonly Inline[]): string => parts.map((part) => ("text" in part ? part.text : words(part.children))).join("");
  const lines = readMarkdown(text).map((block) => {
    if (block.kind === "text") return words(block.children);
    return block.kind === "code" ? block.text : block.items.map(words).join(", ");
  });
  return lines.join(" ").replace(/\s+/g, " ").trim();
}

/** Up to this many emoji without any word are shown large. */
const LARGE_MAX = 6;

/** Whether a text is a few emoji and nothing else. */
export function isOnlyEmoji(text: string): boolean {
  if (text.length > LARGE_MAX * 16 || !/\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(text)) return false;
  const rest = text.replace(/\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|[\u200d\ufe0f\s]/gu, "");
  if (rest !== "") return false;
  return [...new Intl.Segmenter().segment(text.replace(/\s/g, ""))].length <= LARGE_MAX;
}
