/**
 * Arrow keys in bars and lists: along a bar, down a list, Home and End to the ends. Tab still reaches each.
 *
 * **Invariant:** the direction follows the direction of writing, and a field keeps its own arrow keys.
 */
import type { KeyboardEvent } from "react";

/** Left and right, through the buttons of a bar. */
export function moveAlong(event: KeyboardEvent<HTMLElement>): void {
  const step = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
  move(event, { ArrowRight: step, ArrowLeft: -step });
}

/** Up and down, through what can be done in a list. */
export function moveDown(event: KeyboardEvent<HTMLElement>): void {
  move(event, { ArrowDown: 1, ArrowUp: -1 });
}

function move(event: KeyboardEvent<HTMLElement>, steps: Record<string, number>): void {
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled), a[href]")];
  const at = stops.indexOf(document.activeElement as HTMLElement);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = steps[event.key];
  const next = event.key === "Home" ? 0 : event.key === "End" ? stops.length - 1 : step === undefined ? undefined : at + step;
  if (next === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  stops[(next + stops.length) % stops.length]?.focus();
}
