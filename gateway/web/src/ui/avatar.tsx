/**
 * A person's initials on a colour of their own.
 *
 * The letters are drawn by the style sheet, so that they are no text to be copied, read out or searched.
 *
 * **Invariant:** the same name has the same colour everywhere, and the initials stand out on it by 4.5:1.
 */
import type { CSSProperties } from "react";

import { cx } from "./cx";

export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toUpperCase();
}

/** Hues apart enough to be told from each other, without the muddy ones between orange and green. */
const HUES = [20, 45, 150, 170, 195, 215, 235, 260, 285, 305, 330, 350];

export function hueOf(name: string): number {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return HUES[hash % HUES.length] ?? 235;
}

const sizes = {
  tiny: "size-6.5 text-[10px]",
  small: "size-7.5 text-xs",
  medium: "size-8 text-xs",
  large: "size-[clamp(48px,26cqmin,96px)] text-[clamp(18px,9cqmin,34px)]",
};

export function Avatar({ name, size = "medium", className }: { name: string; size?: keyof typeof sizes; className?: string }) {
  const style: CSSProperties = { backgroundColor: `oklch(0.5 0.12 ${hueOf(name)})` };
  return (
    <span
      aria-hidden
      style={style}
      data-initials={initials(name)}
      className={cx("grid before:content-[attr(data-initials)] shrink-0 place-items-center rounded-full font-semibold text-[oklch(0.98_0_0)] select-none", sizes[size], className)}
    />
  );
}
