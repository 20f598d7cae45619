/**
 * A short text beside a control, with its key.
 *
 * **Invariant:** it only repeats what the control's own label says; nothing is to be learnt from it alone.
 */
import * as Radix from "@radix-ui/react-tooltip";
import type { ReactNode } from "react";

export const TooltipProvider = ({ children }: { children: ReactNode }) => (
  <Radix.Provider delayDuration={400} skipDelayDuration={200}>
    {children}
  </Radix.Provider>
);

export function Tooltip({ text, children, side = "top" }: { text: string; children: ReactNode; side?: "top" | "bottom" | "left" }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          sideOffset={8}
          collisionPadding={8}
          className="float-in z-50 rounded-lg border border-line bg-raised px-2.5 py-1.5 text-xs text-text shadow-float"
        >
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
