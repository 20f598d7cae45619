/**
 * Buttons: one main action, quiet ones, and red ones for what ends something.
 *
 * **Invariant:** a busy button says what it is doing, keeps its place and its focus, and cannot be pressed again.
 */
import type { ComponentProps, MouseEvent, ReactNode } from "react";

import { cx } from "./cx";

type Tone = "main" | "quiet" | "plain" | "danger";
type Size = "large" | "medium" | "small";

interface ButtonProps extends ComponentProps<"button"> {
  tone?: Tone;
  size?: Size;
  /** The words to show while the action runs. */
  busy?: string | false | undefined;
  icon?: ReactNode;
}

const tones: Record<Tone, string> = {
  main: "bg-accent text-accent-ink hover:brightness-105",
  quiet: "bg-raised text-text border-line hover:bg-hover",
  plain: "bg-transparent text-text hover:bg-hover",
  danger: "bg-danger text-danger-ink hover:brightness-110",
};

const sizes: Record<Size, string> = {
  large: "h-11 rounded-[11px] px-[18px] gap-2",
  medium: "h-9 rounded-control px-3.5 gap-2",
  small: "h-8 rounded-lg px-2.5 gap-1.5 text-sm",
};

export function Button({ tone = "quiet", size = "medium", busy, icon, className, children, onClick, type = "button", ...rest }: ButtonProps) {
  const press = (event: MouseEvent<HTMLButtonElement>): void => {
    if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return (
    <button
      {...rest}
      type={type}
      aria-disabled={busy ? true : rest["aria-disabled"]}
      onClick={press}
      className={cx(
        "calm inline-flex shrink-0 items-center justify-center border border-transparent font-semibold whitespace-nowrap select-none",
        "disabled:opacity-60 aria-disabled:opacity-75",
        tones[tone],
        sizes[size],
        className,
      )}
    >
      {icon}
      {busy || children}
    </button>
  );
}

interface IconButtonProps extends ComponentProps<"button"> {
  label: string;
}

/** A square button with an icon; its label is read out and shown by the tooltip around it, if any. */
export function IconButton({ label, className, children, type = "button", ...rest }: IconButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      aria-label={label}
      className={cx("calm grid size-8 shrink-0 place-items-center rounded-lg text-muted hover:bg-hover hover:text-text", className)}
    >
      {children}
    </button>
  );
}
