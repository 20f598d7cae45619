/**
 * Dialogs, and sheets: dialogs from the lower edge, for narrow windows.
 *
 * **Invariant:** focus stays inside and returns to where it came from; the veil is our own element, since the library's
 * own makes a style element, which the policy forbids.
 */
import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

import { useText } from "../app/i18n";
import { IconButton } from "./button";
import { cx } from "./cx";

/** What had the focus last, menus and dialogs apart: those go away, and it is to come back to what was behind them. */
let behind: HTMLElement | null = null;
document.addEventListener("focusin", ({ target }) => {
  if (target instanceof HTMLElement && !target.closest('[role="menu"], [role="dialog"]')) behind = target;
});

/** Ours are opened by keys and menus, not by a trigger that the library would know of. */
function giveBack(event: Event): void {
  event.preventDefault();
  if (behind?.isConnected) behind.focus();
}

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  lead?: string;
  children: ReactNode;
}

export function Dialog({ open, onClose, title, lead, children }: DialogProps) {
  const text = useText();
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <div className="fixed inset-0 z-40 grid place-items-center overflow-y-auto bg-[oklch(0.1_0.01_250/0.55)] p-4">
          <Radix.Content
            {...(lead ? {} : { "aria-describedby": undefined })}
            onCloseAutoFocus={giveBack}
            className="float-in relative w-full max-w-md rounded-[18px] border border-line bg-raised p-6 shadow-float outline-none"
          >
            <Radix.Title className="pe-8 text-lg leading-6 font-semibold tracking-tight">{title}</Radix.Title>
            {lead && <Radix.Description className="mt-1 text-muted">{lead}</Radix.Description>}
            <div className="mt-5">{children}</div>
            <Radix.Close asChild>
              <IconButton label={text.common.close} className="absolute top-5 end-4">
                <X size={18} aria-hidden />
              </IconButton>
            </Radix.Close>
          </Radix.Content>
        </div>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface SheetProps {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  className?: string;
}

/** A sheet over the lower part of the window. Its content brings its own head and a way to close it. */
export function Sheet({ open, onClose, title, children, className }: SheetProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <div className="fixed inset-0 z-40 flex items-end bg-[oklch(0.1_0.01_250/0.55)]">
          <Radix.Content
            aria-describedby={undefined}
            onOpenAutoFocus={(event) => event.preventDefault()}
            onCloseAutoFocus={giveBack}
            tabIndex={-1}
            className={cx("sheet-in flex h-[82dvh] w-full flex-col overflow-hidden rounded-t-[18px] border-t border-line bg-surface outline-none", className)}
          >
            <Radix.Title className="sr-only">{title}</Radix.Title>
            {children}
          </Radix.Content>
        </div>
      </Radix.Portal>
    </Radix.Root>
  );
}
