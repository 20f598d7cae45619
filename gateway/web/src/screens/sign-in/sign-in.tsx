/**
 * Sign in.
 *
 * **Invariant:** the page a guest came for is kept, and who is signed in is sent on to it.
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
import { signInRules, type SignInFields } from "./rules";

export function SignIn() {
  const text = useText();
  const client = useClient();
  const [query] = useSearchParams();
  const [failure, setFailure] = useState<string>();
  const rules = useMemo(() => zodResolver(signInRules(text)), [text]);
  const form = useForm<SignInFields>({ resolver: rules, defaultValues: { login: "", password: "" } });
  const { errors, isSubmitting } = form.formState;
  useTitle(text.sign.inTitle);

  const submit = form.handleSubmit(async (fields) => {
    setFailure(undefined);
    try {
      await client.api.login({ login: fields.login.trim(), password: fields.password });
    } catch (error) {
      setFailure(placeErrors(error, text, ["login", "password"], form.setError));
    }
  });

  return (
    <Column title={text.sign.inTitle} lead={text.sign.inLead}>
      <form onSubmit={(event) => void submit(event)} noValidate className="flex flex-col gap-4">
        <FormError>{failure}</FormError>
        <Field label={text.sign.login} autoComplete="username" autoCapitalize="none" autoFocus error={errors.login?.message} {...form.register("login")} />
        <PasswordField label={text.sign.password} autoComplete="current-password" error={errors.password?.message} {...form.register("password")} />
        <Button type="submit" tone="main" size="large" busy={isSubmitting && text.sign.inBusy} className="mt-1 w-full">
          {text.sign.inAction}
        </Button>
      </form>
      <p className="mt-6 text-center text-muted">
        {text.sign.toUp}{" "}
        <Link to={{ pathname: "/sign-up", search: query.toString() }} className="font-semibold text-accent underline-offset-4 hover:underline">
          {text.sign.toUpLink}
        </Link>
      </p>
    </Column>
  );
}
