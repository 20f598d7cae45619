/**
 * Small hooks of the room: sizes, time, window width.
 *
 * **Invariant:** each releases what it watches.
 */
import { useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore, type RefObject } from "react";

import { now, serverNow, type RoomSession } from "../../client";

export interface Size {
  width: number;
  height: number;
}

export function useSize<E extends HTMLElement>(): [RefObject<E | null>, Size] {
  const ref = useRef<E>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return;
    const read = (): void => {
      const { width, height } = element.getBoundingClientRect();
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }));
    };
    read();
    const observer = new ResizeObserver(read);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

/** Whole seconds since a moment on the monotonic clock. */
export function useSeconds(since: number): number {
  const [seconds, setSeconds] = useState(() => Math.max(0, Math.floor((now() - since) / 1_000)));
  useEffect(() => {
    const read = (): void => setSeconds(Math.max(0, Math.floor((now() - since) / 1_000)));
    read();
    const timer = setInterval(read, 250);
    return () => clearInterval(timer);
  }, [since]);
  return seconds;
}

/** Wall time, once a second. */
export function useServerClock(): number {
  const [at, setAt] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setAt(serverNow()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return at;
}

/** Tells the session when the machine is on another network. */
export function useNetwork(session: RoomSession): void {
  useEffect(() => {
    const changed = (): void => session.networkChanged();
    const { connection } = navigator as { connection?: EventTarget };
    window.addEventListener("online", changed);
    connection?.addEventListener("change", changed);
    return () => {
      window.removeEventListener("online", changed);
      connection?.removeEventListener("change", changed);
    };
  }, [session]);
}

/** Whether the page can be seen: another tab or a minimised window hides it. */
export function usePageSeen(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener("visibilitychange", listener);
      return () => document.removeEventListener("visibilitychange", listener);
    },
    () => document.visibilityState === "visible",
  );
}

/** Whether the page fills the screen. */
export function useFullScreen(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener("fullscreenchange", listener);
      return () => document.removeEventListener("fullscreenchange", listener);
    },
    () => document.fullscreenElement !== null,
  );
}

const narrow = window.matchMedia("(max-width: 760px)");

/** Whether the window is as narrow as a phone's. */
export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow.addEventListener("change", listener);
      return () => narrow.removeEventListener("change", listener);
    },
    () => narrow.matches,
  );
}
