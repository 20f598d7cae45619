/**
 * Short notices that go by themselves, and the polite voice for screen readers.
 *
 * **Invariant:** every notice is also said to screen readers, once.
 */
import { X } from "lucide-react";
import { useCallback, useEffect } from "react";

import { useText } from "../app/i18n";
import { lasting, loadJson, saveJson, Slice } from "../client";
import { IconButton } from "./button";
import { useSlice } from "./use-slice";

interface Notice {
  id: number;
  text: string;
}

/** Long enough to read two lines. */
const SHOWN_MS = 6_000;
const NOTICES_MAX = 3;

/** What is said stays for a screen reader to come to; more at once than it could read are let go, the oldest first. */
const SPOKEN_MS = 5_000;
const SPOKEN_MAX = 10;

const notices = new Slice<readonly Notice[]>([]);
const spoken = new Slice<readonly Notice[]>([]);
let nextId = 1;

/** Shows a notice and says it. */
export function notify(text: string): void {
  notices.set([...notices.get().slice(1 - NOTICES_MAX), { id: nextId++, text }]);
  say(text);
}

/** Says something to screen readers only. */
export function say(text: string): void {
  const id = nextId++;
  spoken.set([...spoken.get().slice(1 - SPOKEN_MAX), { id, text }]);
  setTimeout(() => spoken.set(spoken.get().filter((other) => other.id !== id)), SPOKEN_MS);
}

const QUIET_KEY = "rookery.quiet";

/** Whether what others do is read out; what one does oneself always is. */
export const readOut = new Slice(loadJson(lasting, QUIET_KEY) !== true);

export function setReadOut(on: boolean): void {
  saveJson(lasting, QUIET_KEY, !on);
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
  const { id } = notice;
  const drop = useCallback(() => notices.set(notices.get().filter((other) => other.id !== id)), [id]);
  useEffect(() => {
    const timer = setTimeout(drop, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [drop]);
  return (
    <div className="float-in pointer-events-auto flex max-w-lg items-center gap-2 rounded-panel border border-line bg-raised py-2 pe-2 ps-4 text-text shadow-float">
      <span className="min-w-0 break-words">{notice.text}</span>
      <IconButton label={text.common.close} onClick={drop}>
        <X size={16} aria-hidden />
      </IconButton>
    </div>
  );
}

/** Each is a line of its own: what comes while another is being read is read after it, and the same words twice are said twice. */
function Voice() {
  const said = useSlice(spoken);
  return (
    <div role="status" aria-live="polite" aria-atomic="false" aria-relevant="additions" className="sr-only">
      {said.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
