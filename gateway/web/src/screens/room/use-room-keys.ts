/**
 * The keys of the room.
 *
 * **Invariant:** none fires while typing, with a modifier of the system, or inside a menu or dialog; a button that was
 * reached by Tab keeps its space bar.
 */
import { useEffect, useState } from "react";

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
  const [talk] = useState(() => new PushToTalk(session));
  useEffect(() => talk.listen(), [talk]);
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
      if (event.key === " ") return talk.press(event);
      if (event.repeat) return;
      const key = keyOf(event);
      const action = event.shiftKey && key === "s" ? () => view.patch({ stats: !view.get().stats }) : act[event.shiftKey && key !== "?" ? "" : key];
      if (!action) return;
      // The letter is not to land in the field that it opens.
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [session, view, talk, toggle, close, tab]);
}

function closeTop(view: RoomView, panelOpen: boolean, closePanel: () => void): void {
  if (view.get().stats) view.patch({ stats: false });
  else if (panelOpen) closePanel();
}

/**
 * Held, the space bar opens the microphone. It is a button's own key where the focus was brought there by the keyboard; a
 * button that was only clicked keeps the focus, but nobody means to click it again.
 */
class PushToTalk {
  #byHand = false;

  constructor(readonly session: RoomSession) {}

  press(event: KeyboardEvent): void {
    if (isControl(event.target) && !this.#byHand) return;
    event.preventDefault();
    if (!event.repeat) void this.session.local.talk(true);
  }

  /** Listens until told to stop; what is heard elsewhere counts as letting go. */
  listen(): () => void {
    const hush = (): void => void this.session.local.talk(false);
    const release = (event: KeyboardEvent): void => {
      if (event.key !== " ") return;
      if (isControl(event.target) && this.#byHand) event.preventDefault();
      hush();
    };
    const pointed = (): void => void (this.#byHand = true);
    const moved = (event: KeyboardEvent): void => {
      if (event.key === "Tab" || event.key.startsWith("Arrow")) this.#byHand = false;
      // what is closed gives the focus back to a button that nobody sought
      if (event.key === "Escape") this.#byHand = true;
    };
    window.addEventListener("pointerdown", pointed, true);
    window.addEventListener("keydown", moved, true);
    window.addEventListener("keyup", release);
    window.addEventListener("blur", hush);
    return () => {
      hush();
      window.removeEventListener("pointerdown", pointed, true);
      window.removeEventListener("keydown", moved, true);
      window.removeEventListener("keyup", release);
      window.removeEventListener("blur", hush);
    };
  }
}

/** What is on the key, or, where no letter of ours is (as on a Cyrillic or Greek keyboard), what is at its place elsewhere. */
function keyOf({ key, code }: KeyboardEvent): string {
  if (key === "?" || /^[a-z0-9]$/i.test(key)) return key.toLowerCase();
  return (/^(?:Key|Digit)([A-Z0-9])$/.exec(code)?.[1] ?? key).toLowerCase();
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
