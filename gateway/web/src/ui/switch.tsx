/**
 * Something that is on or off at once, with what it means beside it.
 *
 * **Invariant:** the whole line switches; while it is being done it cannot be pressed again, and keeps its focus.
 */
import { useId } from "react";

import { cx } from "./cx";

interface SwitchProps {
  label: string;
  hint?: string;
  on: boolean;
  onChange: (on: boolean) => void;
  /** The change is under way. */
  busy?: boolean;
}

export function Switch({ label, hint, on, onChange, busy = false }: SwitchProps) {
  const id = useId();
  return (
    <div className="flex items-center gap-4 py-2.5">
      <label htmlFor={id} className="min-w-0 flex-1">
        <span className="font-medium">{label}</span>
        {hint && (
          <span id={`${id}-hint`} className="block text-sm text-muted">
            {hint}
          </span>
        )}
      </label>
      <button
        id={id}
        type="button"
        role="switch"
        aria-checked={on}
        aria-describedby={hint && `${id}-hint`}
        aria-busy={busy || undefined}
        aria-disabled={busy || undefined}
        onClick={() => !busy && onChange(!on)}
        className={cx("calm relative h-6 w-[42px] shrink-0 rounded-full border", on ? "border-transparent bg-accent" : "border-muted bg-surface")}
      >
        <span aria-hidden className={cx("calm absolute start-[3px] top-[3px] size-4 rounded-full", on ? "translate-x-[18px] bg-accent-ink rtl:-translate-x-[18px]" : "bg-muted")} />
      </button>
    </div>
  );
}
