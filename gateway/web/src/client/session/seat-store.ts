/**
 * The seat of this tab, kept over a reload.
 *
 * **Invariant:** a seat older than its token's ten minutes is never given back.
 */
import { wall } from "../clock";
import { loadJson, saveJson, type KeyValue } from "../devices/choices";
import type { StoredSeat } from "./views";

const GOOD_FOR_MS = 9.5 * 60_000;

const key = (slug: string): string => `rookery.seat.${slug}`;

export function saveSeat(store: KeyValue, slug: string, seat: StoredSeat): void {
  saveJson(store, key(slug), seat);
}

export function forgetSeat(store: KeyValue, slug: string): void {
  try {
    store.removeItem(key(slug));
  } catch {
    // Nothing was kept then.
  }
}

export function loadSeat(store: KeyValue, slug: string): StoredSeat | undefined {
  const seat = loadJson(store, key(slug)) as Partial<StoredSeat> | undefined;
  const whole =
    typeof seat?.room?.id === "string" && typeof seat.room.kind === "string" && typeof seat.token === "string" && typeof seat.at === "number" && Array.isArray(seat.gateways);
  if (!whole) return undefined;
  return Math.abs(wall() - (seat.at ?? 0)) < GOOD_FOR_MS ? (seat as StoredSeat) : undefined;
}
