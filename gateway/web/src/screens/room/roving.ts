/**
 * Arrow keys in a bar of buttons: left and right go along it, Home and End to its ends. Tab still reaches each.
 *
 * **Invariant:** the direction follows the direction of writing.
 */
import type { KeyboardEvent } from "react";

export function moveAlong(event: KeyboardEvent<HTMLElement>): void {
  const bar = event.currentTarget;
  const buttons = [...bar.querySelectorAll<HTMLElement>("button:not(:disabled)")];
  const at = buttons.indexOf(document.activeElement as HTMLElement);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = getComputedStyle(bar).direction === "rtl" ? -1 : 1;
  const to: Record<string, number> = { ArrowRight: at + step, ArrowLeft: at - step, Home: 0, End: buttons.length - 1 };
  const next = to[event.key];
  if (next === undefined) return;
  event.preventDefault();
  buttons[(next + buttons.length) % buttons.length]?.focus();
}
