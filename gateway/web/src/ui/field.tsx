/**
 * A labelled text field whose rule is said before it is broken and whose error stands at the field.
 *
 * **Invariant:** label, hint and error are tied to the input for screen readers, and a row of errors moves nothing else
 * than what is below it.
 */
import { Eye, EyeOff } from "lucide-react";
import { useId, useState, type ComponentProps, type KeyboardEvent, type ReactNode } from "react";

import { useText } from "../app/i18n";
import { cx } from "./cx";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  after?: ReactNode;
  note?: string | undefined;
}

export const inputClass =
  "calm h-10 w-full rounded-control border border-line bg-raised px-3 text-text placeholder:text-faint aria-invalid:border-danger";

export function Field({ label, hint, error, after, note, className, id, ...rest }: FieldProps) {
  const own = useId();
  const inputId = id ?? own;
  const below = error ?? hint;
  return (
    <div className={cx("flex flex-col gap-1.5", className)}>
      <label htmlFor={inputId} className="text-sm font-medium">
        {label}
      </label>
      <div className="relative">
        <input
          {...rest}
          id={inputId}
          aria-invalid={error ? true : undefined}
          aria-describedby={below || note ? `${inputId}-below` : undefined}
          className={cx(inputClass, after ? "pe-11" : "")}
        />
        {after && <div className="absolute inset-y-0 end-1 flex items-center">{after}</div>}
      </div>
      {(below || note) && (
        <p id={`${inputId}-below`} className={cx("text-xs", error ? "text-danger-text" : "text-muted")} role={error ? "alert" : undefined}>
          {note && <span className="me-1 text-warn">{note}</span>}
          {below}
        </p>
      )}
    </div>
  );
}

/** A password that can be shown on demand, and that says when caps lock is on. */
export function PasswordField({ onKeyUp, onBlur, ...rest }: Omit<FieldProps, "type" | "after" | "note">) {
  const text = useText();
  const [shown, setShown] = useState(false);
  const [caps, setCaps] = useState(false);
  const watch = (event: KeyboardEvent<HTMLInputElement>): void => {
    setCaps(event.getModifierState?.("CapsLock") ?? false);
    onKeyUp?.(event);
  };
  return (
    <Field
      {...rest}
      type={shown ? "text" : "password"}
      note={caps ? text.sign.capsLock : undefined}
      onKeyUp={watch}
      onBlur={(event) => {
        setCaps(false);
        onBlur?.(event);
      }}
      autoCapitalize="none"
      spellCheck={false}
      after={
        <button
          type="button"
          aria-label={shown ? text.sign.hide : text.sign.show}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
          className="calm grid size-8 place-items-center rounded-lg text-muted hover:bg-hover hover:text-text"
        >
          {shown ? <EyeOff size={16} aria-hidden /> : <Eye size={16} aria-hidden />}
        </button>
      }
    />
  );
}

/** What went wrong with a whole form. Focused by whoever sets it, so that it is read. */
export function FormError({ children }: { children: ReactNode }) {
  if (!children) return null;
  return (
    <p role="alert" className="rounded-control border border-danger/50 bg-danger/10 px-3 py-2 text-sm text-danger-text">
      {children}
    </p>
  );
}
