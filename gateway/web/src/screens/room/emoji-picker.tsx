/**
 * A small choice of emoji for messages; the system's own picker has the others.
 *
 * **Invariant:** arrow keys go through the whole grid, and Tab passes it in one step.
 */
import { Smile } from "lucide-react";
import { useState, type KeyboardEvent } from "react";

import { useText } from "../../app/i18n";
import { Popover } from "../../ui/popover";

const EMOJI =
  "😀 😄 😂 😊 😉 😍 🙂 🙃 🤔 😅 😎 🥳 😢 😭 😡 😱 😴 🤯 👍 👎 👏 🙏 👋 💪 🤝 👌 ✌️ 🤞 ❤️ 💔 🔥 ✨ 🎉 🎂 🚀 ⭐ ✅ ❌ ❓ ❗ 💡 📌 📎 📅 ☕ 🍕 🌍 🐦".split(" ");
const COLUMNS = 8;

export function EmojiPicker({ onPick, onClosed }: { onPick: (emoji: string) => void; onClosed: () => void }) {
  const text = useText();
  const [open, setOpen] = useState(false);
  const pick = (emoji: string): void => {
    onPick(emoji);
    setOpen(false);
  };
  return (
    <Popover
      label={text.chat.emoji}
      open={open}
      onOpenChange={setOpen}
      onClosed={(event) => {
        event.preventDefault();
        onClosed();
      }}
      trigger={
        <button type="button" aria-label={text.chat.emoji} className="calm grid size-9 shrink-0 place-items-center rounded-[10px] text-muted hover:bg-hover hover:text-text">
          <Smile size={18} aria-hidden />
        </button>
      }
    >
      <div role="group" aria-label={text.chat.emoji} onKeyDown={moveInGrid} className="grid grid-cols-8">
        {EMOJI.map((emoji, i) => (
          <button key={emoji} type="button" tabIndex={i === 0 ? 0 : -1} onClick={() => pick(emoji)} className="calm grid size-9 place-items-center rounded-lg text-xl hover:bg-hover">
            {emoji}
          </button>
        ))}
      </div>
    </Popover>
  );
}

function moveInGrid(event: KeyboardEvent<HTMLElement>): void {
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
  const at = buttons.indexOf(document.activeElement as HTMLElement);
  const step = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
  const to: Record<string, number> = { ArrowRight: at + step, ArrowLeft: at - step, ArrowDown: at + COLUMNS, ArrowUp: at - COLUMNS, Home: 0, End: buttons.length - 1 };
  const next = to[event.key];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  buttons[next]?.focus();
}
