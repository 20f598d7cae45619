/**
 * Menus: actions and choices that drop down from a button.
 *
 * **Invariant:** not modal, so the page keeps its scroll bar and no style element is made (the policy forbids those).
 */
import * as Dropdown from "@radix-ui/react-dropdown-menu";
import { Check } from "lucide-react";
import type { KeyboardEvent, ReactNode } from "react";

import { cx } from "./cx";

interface MenuProps {
  /** Names the place in the page, for those who go by landmarks. */
  label: string;
  /** The button; it gets the menu's attributes. */
  trigger: ReactNode;
  children: ReactNode;
  side?: "top" | "bottom";
  align?: "start" | "center" | "end";
  onOpenChange?: (open: boolean) => void;
  /** The theme of what opens it: menus are drawn outside of their button's place in the page. */
  theme?: "dark" | undefined;
}

export function Menu({ label, trigger, children, side = "bottom", align = "end", onOpenChange, theme }: MenuProps) {
  return (
    <Dropdown.Root modal={false} {...(onOpenChange ? { onOpenChange } : {})}>
      <Dropdown.Trigger asChild>{trigger}</Dropdown.Trigger>
      <Dropdown.Portal>
        <section aria-label={label}>
        <Dropdown.Content
          side={side}
          align={align}
          sideOffset={8}
          collisionPadding={12}
          data-theme={theme}
          className="float-in z-50 max-h-[min(600px,var(--radix-dropdown-menu-content-available-height))] min-w-52 max-w-80 overflow-y-auto rounded-panel border border-line bg-raised p-1.5 text-text shadow-float"
        >
          {children}
        </Dropdown.Content>
        </section>
      </Dropdown.Portal>
    </Dropdown.Root>
  );
}

const itemClass =
  "flex min-h-9 select-none items-center gap-2.5 [&>svg]:shrink-0 rounded-lg px-2.5 py-1.5 outline-none data-[highlighted]:bg-hover data-[disabled]:text-faint";

export function MenuItem({ icon, children, onSelect, danger, disabled }: { icon?: ReactNode; children: ReactNode; onSelect: () => void; danger?: boolean; disabled?: boolean }) {
  return (
    <Dropdown.Item onSelect={onSelect} disabled={disabled ?? false} className={cx(itemClass, danger && "text-danger-text")}>
      {icon}
      {children}
    </Dropdown.Item>
  );
}

/** Something that is on or off. */
export function MenuCheck({ icon, children, checked, onChange }: { icon?: ReactNode; children: ReactNode; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <Dropdown.CheckboxItem checked={checked} onCheckedChange={onChange} className={itemClass}>
      {icon}
      <span className="min-w-0 flex-1">{children}</span>
      <Dropdown.ItemIndicator>
        <Check size={16} className="text-accent" aria-hidden />
      </Dropdown.ItemIndicator>
    </Dropdown.CheckboxItem>
  );
}

interface MenuSliderProps {
  icon?: ReactNode;
  label: string;
  /** The same with the value, and how it is changed: what is read out. */
  describe: (percent: number) => string;
  /** 0 to 1. */
  value: number;
  onChange: (value: number) => void;
}

/** A value between nothing and all: by the arrow keys, or dragged. The menu stays open. */
export function MenuSlider({ icon, label, describe, value, onChange }: MenuSliderProps) {
  const percent = Math.round(value * 100);
  const press = (event: KeyboardEvent<HTMLElement>): void => {
    const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
    const step = { ArrowLeft: rtl ? 10 : -10, ArrowRight: rtl ? -10 : 10 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onChange(Math.max(0, Math.min(100, percent + step)) / 100);
  };
  return (
    <Dropdown.Item onSelect={(event) => event.preventDefault()} onKeyDown={press} aria-label={describe(percent)} className={itemClass}>
      {icon}
      <span className="flex-1">{label}</span>
      <input
        type="range"
        min={0}
        max={100}
        value={percent}
        tabIndex={-1}
        aria-hidden
        onChange={(event) => onChange(Number(event.target.value) / 100)}
        className="h-4 w-24 accent-(--accent)"
      />
    </Dropdown.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Dropdown.Label className="px-2.5 pt-2 pb-1 text-xs font-medium text-muted">{children}</Dropdown.Label>;
}

export function MenuLine() {
  return <Dropdown.Separator className="mx-2 my-1.5 h-px bg-line" />;
}

export interface MenuChoice {
  value: string;
  label: string;
}

/** One of several; the present one is marked. */
export function MenuChoices({ label, value, choices, onChoose }: { label: string; value: string; choices: readonly MenuChoice[]; onChoose: (value: string) => void }) {
  return (
    <Dropdown.Group>
      <MenuLabel>{label}</MenuLabel>
      <Dropdown.RadioGroup value={value} onValueChange={onChoose} aria-label={label}>
        {choices.map((choice) => (
          <Dropdown.RadioItem key={choice.value} value={choice.value} className={itemClass}>
            <span className="grid size-4 shrink-0 place-items-center">
              <Dropdown.ItemIndicator>
                <Check size={16} className="text-accent" aria-hidden />
              </Dropdown.ItemIndicator>
            </span>
            <span className="min-w-0 truncate">{choice.label}</span>
          </Dropdown.RadioItem>
        ))}
      </Dropdown.RadioGroup>
    </Dropdown.Group>
  );
}
