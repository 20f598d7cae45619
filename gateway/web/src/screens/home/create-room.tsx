/**
 * Making a room that stays.
 *
 * **Invariant:** a room without a password is made without one, never with an empty one.
 */
import { zodResolver } from "@hookform/resolvers/zod";
import { MessageSquare, Video } from "lucide-react";
import { useMemo, useState } from "react";
import { useForm, type UseFormRegisterReturn } from "react-hook-form";
import { z } from "zod/mini";

import { useText } from "../../app/i18n";
import { limits, type Room } from "../../client";
import { Button } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { Field, FormError, PasswordField } from "../../ui/field";
import { placeErrors } from "../shared/form-errors";
import { useClient } from "../shared/services";

export function CreateRoom({ open, onClose, onMade }: { open: boolean; onClose: () => void; onMade: (room: Room) => void }) {
  const text = useText();
  return (
    <Dialog open={open} onClose={onClose} title={text.home.createTitle} lead={text.home.createLead}>
      <CreateForm onClose={onClose} onMade={onMade} />
    </Dialog>
  );
}

function CreateForm({ onClose, onMade }: { onClose: () => void; onMade: (room: Room) => void }) {
  const text = useText();
  const client = useClient();
  const [failure, setFailure] = useState<string>();
  const rules = useMemo(() => {
    const length = (value: string): number => [...value].length;
    const passwordFits = (value: string): boolean =>
      value === "" || (length(value) >= limits.roomPasswordCharsMin && length(value) <= limits.roomPasswordCharsMax);
    return z.object({
      kind: z.enum(["meeting", "chat"]),
      name: z.string().check(
        z.refine((value) => value.trim() !== "", text.rules.required),
        z.refine((value) => length(value.trim()) <= limits.roomNameChars, text.rules.roomNameLong),
      ),
      password: z.string().check(z.refine(passwordFits, text.rules.roomPassword)),
    });
  }, [text]);
  type Fields = z.infer<typeof rules>;
  const form = useForm<Fields>({ resolver: zodResolver(rules), defaultValues: { kind: "meeting", name: "", password: "" } });
  const { errors, isSubmitting } = form.formState;

  const submit = form.handleSubmit(async ({ kind, name, password }) => {
    setFailure(undefined);
    try {
      onMade(await client.api.createRoom({ kind, name: name.trim(), ...(password ? { password } : {}) }));
    } catch (error) {
      setFailure(placeErrors(error, text, ["kind", "name", "password"], form.setError));
    }
  });

  return (
    <form onSubmit={(event) => void submit(event)} noValidate className="flex flex-col gap-4">
      <FormError>{failure}</FormError>
      <fieldset className="grid grid-cols-2 gap-2">
        <legend className="mb-1.5 text-sm font-medium">{text.home.kind}</legend>
        <Kind value="meeting" label={text.home.kindMeeting} hint={text.home.kindMeetingHint} icon={Video} field={form.register("kind")} />
        <Kind value="chat" label={text.home.kindChat} hint={text.home.kindChatHint} icon={MessageSquare} field={form.register("kind")} />
      </fieldset>
      <Field label={text.home.name} placeholder={text.home.namePlaceholder} autoComplete="off" error={errors.name?.message} {...form.register("name")} />
      <PasswordField label={text.home.password} hint={text.home.passwordHint} autoComplete="new-password" error={errors.password?.message} {...form.register("password")} />
      <div className="mt-1 flex justify-end gap-2">
        <Button tone="plain" onClick={onClose}>
          {text.common.cancel}
        </Button>
        <Button type="submit" tone="main" busy={isSubmitting && text.home.createBusy}>
          {text.home.createAction}
        </Button>
      </div>
    </form>
  );
}

function Kind({ value, label, hint, icon: Icon, field }: { value: string; label: string; hint: string; icon: typeof Video; field: UseFormRegisterReturn }) {
  return (
    <label className="calm flex cursor-pointer flex-col gap-1 rounded-control border border-line p-3 hover:bg-hover has-checked:border-accent has-checked:bg-accent-soft has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent">
      <input type="radio" value={value} className="sr-only" {...field} />
      <span className="flex items-center gap-2 font-semibold">
        <Icon size={16} aria-hidden />
        {label}
      </span>
      <span className="text-xs text-muted">{hint}</span>
    </label>
  );
}
