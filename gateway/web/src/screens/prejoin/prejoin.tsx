/**
 * Before joining: how one looks and sounds, with which devices, under which name.
 *
 * **Invariant:** joining is possible whatever is wrong with the devices.
 */
import { useEffect, useState, type FormEvent } from "react";
import { Link } from "react-router";

import { useText, type Catalogue } from "../../app/i18n";
import { limits, mayISend, Refused, sendables, type LocalMedia, type Room } from "../../client";
import { Button } from "../../ui/button";
import { Field, FormError, PasswordField } from "../../ui/field";
import { useSlice } from "../../ui/use-slice";
import { roomPath } from "../shared/links";
import { useMe } from "../shared/services";
import { DeviceMenus } from "./device-menus";
import { Preview } from "./preview";
import type { Entry } from "./room-page";

interface PrejoinProps {
  slug: string;
  /** Nothing where the room may not be seen before joining. */
  room: Room | undefined;
  failure: Refused | undefined;
  local: LocalMedia;
  name: string;
  onJoin: (entry: Entry) => Promise<void>;
}

export function Prejoin(props: PrejoinProps) {
  const text = useText();
  const { room, local } = props;
  const textOnly = room?.kind === "chat";
  useEffect(() => {
    if (room) local.permit(mayISend({ room, role: room.role ?? "guest" }));
    if (!textOnly) void local.start();
  }, [local, room, textOnly]);
  const allowed = useSlice(local.allowed);
  const barred = sendables.filter((what) => !allowed[what]);

  const names = room?.inside.names.slice(0, 3) ?? [];
  return (
    <div className="m-auto w-full max-w-[960px] px-4 py-8 sm:px-6">
      <div className={textOnly ? "mx-auto max-w-md" : "grid items-center gap-8 rounded-[18px] border-line md:grid-cols-[1.25fr_1fr] md:border md:bg-raised md:p-7"}>
        {!textOnly && <Preview local={local} />}
        <div className="min-w-0">
          <p className="truncate text-sm font-medium text-muted">{room?.name ?? props.slug}</p>
          <h1 className="mt-0.5 text-[21px] leading-7 font-semibold tracking-tight">{textOnly ? text.prejoin.titleChat : text.prejoin.title}</h1>
          {room && <p className="mt-1 text-muted">{text.prejoin.insideNames(names, room.inside.peers)}</p>}
          {!textOnly && barred.length > 0 && <p className="mt-1 text-warn">{text.room.barred(barred)}</p>}
          {!textOnly && <DeviceMenus local={local} />}
          <JoinForm {...props} textOnly={textOnly} />
        </div>
      </div>
    </div>
  );
}

function JoinForm({ slug, room, failure, local, name: remembered, onJoin, textOnly }: PrejoinProps & { textOnly: boolean }) {
  const text = useText();
  const me = useMe();
  const [name, setName] = useState(remembered);
  const [password, setPassword] = useState("");
  const [asked, setAsked] = useState((room?.hasPassword ?? false) && !room?.role);
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Errors>(() => (failure ? errorsOf(failure, text) : {}));
  if (failure?.code === "password_required" && !asked) setAsked(true);

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (busy) return;
    const wrong = check(name, password, { guest: !me, asked }, text);
    setErrors(wrong);
    if (wrong.name || wrong.password) return;
    setBusy(true);
    onJoin({ name, password }).catch((error: unknown) => {
      const refused = Refused.from(error);
      if (refused.code === "password_required" || refused.code === "password_wrong") setAsked(true);
      setErrors(errorsOf(refused, text));
      setBusy(false);
    });
  };
  const without = (): void => {
    void local.setOn("microphone", false);
    void local.setOn("camera", false);
  };

  return (
    <form onSubmit={submit} noValidate className="mt-4 flex flex-col gap-3.5">
      <FormError>{errors.form}</FormError>
      {!me && (
        <Field
          label={text.prejoin.name}
          hint={text.prejoin.nameHint}
          value={name}
          onChange={(event) => setName(event.target.value)}
          error={errors.name}
          autoComplete="name"
          autoFocus={textOnly}
        />
      )}
      {asked && (
        <PasswordField
          label={text.prejoin.password}
          hint={text.prejoin.passwordHint}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
          error={errors.password}
          autoComplete="off"
        />
      )}
      <Button type="submit" tone="main" size="large" busy={busy && text.prejoin.joining} className="mt-1 w-full">
        {text.prejoin.join}
      </Button>
      {!textOnly && (
        <Button type="submit" tone="plain" size="small" onClick={without} className="self-center">
          {text.prejoin.joinWithout}
        </Button>
      )}
      {!me && (
        <p className="text-center text-sm text-muted">
          {text.prejoin.haveAccount}{" "}
          <Link to={`/sign-in?next=${encodeURIComponent(roomPath(slug))}`} className="font-semibold text-accent underline-offset-4 hover:underline">
            {text.account.signIn}
          </Link>
        </p>
      )}
    </form>
  );
}

interface Errors {
  form?: string;
  name?: string;
  password?: string;
}

function check(name: string, password: string, need: { guest: boolean; asked: boolean }, text: Catalogue): Errors {
  const errors: Errors = {};
  const length = [...name.trim()].length;
  if (need.guest && length === 0) errors.name = text.rules.required;
  if (need.guest && length > limits.displayNameChars) errors.name = text.rules.nameLong;
  if (need.asked && password === "") errors.password = text.rules.required;
  return errors;
}

function errorsOf(refused: Refused, text: Catalogue): Errors {
  if (refused.code === "password_required" || refused.code === "password_wrong") return { password: text.codes[refused.code] };
  const field = refused.more.fields?.find((problem) => problem.field === "displayName" || problem.field === "password");
  if (field) return { [field.field === "password" ? "password" : "name"]: field.message };
  return { form: text.codes[refused.code] };
}
