/**
 * The messages: grouped, with days between, loading upward, sticking to the end while one is there. Only those in sight are
 * in the page, so ten thousand scroll like ten.
 *
 * **Invariant:** loading older messages moves nothing that is being read, and new ones move it only when one is at the end.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type RefObject } from "react";

import { useText } from "../../app/i18n";
import { wall, type ChatMessage, type Outgoing } from "../../client";
import { Day, Message, Pending } from "./message-row";
import { rowsOf, type Row } from "./message-rows";

/** Closer to the end than this counts as being there. */
const NEAR_PX = 40;
/** Rows drawn beyond the edges, so that a fast wheel meets no blank. */
const OVERSCAN = 8;
/** Older messages are asked for when this few rows are left above. */
const OLDER_ROWS = 12;

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
  const { messages, outgoing, more, loading, starting, isOwn } = props;
  const text = useText();
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => rowsOf(messages, outgoing, isOwn), [messages, outgoing, isOwn]);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => heightOf(rows[index]),
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: NEAR_PX,
    overscan: OVERSCAN,
    paddingStart: 8,
    paddingEnd: 12,
    directDomUpdates: true,
  });
  const toEnd = useCallback(() => list.scrollToEnd(), [list]);
  const { atEnd, fresh, watchScroll } = useEnd(scroller, props, toEnd);

  const items = list.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const near = first < OLDER_ROWS && !starting && more && !loading;
  const { onOlder } = props;
  useEffect(() => {
    if (near) onOlder();
  }, [near, onOlder, rows.length]);

  return (
    <div className="relative min-h-0 flex-1">
      <div
        ref={scroller}
        onScroll={watchScroll}
        role="log"
        aria-live="off"
        aria-label={text.chat.log}
        tabIndex={0}
        className="flex size-full flex-col overflow-y-auto overscroll-contain px-4 [overflow-anchor:none]"
      >
        {!starting && messages.length === 0 && outgoing.length === 0 && <p className="m-auto max-w-60 text-center text-muted">{props.empty}</p>}
        <div ref={list.containerRef} className="relative mt-auto w-full shrink-0">
          {items.map((item) => (
            <div key={item.key} ref={list.measureElement} data-index={item.index} className="absolute start-0 top-0 w-full">
              <RowOf row={rows[item.index]} {...props} />
            </div>
          ))}
        </div>
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

/** A first guess, px; each row is measured once it is drawn. */
function heightOf(row: Row | undefined): number {
  if (!row) return 0;
  switch (row.kind) {
    case "top":
      return 28;
    case "day":
      return 32;
    default:
      return (row.head ? 30 : 2) + 20 * Math.ceil(row.message.text.length / 40) + (row.kind === "pending" ? 16 : 0);
  }
}

function RowOf({ row, ...props }: MessageListProps & { row: Row | undefined }) {
  const text = useText();
  switch (row?.kind) {
    case "top":
      return <p className="pb-2 text-center text-xs leading-5 text-muted">{props.starting ? text.chat.starting : props.more ? text.chat.older : props.messages.length > 0 ? text.chat.beginning : "\u00a0"}</p>;
    case "day":
      return <Day at={row.at} now={wall()} />;
    case "message":
      return <Message message={row.message} head={row.head} name={props.isOwn(row.message) ? text.common.you : row.message.displayName} />;
    case "pending":
      return <Pending message={row.message} head={row.head} name={text.common.you} ownName={props.ownName} onRetry={props.onRetry} onDiscard={props.onDiscard} />;
    default:
      return null;
  }
}

/** Whether the end is in sight, how much came since it was, and the way back to it. */
function useEnd(scroller: RefObject<HTMLDivElement | null>, { messages, outgoing, starting, isOwn, onEnd }: MessageListProps, toEnd: () => void) {
  const [atEnd, setAtEnd] = useState(true);
  const stuck = useRef(true);
  const last = messages.at(-1)?.seq ?? 0;
  const [seen, setSeen] = useState(last);

  const watchScroll = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    stuck.current = near;
    setAtEnd(near);
  }, [scroller]);

  if (atEnd && seen !== last) setSeen(last);
  const fresh = useMemo(() => (atEnd ? 0 : countAfter(messages, seen, isOwn)), [atEnd, messages, seen, isOwn]);

  // The first page, and what one writes oneself, are shown wherever one was.
  useLayoutEffect(() => {
    if (!starting) toEnd();
  }, [starting, toEnd]);
  const before = useRef(0);
  useLayoutEffect(() => {
    if (outgoing.length > before.current) toEnd();
    before.current = outgoing.length;
  }, [outgoing.length, toEnd]);

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

  return { atEnd, fresh, watchScroll };
}

function countAfter(messages: readonly ChatMessage[], seq: number, isOwn: (message: ChatMessage) => boolean): number {
  let count = 0;
  for (let at = messages.length - 1; at >= 0; at -= 1) {
    const message = messages[at];
    if (!message || message.seq <= seq) break;
    if (!isOwn(message)) count += 1;
  }
  return count;
}
