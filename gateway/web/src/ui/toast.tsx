/**
 * Short notices that go by themselves, and the polite voice for screen readers.
 *
 * **Invariant:** every notice is also said to screen readers, once.
 */
import { X } from "lucide-react";
import { useEffect, useState } from "react";

import { useText } from "../app/i18n";
import { loadJson, saveJson, Slice } from "../client";
import { IconButton } from "./button";
import { useSlice } from "./use-slice";

interface Notice {
  id: number;
  text: string;
}

/** Long enough to read two lines. */
const SHOWN_MS = 6_000;
const NOTICES_MAX = 3;

const notices = new Slice<readonly Notice[]>([]);
const spoken = new Slice<Notice>({ id: 0, text: "" });
let nextId = 1;

/** Shows a notice and says it. */
export function notify(text: string): void {
  notices.set([...notices.get().slice(1 - NOTICES_MAX), { id: nextId++, text }]);
  say(text);
}

/** Says something to screen readers only. */
export function say(text: string): void {
  spoken.set({ id: nextId++, text });
}

const QUIET_KEY = "rookery.quiet";

/** Whether what others do is read out; what one does oneself always is. */
export const readOut = new Slice(loadJson(window.localStorage, QUIET_KEY) !== true);

export function setReadOut(on: boolean): void {
  saveJson(window.localStorage, QUIET_KEY, !on);
  readOut.set(on);
}

/** Says what somebody else did, unless that is silenced. */
export function tell(text: string): void {
  if (readOut.get()) say(text);
}

export function Notices() {
  const text = useText();
  const list = useSlice(notices);
  return (
    <>
      {list.length > 0 && (
        <section aria-label={text.common.notices} className="pointer-events-none fixed inset-x-0 bottom-24 z-50 flex flex-col items-center gap-2 px-4">
          {list.map((notice) => (
            <NoticeCard key={notice.id} notice={notice} />
          ))}
        </section>
      )}
      <Voice />
    </>
  );
}

function NoticeCard({ notice }: { notice: Notice }) {
  const text = useText();
  const drop = (): void => notices.set(notices.get().filter((other) => other.id !== notice.id));
  useEffect(() => {
    const timer = setTimeout(drop, SHOWN_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div className="float-in pointer-events-auto flex max-w-lg items-center gap-2 rounded-panel border border-line bg-raised py-2 pe-2 ps-4 text-text shadow-float">
      <span className="min-w-0 break-words">{notice.text}</span>
      <IconButton label={text.common.close} onClick={drop}>
        <X size={16} aria-hidden />
      </IconButton>
    </div>
  );
}

function Voice() {
  const { id, text } = useSlice(spoken);
  const [said, setSaid] = useState("");
  // Emptied first, so that the same words twice are said twice.
  useEffect(() => {
    setSaid("");
    const timer = setTimeout(() => setSaid(text), 50);
    return () => clearTimeout(timer);
  }, [id, text]);
  return (
    <div role="status" aria-live="polite" className="sr-only">
      {said}
    </div>
  );
}
