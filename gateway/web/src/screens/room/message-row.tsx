/**
 * One row of the chat: a day, a stored message, or one on its way.
 *
 * **Invariant:** a stored message is drawn once; what comes after it draws nothing of it again.
 */
import { memo } from "react";

import { useText } from "../../app/i18n";
import type { ChatMessage, Outgoing } from "../../client";
import { Avatar } from "../../ui/avatar";
import { dateOf, daysAgo, timeOf } from "../shared/when";
import { MessageText } from "./message-text";

export function Day({ at, now }: { at: number; now: number }) {
  const text = useText();
  const days = daysAgo(at, now);
  return <p className="py-2 text-center text-xs text-muted">{days === 0 ? text.chat.today : days === 1 ? text.chat.yesterday : dateOf(at)}</p>;
}

const rowClass = "grid grid-cols-[30px_minmax(0,1fr)] gap-2.5";
const above = (head: boolean): string => (head ? "pt-2.5" : "pt-0.5");

export const Message = memo(function Message({ message, head, name }: { message: ChatMessage; head: boolean; name: string }) {
  return (
    <article data-seq={message.seq} className={`${rowClass} ${above(head)}`}>
      {head ? <Avatar name={message.displayName} size="small" className="mt-0.5" /> : <span />}
      <div className="min-w-0">
        {head && (
          <p className="flex items-baseline gap-1.5">
            <b dir="auto" className="truncate text-sm font-semibold">
              {name}
            </b>
            <time dateTime={new Date(message.at).toISOString()} className="text-xs text-muted tabular-nums">
              {timeOf(message.at)}
            </time>
          </p>
        )}
        <MessageText text={message.text} />
      </div>
    </article>
  );
});

interface PendingProps {
  message: Outgoing;
  head: boolean;
  name: string;
  ownName: string;
  onRetry: (nonce: string) => void;
  onDiscard: (nonce: string) => void;
}

export function Pending({ message, head, name, ownName, onRetry, onDiscard }: PendingProps) {
  const text = useText();
  const link = "font-semibold text-accent underline-offset-2 hover:underline";
  return (
    <article data-state={message.state} className={`${rowClass} ${above(head)}`}>
      {head ? <Avatar name={ownName} size="small" className="mt-0.5" /> : <span />}
      <div className="min-w-0">
        {head && <b className="text-sm font-semibold">{name}</b>}
        <MessageText text={message.text} />
        {message.state === "sending" ? (
          <p className="text-xs text-muted">{text.chat.sending}</p>
        ) : (
          <p role="alert" className="text-xs text-danger-text">
            {text.chat.failed} {message.code && text.codes[message.code]}{" "}
            <button type="button" className={link} onClick={() => onRetry(message.nonce)}>
              {text.chat.retry}
            </button>{" "}
            <button type="button" className={link} onClick={() => onDiscard(message.nonce)}>
              {text.chat.discard}
            </button>
          </p>
        )}
      </div>
    </article>
  );
}
