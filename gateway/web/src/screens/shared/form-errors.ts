/**
 * Puts a refusal of the server where it belongs: at the fields it names, or over the whole form.
 *
 * **Invariant:** a refusal is never lost: what fits no field comes back as a sentence.
 */
import type { FieldPath, FieldValues, UseFormSetError } from "react-hook-form";

import type { Catalogue } from "../../app/i18n";
import { Refused } from "../../client";

/** `atField` says at which field some codes belong. Returns what is to be said over the form. */
export function placeErrors<T extends FieldValues>(
  error: unknown,
  text: Catalogue,
  fields: readonly FieldPath<T>[],
  setError: UseFormSetError<T>,
  atField: Partial<Record<string, FieldPath<T>>> = {},
): string | undefined {
  const refused = Refused.from(error);
  let placed = false;
  for (const problem of refused.more.fields ?? []) {
    const field = fields.find((name) => name === problem.field);
    if (!field) continue;
    setError(field, { type: "server", message: sentence(problem.message) }, { shouldFocus: !placed });
    placed = true;
  }
  const field = atField[refused.code];
  if (!placed && field) {
    setError(field, { type: "server", message: text.codes[refused.code] }, { shouldFocus: true });
    placed = true;
  }
  return placed ? undefined : text.codes[refused.code];
}

function sentence(message: string): string {
  const first = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
