/**
 * Something small that opens from a button and holds more than actions.
 *
 * **Invariant:** focus goes in and comes back; not modal, so the page keeps its scroll bar.
 */
import * as Radix from "@radix-ui/react-popover";
import type { ReactNode } from "react";

interface PopoverProps {
  label: string;
  /** The button; it gets what ties it to what opens. */
  trigger: ReactNode;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  side?: "top" | "bottom";
  align?: "start" | "center" | "end";
  /** Where focus goes afterwards, if not back to the button. */
  onClosed?: (event: Event) => void;
  children: ReactNode;
}

export function Popover({ label, trigger, open, onOpenChange, side = "top", align = "end", onClosed, children }: PopoverProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          aria-label={label}
          side={side}
          align={align}
          sideOffset={8}
          collisionPadding={12}
          {...(onClosed ? { onCloseAutoFocus: onClosed } : {})}
          className="float-in z-50 rounded-panel border border-line bg-raised p-2 text-text shadow-float outline-none"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
