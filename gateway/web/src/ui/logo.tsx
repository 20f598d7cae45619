/**
 * The mark and the name.
 *
 * **Invariant:** the mark is drawn here and nowhere else (but for the tab's icon).
 */
import { cx } from "./cx";

export function Logo({ className }: { className?: string }) {
  return (
    <span className={cx("flex items-center gap-2 text-base leading-5 font-bold tracking-tight", className)}>
      <svg viewBox="0 0 24 24" fill="currentColor" aria-hidden className="w-6 text-accent">
        <path d="M3 17c4 0 6-1.5 7.5-4.5C12 9.5 14 7 18 7c1.7 0 3 .7 3.8 1.7L24 9.5l-2.3.9C21.4 15.500 17.500 20 11 20c-3.500 0-6.300-1-8-3Z" />
      </svg>
      Rookery
    </span>
  );
}
