/**
 * Addresses of rooms: making, reading and copying them.
 *
 * **Invariant:** whatever a person pastes, only a room's short name or id comes out of it.
 */
const SLUG = /[a-z]{3}-[a-z]{4}-[a-z]{3}/;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

/** The room that a code or link names. Codes may be typed in capitals or without dashes. */
export function roomOf(typed: string): string | undefined {
  const text = typed.trim().toLowerCase();
  const found = SLUG.exec(text) ?? UUID.exec(text);
  if (found) return found[0];
  const letters = text.replace(/[\s-]/g, "");
  if (!/^[a-z]{10}$/.test(letters)) return undefined;
  return `${letters.slice(0, 3)}-${letters.slice(3, 7)}-${letters.slice(7)}`;
}

export const roomPath = (slug: string): string => `/r/${slug}`;

export function roomUrl(room: { slug: string; url?: string }): string {
  return new URL(room.url || roomPath(room.slug), window.location.origin).href;
}

/** False where the browser does not let the page write to the clipboard. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Where to go after signing in: a path of this page and nothing else. */
export function safeNext(next: string | null): string {
  if (!next?.startsWith("/") || next.startsWith("//") || next.includes("\\")) return "/";
  return next.startsWith("/sign-") ? "/" : next;
}
