/**
 * The chat of the room, with the line to write in.
 *
 * **Invariant:** what was typed is kept until it is handed to the client, and nothing longer than allowed is.
 */
import { SendHorizontal } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";

import { useText } from "../../app/i18n";
import { isOwn, limits, showsSomething, type ChatMessage, type RoomSession } from "../../client";
import { cx } from "../../ui/cx";
import { useSlice } from "../../ui/use-slice";
import { EmojiPicker } from "./emoji-picker";
import { MessageList } from "./message-list";

export function ChatPanel({ session, focus = true }: { session: RoomSession; focus?: boolean }) {
  const text = useText();
  const { chat } = session;
  const view = useSlice(chat.view);
  const self = useSlice(session.roster, (roster) => roster.self);
  const me = useSlice(session.roster, (roster) => roster.byId.get(roster.self));
  const user = me?.user;
  const own = useCallback((message: ChatMessage) => isOwn({ peer: self, displayName: "", ...(user ? { user } : {}) }, message), [self, user]);
  const older = useCallback(() => void chat.older(), [chat]);
  const end = useCallback((atEnd: boolean) => chat.watch(atEnd), [chat]);
  return (
    <>
      <MessageList
        {...view}
        empty={text.chat.empty}
        isOwn={own}
        ownName={me?.displayName ?? ""}
        onOlder={older}
        onEnd={end}
        onRetry={(nonce) => chat.retry(nonce)}
        onDiscard={(nonce) => chat.discard(nonce)}
      />
      <Composer chat={chat} onSend={(message) => chat.send(message)} focus={focus} />
    </>
  );
}

/** What was typed and not sent, for as long as the room is open: a closed panel does not lose it. */
const drafts = new WeakMap<object, string>();

function Composer({ chat, onSend, focus }: { chat: object; onSend: (text: string) => void; focus: boolean }) {
  const text = useText();
  const [draft, setDraft] = useState(() => drafts.get(chat) ?? "");
  useEffect(() => void drafts.set(chat, draft), [chat, draft]);
  const ref = useRef<HTMLTextAreaElement>(null);
  /** Where to write on after an emoji was put in. */
  const caret = useRef<number | undefined>(undefined);
  const over = [...draft.trim()].length - limits.chatTextChars;
  const ready = showsSomething(draft) && over <= 0;
  useEffect(() => {
    if (focus) ref.current?.focus({ preventScroll: true });
  }, [focus]);
  // The field grows with its text, up to six lines.
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, 136)}px`;
  }, [draft]);

  const send = (): void => {
    if (!ready) return;
    onSend(draft);
    setDraft("");
    ref.current?.focus();
  };
  const insert = (emoji: string): void => {
    const element = ref.current;
    const [from, to] = [element?.selectionStart ?? draft.length, element?.selectionEnd ?? draft.length];
    setDraft(draft.slice(0, from) + emoji + draft.slice(to));
    caret.current = from + emoji.length;
  };
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <div className="shrink-0 p-3">
      {over > 0 && (
        <p id="too-long" role="alert" className="pb-1.5 text-xs text-danger-text">
          {text.chat.tooLong(over)}
        </p>
      )}
      <div className="calm flex items-end gap-1 rounded-panel border border-line bg-raised py-1 ps-3.5 pe-1 has-[textarea:focus-visible]:outline-2 has-[textarea:focus-visible]:outline-offset-1 has-[textarea:focus-visible]:outline-accent">
        <textarea
          ref={ref}
          rows={1}
          dir="auto"
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={press}
          aria-label={text.chat.placeholder}
          aria-describedby={over > 0 ? "too-long" : undefined}
          placeholder={text.chat.placeholder}
          className="min-h-5 flex-1 resize-none bg-transparent py-2 outline-none placeholder:text-muted"
        />
        <EmojiPicker
          onPick={insert}
          onClosed={() => {
            ref.current?.focus();
            if (caret.current !== undefined) ref.current?.setSelectionRange(caret.current, caret.current);
            caret.current = undefined;
          }}
        />
        <button
          type="button"
          aria-label={text.chat.send}
          aria-disabled={!ready}
          onClick={send}
          className={cx("calm grid size-9 shrink-0 place-items-center rounded-[10px]", ready ? "text-accent hover:bg-hover" : "text-muted")}
        >
          <SendHorizontal size={18} aria-hidden />
        </button>
      </div>
    </div>
  );
}
