/**
 * The keys of the room.
 *
 * **Invariant:** none fires while typing, with a modifier of the system, or inside a menu or dialog; a button that was
 * reached by Tab keeps its space bar.
 */
import { useEffect } from "react";

import type { DeviceKind, RoomSession } from "../../client";
import type { PanelState } from "./panel-state";
import type { RoomView } from "./room-view";

export function toggleDevice(session: RoomSession, kind: DeviceKind): void {
  const { on, opening } = session.local.state.get()[kind];
  void session.local.setOn(kind, !(on || opening));
}

/** Shares a screen, or ends all that are shared. */
export function toggleShare(session: RoomSession): void {
  const { screens } = session.local;
  if (screens.state.get().length > 0) screens.stopAll();
  else void screens.start();
}

export function useRoomKeys(session: RoomSession, view: RoomView, panel: PanelState): void {
  const { toggle, close, tab } = panel;
  useEffect(() => {
    const act: Record<string, () => void> = {
      m: () => toggleDevice(session, "microphone"),
      v: () => toggleDevice(session, "camera"),
      s: () => toggleShare(session),
      c: () => toggle("chat"),
      p: () => toggle("people"),
      f: () => view.toggleMode(),
      "?": () => view.patch({ keys: true }),
    };
    for (let place = 0; place < 9; place += 1) act[String(place + 1)] = () => view.pinPlace(place);
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || inLayer(event.target)) return;
      if (event.key === "Escape") return closeTop(view, tab !== null, close);
      if (isTyping(event.target)) return;
      if (event.key === " ") return talk(session, event);
      if (event.repeat) return;
      const action = event.shiftKey && event.key.toLowerCase() === "s" ? () => view.patch({ stats: !view.get().stats }) : act[event.shiftKey && event.key !== "?" ? "" : event.key.toLowerCase()];
      if (!action) return;
      // The letter is not to land in the field that it opens.
      event.preventDefault();
      action();
    };
    return listen(session, press);
  }, [session, view, toggle, close, tab]);
}

function closeTop(view: RoomView, panelOpen: boolean, closePanel: () => void): void {
  if (view.get().stats) view.patch({ stats: false });
  else if (panelOpen) closePanel();
}

/** Held: the microphone is open. Pressed again by the keyboard's own repetition, nothing more happens. */
function talk(session: RoomSession, event: KeyboardEvent): void {
  if (isControl(event.target) && event.target.matches(":focus-visible")) return;
  event.preventDefault();
  if (!event.repeat) void session.local.talk(true);
}

function listen(session: RoomSession, press: (event: KeyboardEvent) => void): () => void {
  const hush = (): void => void session.local.talk(false);
  const release = (event: KeyboardEvent): void => {
    if (event.key !== " ") return;
    // A button that was clicked with the mouse is not to be clicked again by letting go of the key.
    if (isControl(event.target) && !event.target.matches(":focus-visible")) event.preventDefault();
    hush();
  };
  window.addEventListener("keydown", press);
  window.addEventListener("keyup", release);
  // Letting go of the key elsewhere is not heard here.
  window.addEventListener("blur", hush);
  return () => {
    hush();
    window.removeEventListener("keydown", press);
    window.removeEventListener("keyup", release);
    window.removeEventListener("blur", hush);
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function isControl(target: EventTarget | null): target is HTMLElement {
  return target instanceof HTMLElement && target.closest('button, a, [role="tab"], [role="button"], summary') !== null;
}

function inLayer(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role="menu"], [role="dialog"]') !== null;
}
