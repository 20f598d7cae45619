/**
 * The keys of the room.
 *
 * **Invariant:** none fires while typing, with a modifier, or inside a menu or dialog.
 */
import { useEffect } from "react";

import type { DeviceKind, RoomSession } from "../../client";
import type { PanelState } from "./panel-state";

export function toggleDevice(session: RoomSession, kind: DeviceKind): void {
  const { on, opening } = session.local.state.get()[kind];
  void session.local.setOn(kind, !(on || opening));
}

export function useRoomKeys(session: RoomSession, panel: PanelState): void {
  const { toggle, close, tab } = panel;
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && tab && !event.defaultPrevented && !inLayer(event.target)) return close();
      if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || inLayer(event.target)) return;
      const act: Record<string, () => void> = {
        m: () => toggleDevice(session, "microphone"),
        v: () => toggleDevice(session, "camera"),
        c: () => toggle("chat"),
        p: () => toggle("people"),
      };
      const action = act[event.key.toLowerCase()];
      if (!action) return;
      // The letter is not to land in the field that it opens.
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [session, toggle, close, tab]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function inLayer(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role="menu"], [role="dialog"]') !== null;
}
