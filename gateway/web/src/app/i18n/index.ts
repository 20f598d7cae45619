/**
 * The words of the page. A leaf: any layer above `src/client` may read it, and it imports none of them.
 *
 * **Invariant:** there is exactly one language at a time, and `document.documentElement.lang` names it.
 */
import { createContext, useContext } from "react";

import { en, type Catalogue } from "./en";

export type { Catalogue };

const catalogues: Record<string, Catalogue> = { en };

/** The catalogue that fits the browser best. */
export function pickCatalogue(languages: readonly string[]): Catalogue {
  for (const language of languages) {
    const found = catalogues[language.slice(0, 2).toLowerCase()];
    if (found) return found;
  }
  return en;
}

export const TextContext = createContext<Catalogue>(en);

export function useText(): Catalogue {
  return useContext(TextContext);
}
