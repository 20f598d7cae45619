/**
 * The seats of this tab, kept over a reload. All under one name, so that all can be forgotten at once.
 *
 * **Invariant:** a seat is given back to whoever took it and to nobody else, and never when it is older than its token's ten
 * minutes.
 */
import { wall } from "../clock";
import { loadJson, saveJson, type KeyValue } from "../devices/choices";
import type { StoredSeat } from "./views";

const GOOD_FOR_MS = 9.5 * 60_000;
const KEY = "rookery.seats";

/** Whose seats are of those who have no account. */
export const GUEST = "guest";

type Seats = Record<string, unknown>;

/** `who`: the user's id, or `GUEST`. */
export function saveSeat(store: KeyValue, who: string, slug: string, seat: StoredSeat): void {
  saveJson(store, KEY, { ...seatsIn(store), [nameOf(who, slug)]: seat });
}

export function forgetSeat(store: KeyValue, who: string, slug: string): void {
  const { [nameOf(who, slug)]: forgotten, ...rest } = seatsIn(store);
  if (forgotten !== undefined) saveJson(store, KEY, rest);
}

/** Forgets everybody's. */
export function forgetSeats(store: KeyValue): void {
  try {
    store.removeItem(KEY);
  } catch {
    // Nothing was kept then.
  }
}

export function loadSeat(store: KeyValue, who: string, slug: string): StoredSeat | undefined {
  const seat = seatsIn(store)[nameOf(who, slug)];
  return isGood(seat) ? seat : undefined;
}

function nameOf(who: string, slug: string): string {
  return `${who} ${slug}`;
}

/** Those that are still good: what is too old goes with the next that is kept. */
function seatsIn(store: KeyValue): Seats {
  const seats = loadJson(store, KEY);
  const entries = typeof seats === "object" && seats !== null ? Object.entries(seats) : [];
  return Object.fromEntries(entries.filter(([, seat]) => isGood(seat)));
}

function isGood(stored: unknown): stored is StoredSeat {
  const seat = stored as Partial<StoredSeat> | null | undefined;
  const whole =
    typeof seat?.room?.id === "string" && typeof seat.room.kind === "string" && typeof seat.token === "string" && typeof seat.at === "number" && Array.isArray(seat.gateways);
  return whole && Math.abs(wall() - (seat.at ?? 0)) < GOOD_FOR_MS;
}
