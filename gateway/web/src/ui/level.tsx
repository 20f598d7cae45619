/**
 * Writes a level into the CSS variable `--level` of an element, without drawing anything again.
 *
 * **Invariant:** levels never pass through React state.
 */
import { useEffect, useRef, type RefObject } from "react";

import { cx } from "./cx";

/** `watch` is called with a writer and returns how to stop. */
export function useLevel<E extends HTMLElement>(watch: (write: (level: number) => void) => () => void, key: unknown): RefObject<E | null> {
  const ref = useRef<E>(null);
  const latest = useRef(watch);
  latest.current = watch;
  useEffect(() => latest.current((level) => ref.current?.style.setProperty("--level", level.toFixed(3))), [key]);
  return ref;
}

/** A bar that moves with the voice. `track` null: it rests. */
export function Meter({ label, watch, watched, className }: { label: string; watch: (write: (level: number) => void) => () => void; watched: unknown; className?: string }) {
  const ref = useLevel<HTMLDivElement>(watch, watched);
  return (
    <div ref={ref} role="img" aria-label={label} className={cx("h-1 overflow-hidden rounded-full bg-line", className)}>
      <div className="meter-bar h-full w-full rounded-full bg-ok" />
    </div>
  );
}
