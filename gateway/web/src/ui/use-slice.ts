/**
 * Reads a part of a slice. The component is drawn again only when that part changed.
 *
 * **Invariant:** `select` returns something that is identical while nothing it reads has changed (a field, a map's entry,
 * a primitive), never something made on the spot.
 */
import { useSyncExternalStore } from "react";

import type { Readable } from "../client";

export function useSlice<T>(slice: Readable<T>): T;
export function useSlice<T, S>(slice: Readable<T>, select: (value: T) => S): S;
export function useSlice<T, S>(slice: Readable<T>, select?: (value: T) => S): T | S {
  return useSyncExternalStore(slice.subscribe, () => (select ? select(slice.get()) : slice.get()));
}
