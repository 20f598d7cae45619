/**
 * Light, dark, or what the system says. `public/theme.js` does the same before the first paint.
 *
 * **Invariant:** `data-theme` on the root element is `light` or `dark`, whatever the wish.
 */
import { lasting, Slice } from "../client";

export type ThemeWish = "system" | "light" | "dark";

const KEY = "rookery.theme";
const system = window.matchMedia("(prefers-color-scheme: light)");

export const theme = new Slice<ThemeWish>(read());

export function setTheme(wish: ThemeWish): void {
  try {
    if (wish === "system") lasting.removeItem(KEY);
    else lasting.setItem(KEY, wish);
  } catch {
    // It holds for this visit.
  }
  theme.set(wish);
  show();
}

export function show(): void {
  const wish = theme.get();
  const light = wish === "light" || (wish === "system" && system.matches);
  document.documentElement.dataset["theme"] = light ? "light" : "dark";
}

system.addEventListener("change", show);

function read(): ThemeWish {
  const wish = lasting.getItem(KEY);
  return wish === "light" || wish === "dark" ? wish : "system";
}
