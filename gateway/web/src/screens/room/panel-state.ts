/**
 * Which side panel is open.
 *
 * **Invariant:** at most one is.
 */
import { useCallback, useState } from "react";

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
  return { tab, toggle, open: setTab, close };
}
