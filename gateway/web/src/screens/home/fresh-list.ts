/**
 * The list of rooms after its first page was asked for again.
 *
 * **Invariant:** a room is listed once; what is no longer in the first page stays only if new ones pushed it out of there.
 */
import type { Room } from "../../client";

export function freshList(old: readonly Room[], page: readonly Room[], size: number, more: boolean): readonly Room[] {
  if (!more) return page;
  const listed = new Set(page.map((room) => room.id));
  const before = old.slice(0, size);
  const known = new Set(before.map((room) => room.id));
  // Newly used ones come to the top; those behind the last known one only moved up to where another has gone.
  const last = page.findLastIndex((room) => known.has(room.id));
  const came = page.filter((room, at) => !known.has(room.id) && (last < 0 || at < last)).length;
  const missing = before.filter((room) => !listed.has(room.id));
  const pushedOut = missing.slice(Math.max(0, missing.length - came));
  return [...page, ...pushedOut, ...old.slice(size).filter((room) => !listed.has(room.id))];
}
