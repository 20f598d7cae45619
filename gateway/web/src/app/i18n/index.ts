/**
 * The words of the page. A leaf: any layer above `src/client` may read it, and it imports none of them.
 *
 * **Invariant:** there is exactly one language at a time, and `document.documentElement` names it and its direction.
 */
import { createContext, useContext } from "react";

import { en, type Catalogue } from "./en";

export type { Catalogue };

/** `ar-XB` is the customary name for English drawn from right to left: to look at screens before a language needs it. */
const catalogues: Record<string, Catalogue> = { en, "ar-xb": { ...en, language: "ar-XB", direction: "rtl" } };

/** The catalogue that fits the browser best. */
export function pickCatalogue(languages: readonly string[]): Catalogue {
  for (const language of languages) {
    const name = language.toLowerCase();
    const found = catalogues[name] ?? catalogues[name.split("-")[0] ?? ""];
    if (found) return found;
  }
  return en;
}

export const TextContext = createContext<Catalogue>(en);

export function useText(): Catalogue {
  return useContext(TextContext);
}
