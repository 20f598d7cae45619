/**
 * The messages: grouped, with days between, loading upward, sticking to the end while one is there.
 *
 * **Invariant:** loading older messages moves nothing that is being read, and new ones move it only when one is at the end.
 */
import { ArrowDown } from "lucide-react";
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from "react";

import { useText } from "../../app/i18n";
import { wall, type ChatMessage, type Outgoing } from "../../client";
import { Avatar } from "../../ui/avatar";
import { dateOf, daysAgo, timeOf } from "../shared/when";
import { rowsOf } from "./message-rows";
import { MessageText } from "./message-text";

/** Closer to the end than this counts as being there. */
const NEAR_PX = 40;

export interface MessageListProps {
  messages: readonly ChatMessage[];
  outgoing: readonly Outgoing[];
  more: boolean;
  loading: boolean;
  starting: boolean;
  empty: string;
  isOwn: (message: ChatMessage) => boolean;
  ownName: string;
  onOlder: () => void;
  /** Whether the end is in sight. */
  onEnd: (atEnd: boolean) => void;
  onRetry: (nonce: string) => void;
  onDiscard: (nonce: string) => void;
}

export function MessageList(props: MessageListProps) {
  const { messages, outgoing, more, loading, starting, isOwn, ownName } = props;
  const text = useText();
  const rows = useMemo(() => rowsOf(messages), [messages]);
  const scroller = useRef<HTMLDivElement>(null);
  const { atEnd, fresh, toEnd, watchScroll } = useStickToEnd(scroller, messages, outgoing, isOwn, props.onEnd);
  const top = useLoadOlder(scroller, props.onOlder, more && !loading);
  const now = wall();

  return (
    <div className="relative min-h-0 flex-1">
      <div ref={scroller} onScroll={watchScroll} role="log" aria-label={text.chat.log} tabIndex={0} className="flex size-full flex-col overflow-y-auto px-4 py-3 [overflow-anchor:none]">
        <div ref={top} className="mt-auto pb-2 text-center text-xs text-muted">
          {starting ? text.chat.starting : more ? text.chat.older : messages.length > 0 && text.chat.beginning}
        </div>
        {!starting && messages.length === 0 && outgoing.length === 0 && <p className="m-auto max-w-60 text-center text-muted">{props.empty}</p>}
        {rows.map((row) =>
          row.kind === "day" ? (
            <Day key={row.key} at={row.at} now={now} />
          ) : (
            <Message key={row.key} message={row.message} head={row.head} name={isOwn(row.message) ? text.common.you : row.message.displayName} />
          ),
        )}
        {outgoing.map((message, i) => (
          <Pending key={message.nonce} message={message} head={i === 0} name={text.common.you} ownName={ownName} onRetry={props.onRetry} onDiscard={props.onDiscard} />
        ))}
      </div>
      {!atEnd && fresh > 0 && (
        <button
          type="button"
          onClick={toEnd}
          className="float-in absolute inset-x-0 bottom-3 mx-auto flex w-fit items-center gap-1.5 rounded-pill bg-accent px-3 py-1.5 text-sm font-semibold text-accent-ink shadow-float"
        >
          <ArrowDown size={14} aria-hidden />
          {text.chat.fresh(fresh)}
        </button>
      )}
    </div>
  );
}

/** Keeps the end in sight while one is there, and the place while one is not. */
function useStickToEnd(
  scroller: RefObject<HTMLDivElement | null>,
  messages: readonly ChatMessage[],
  outgoing: readonly Outgoing[],
  isOwn: (message: ChatMessage) => boolean,
  onEnd: (atEnd: boolean) => void,
) {
  const [atEnd, setAtEnd] = useState(true);
  const [fresh, setFresh] = useState(0);
  const stuck = useRef(true);
  const before = useRef({ first: 0, last: 0, height: 0, outgoing: 0 });

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [scroller]);

  const watchScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    stuck.current = near;
    setAtEnd(near);
    if (near) setFresh(0);
  }, [scroller]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const old = before.current;
    const first = messages[0]?.seq ?? 0;
    const last = messages.at(-1)?.seq ?? 0;
    const prepended = old.last > 0 && first < old.first;
    const written = outgoing.length > old.outgoing;
    if (stuck.current || written) {
      element.scrollTop = element.scrollHeight;
      stuck.current = true;
    } else if (prepended) element.scrollTop += element.scrollHeight - old.height;
    if (!stuck.current && last > old.last) setFresh((n) => n + messages.filter((m) => m.seq > old.last && !isOwn(m)).length);
    before.current = { first, last, height: element.scrollHeight, outgoing: outgoing.length };
  }, [messages, outgoing, scroller, isOwn]);

  // A panel that changes its size keeps its end in sight, too.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => stuck.current && toEnd());
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, toEnd]);

  useEffect(() => {
    const tell = (): void => onEnd(atEnd && document.visibilityState === "visible");
    tell();
    document.addEventListener("visibilitychange", tell);
    return () => {
      document.removeEventListener("visibilitychange", tell);
      onEnd(false);
    };
  }, [atEnd, onEnd]);

  return { atEnd, fresh, toEnd, watchScroll };
}

/** Asks for older messages when the beginning comes near. */
function useLoadOlder(scroller: RefObject<HTMLDivElement | null>, onOlder: () => void, ready: boolean): RefObject<HTMLDivElement | null> {
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!ready || !top.current) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && onOlder(), {
      root: scroller.current,
      rootMargin: "300px 0px 0px",
    });
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [scroller, onOlder, ready]);
  return top;
}

function Day({ at, now }: { at: number; now: number }) {
  const text = useText();
  const days = daysAgo(at, now);
  return <p className="my-2 text-center text-xs text-muted">{days === 0 ? text.chat.today : days === 1 ? text.chat.yesterday : dateOf(at)}</p>;
}

const rowClass = "grid grid-cols-[30px_minmax(0,1fr)] gap-2.5";

const Message = memo(function Message({ message, head, name }: { message: ChatMessage; head: boolean; name: string }) {
  const time = timeOf(message.at);
  return (
    <article data-seq={message.seq} className={`${rowClass} ${head ? "mt-2.5" : "mt-0.5"}`}>
      {head ? <Avatar name={message.displayName} size="small" className="mt-0.5" /> : <span />}
      <div className="min-w-0">
        {head && (
          <p className="flex items-baseline gap-1.5">
            <b dir="auto" className="truncate text-sm font-semibold">
              {name}
            </b>
            <time dateTime={new Date(message.at).toISOString()} className="text-xs text-muted tabular-nums">
              {time}
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

function Pending({ message, head, name, ownName, onRetry, onDiscard }: PendingProps) {
  const text = useText();
  const link = "font-semibold text-accent underline-offset-2 hover:underline";
  return (
    <article data-state={message.state} className={`${rowClass} ${head ? "mt-2.5" : "mt-0.5"}`}>
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
