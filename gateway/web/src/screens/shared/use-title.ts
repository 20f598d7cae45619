/**
 * The window's title.
 *
 * **Invariant:** the product's name is always at its end.
 */
import { useEffect } from "react";

import { useText } from "../../app/i18n";

export function useTitle(title: string | undefined): void {
  const { product } = useText();
  useEffect(() => {
    document.title = title ? `${title} · ${product}` : product;
  }, [title, product]);
}
