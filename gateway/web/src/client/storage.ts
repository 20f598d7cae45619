/**
 * What a browser keeps for this origin, or for this tab, as far as it lets us.
 *
 * **Invariant:** where storage is forbidden, memory does for the visit; nothing here throws.
 */
import type { KeyValue } from "./devices/choices";

/** Lasts beyond the visit. */
export const lasting: KeyValue = safe(() => window.localStorage);

/** Lasts as long as the tab. */
export const ofTab: KeyValue = safe(() => window.sessionStorage);

function safe(get: () => Storage): KeyValue {
  try {
    return get();
  } catch {
    const map = new Map<string, string>();
    return {
      getItem: (key) => map.get(key) ?? null,
      setItem: (key, value) => void map.set(key, value),
      removeItem: (key) => void map.delete(key),
    };
  }
}
