/**
 * What the fields of an account must be, as the server has it.
 *
 * **Invariant:** nothing is refused here that the server would take.
 */
import { z } from "zod/mini";

import type { Catalogue } from "../../app/i18n";
import { limits } from "../../client";

const chars = (text: string): number => [...text].length;

export function signInRules(text: Catalogue) {
  const { rules } = text;
  return z.object({
    login: z.string().check(z.minLength(1, rules.required), z.maxLength(254, rules.email)),
    password: z.string().check(z.minLength(1, rules.required), z.maxLength(limits.passwordCharsMax, rules.passwordLong)),
  });
}

export function signUpRules(text: Catalogue) {
  const { rules } = text;
  return z.object({
    email: z.string().check(z.minLength(1, rules.required), z.maxLength(254, rules.email), z.regex(/^[^\s@]+@[^\s@]+$/, rules.email)),
    username: z.string().check(
      z.minLength(1, rules.required),
      z.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, rules.usernameForm),
      z.minLength(3, rules.usernameLength),
      z.maxLength(32, rules.usernameLength),
    ),
    displayName: z.string().check(z.refine((name) => chars(name) <= limits.displayNameChars, rules.nameLong)),
    password: z.string().check(
      z.minLength(1, rules.required),
      z.refine((password) => chars(password) >= limits.passwordCharsMin, rules.passwordShort),
      z.refine((password) => chars(password) <= limits.passwordCharsMax, rules.passwordLong),
    ),
  });
}

export type SignInFields = z.infer<ReturnType<typeof signInRules>>;
export type SignUpFields = z.infer<ReturnType<typeof signUpRules>>;
