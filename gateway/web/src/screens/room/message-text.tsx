/**
 * A message's text as it is drawn: the small Markdown that the client reads, and emoji alone larger.
 *
 * **Invariant:** only http and https become links, they open elsewhere and learn nothing of this page, and everything
 * else stays the text that it is.
 */
import { Fragment, memo, type ReactNode } from "react";

import { isOnlyEmoji, readMarkdown, type Block, type Inline } from "../../client";

export const MessageText = memo(function MessageText({ text }: { text: string }) {
  if (isOnlyEmoji(text)) return <p className="py-0.5 text-[28px] leading-9">{text}</p>;
  return readMarkdown(text).map((block, i) => <BlockOf key={i} block={block} />);
});

function BlockOf({ block }: { block: Block }) {
  switch (block.kind) {
    case "text":
      return (
        <p dir="auto" className="break-words whitespace-pre-wrap [overflow-wrap:anywhere]">
          {inline(block.children)}
        </p>
      );
    case "code":
      return (
        <pre dir="ltr" tabIndex={0} className="my-1 max-h-72 overflow-auto rounded-lg bg-hover px-2.5 py-2 font-mono text-xs leading-[18px]">
          <code>{block.text}</code>
        </pre>
      );
    case "list": {
      const items = block.items.map((item, i) => (
        <li key={i} dir="auto" className="ps-0.5 [overflow-wrap:anywhere]">
          {inline(item)}
        </li>
      ));
      if (block.start === null) return <ul className="my-0.5 list-disc ps-5 marker:text-muted">{items}</ul>;
      return (
        <ol start={block.start} className="my-0.5 list-decimal ps-6 marker:text-muted">
          {items}
        </ol>
      );
    }
  }
}

function inline(parts: readonly Inline[]): ReactNode {
  return parts.map((part, i) => {
    switch (part.kind) {
      case "text":
        return <Fragment key={i}>{part.text}</Fragment>;
      case "bold":
        return (
          <strong key={i} className="font-semibold">
            {inline(part.children)}
          </strong>
        );
      case "italic":
        return <em key={i}>{inline(part.children)}</em>;
      case "code":
        return (
          <code key={i} className="rounded bg-hover px-1 py-px font-mono text-[12.5px]">
            {part.text}
          </code>
        );
      case "link":
        return (
          <a key={i} href={part.href} target="_blank" rel="noopener noreferrer nofollow ugc" className="text-accent underline underline-offset-2">
            {part.text}
          </a>
        );
    }
  });
}
