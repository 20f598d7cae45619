/**
 * Sign up. Afterwards the person is in.
 *
 * **Invariant:** each field says its rule before it is broken.
 */
import { zodResolver } from "@hookform/resolvers/zod";
import { useMemo, useState } from "react";
import { useForm } from "react-hook-form";
import { Link, useSearchParams } from "react-router";

import { useText } from "../../app/i18n";
import { Button } from "../../ui/button";
import { Field, FormError, PasswordField } from "../../ui/field";
import { placeErrors } from "../shared/form-errors";
import { useClient } from "../shared/services";
import { useTitle } from "../shared/use-title";
import { Column } from "./column";
import { signUpRules, type SignUpFields } from "./rules";

const FIELDS = ["email", "username", "displayName", "password"] as const;
const AT_FIELD = { email_taken: "email", username_taken: "username", weak_password: "password" } as const;

export function SignUp() {
  const text = useText();
  const client = useClient();
  const [query] = useSearchParams();
  const [failure, setFailure] = useState<string>();
  const rules = useMemo(() => zodResolver(signUpRules(text)), [text]);
  const form = useForm<SignUpFields>({
    resolver: rules,
    mode: "onTouched",
    defaultValues: { email: "", username: "", displayName: "", password: "" },
  });
  const { errors, isSubmitting } = form.formState;
  useTitle(text.sign.upTitle);

  const submit = form.handleSubmit(async ({ email, username, displayName, password }) => {
    setFailure(undefined);
    const name = displayName.trim();
    try {
      await client.api.register({ email: email.trim(), username: username.trim(), password, ...(name ? { displayName: name } : {}) });
    } catch (error) {
      setFailure(placeErrors(error, text, FIELDS, form.setError, AT_FIELD));
    }
  });

  return (
    <Column title={text.sign.upTitle} lead={text.sign.upLead}>
      <form onSubmit={(event) => void submit(event)} noValidate className="flex flex-col gap-4">
        <FormError>{failure}</FormError>
        <Field label={text.sign.email} type="email" autoComplete="email" autoFocus error={errors.email?.message} {...form.register("email")} />
        <Field
          label={text.sign.username}
          hint={text.sign.usernameHint}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          error={errors.username?.message}
          {...form.register("username")}
        />
        <Field label={text.sign.displayName} hint={text.sign.displayNameHint} autoComplete="name" error={errors.displayName?.message} {...form.register("displayName")} />
        <PasswordField label={text.sign.password} hint={text.sign.passwordHint} autoComplete="new-password" error={errors.password?.message} {...form.register("password")} />
        <Button type="submit" tone="main" size="large" busy={isSubmitting && text.sign.upBusy} className="mt-1 w-full">
          {text.sign.upAction}
        </Button>
      </form>
      <p className="mt-6 text-center text-muted">
        {text.sign.toIn}{" "}
        <Link to={{ pathname: "/sign-in", search: query.toString() }} className="font-semibold text-accent underline-offset-4 hover:underline">
          {text.sign.toInLink}
        </Link>
      </p>
    </Column>
  );
}
