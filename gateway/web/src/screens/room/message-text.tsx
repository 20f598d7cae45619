/**
 * A message's text, with links that can be followed safely.
 *
 * **Invariant:** only http and https become links, they open elsewhere and learn nothing of this page, and everything
 * else stays the text that it is.
 */
import type { ReactNode } from "react";

const LINK = /https?:\/\/[^\s<>"'`]+/giu;

/** The link and what follows it: punctuation at the end of a sentence is not part of an address. */
export function trimLink(found: string): [link: string, rest: string] {
  let end = found.length;
  while (end > 0) {
    const last = found[end - 1] ?? "";
    const link = found.slice(0, end);
    const closes = last === ")" && (link.match(/\(/g)?.length ?? 0) < (link.match(/\)/g)?.length ?? 0);
    if (!/[.,;:!?\]}]/.test(last) && !closes) break;
    end -= 1;
  }
  return [found.slice(0, end), found.slice(end)];
}

export function MessageText({ text }: { text: string }) {
  const parts: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const [link, rest] = trimLink(match[0]);
    const href = safeHref(link);
    if (!href) continue;
    parts.push(text.slice(from, match.index));
    parts.push(
      <a key={match.index} href={href} target="_blank" rel="noopener noreferrer nofollow ugc" className="text-accent underline underline-offset-2">
        {link}
      </a>,
    );
    from = match.index + match[0].length - rest.length;
  }
  parts.push(text.slice(from));
  return (
    <p dir="auto" className="break-words whitespace-pre-wrap [overflow-wrap:anywhere]">
      {parts}
    </p>
  );
}

function safeHref(link: string): string | undefined {
  try {
    const url = new URL(link);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
