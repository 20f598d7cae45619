/**
 * Which side panel is open.
 *
 * **Invariant:** at most one is, and one that is closed gives the focus to the button that opens it, if it had it.
 */
import { useCallback, useEffect, useRef, useState } from "react";

export type PanelTab = "people" | "chat";

export interface PanelState {
  tab: PanelTab | null;
  toggle: (tab: PanelTab) => void;
  open: (tab: PanelTab) => void;
  close: () => void;
}

export function usePanel(): PanelState {
  const [tab, setTab] = useState<PanelTab | null>(null);
  const toggle = useCallback((next: PanelTab) => setTab((now) => (now === next ? null : next)), []);
  const close = useCallback(() => setTab(null), []);
  const before = useRef<PanelTab | null>(null);
  useEffect(() => {
    const closed = tab === null && before.current;
    before.current = tab;
    // what had the focus is gone with the panel
    if (closed && document.activeElement === document.body) document.querySelector<HTMLElement>(`[data-opens="${closed}"]`)?.focus();
  }, [tab]);
  return { tab, toggle, open: setTab, close };
}
