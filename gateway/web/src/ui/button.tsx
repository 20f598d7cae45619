/**
 * Buttons: one main action, quiet ones, and red ones for what ends something.
 *
 * **Invariant:** a busy button says what it is doing, keeps its place and its focus, and cannot be pressed again.
 */
import type { ComponentProps, MouseEvent, ReactNode } from "react";

import { cx } from "./cx";

type Tone = "main" | "quiet" | "plain" | "danger";
type Size = "large" | "medium" | "small" | "chip";

interface ButtonProps extends ComponentProps<"button"> {
  tone?: Tone;
  size?: Size;
  /** The words to show while the action runs. */
  busy?: string | false | undefined;
  icon?: ReactNode;
}

const tones: Record<Tone, string> = {
  main: "border-transparent bg-accent text-accent-ink hover:brightness-105",
  quiet: "border-line bg-raised text-text hover:bg-hover",
  plain: "border-transparent bg-transparent text-muted hover:bg-hover hover:text-text",
  danger: "border-transparent bg-danger text-danger-ink hover:brightness-110",
};

const sizes: Record<Size, string> = {
  large: "h-11 gap-2 rounded-[11px] px-[18px]",
  medium: "h-9 gap-2 rounded-control px-3.5",
  small: "h-8 gap-1.5 rounded-lg px-2.5 text-sm",
  chip: "h-8 gap-1.5 rounded-pill px-3 text-sm",
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
        "calm inline-flex shrink-0 items-center justify-center border font-semibold whitespace-nowrap select-none",
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
