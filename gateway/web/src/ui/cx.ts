/**
 * Puts class names together.
 *
 * **Invariant:** order is kept and nothing falsy is printed.
 */
export function cx(...names: (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}
