/**
 * The list of my rooms: pages as one scrolls, fresh while one looks.
 *
 * **Invariant:** answers to an older question are dropped, and a room is listed once.
 */
import { useCallback, useEffect, useRef, useState } from "react";

import { Refused, type ClientCode, type Room, type RoomKind } from "../../client";
import { useClient } from "../shared/services";
import { freshList } from "./fresh-list";

/** People come and go: who is inside is asked for again this often while the page is seen. */
const FRESH_MS = 10_000;
const TYPING_MS = 250;
const PAGE = 20;

export interface RoomsState {
  rooms: readonly Room[];
  /** Not answered yet. */
  first: boolean;
  more: boolean;
  failed: ClientCode | undefined;
  loadMore: () => void;
  refresh: () => void;
}

export function useRooms(kind: RoomKind | undefined, search: string): RoomsState {
  const client = useClient();
  const [rooms, setRooms] = useState<readonly Room[]>([]);
  const [first, setFirst] = useState(true);
  const [failed, setFailed] = useState<ClientCode>();
  const [next, setNext] = useState<string>();
  const question = useRef(0);
  const busy = useRef(false);
  const text = search.trim();

  const load = useCallback(
    async (cursor: string | undefined, merge: (old: readonly Room[], page: readonly Room[], more: boolean) => readonly Room[]) => {
      const asked = question.current;
      try {
        const page = await client.api.rooms({ scope: "mine", kind, text: text || undefined, cursor, limit: PAGE });
        if (asked !== question.current) return;
        setRooms((old) => merge(old, page.rooms, page.next !== undefined));
        setFailed(undefined);
        return page;
      } catch (error) {
        if (asked === question.current) setFailed(Refused.from(error).code);
        return undefined;
      }
    },
    [client, kind, text],
  );

  const begin = useCallback(async () => {
    question.current += 1;
    const page = await load(undefined, (_, fresh) => fresh);
    if (page) setNext(page.next);
    setFirst(false);
  }, [load]);

  useEffect(() => {
    const timer = setTimeout(() => void begin(), text ? TYPING_MS : 0);
    return () => clearTimeout(timer);
  }, [begin, text]);

  useEffect(() => {
    const fresh = (): void => {
      if (document.visibilityState === "visible") void load(undefined, (old, page, more) => freshList(old, page, PAGE, more));
    };
    const timer = setInterval(fresh, FRESH_MS);
    document.addEventListener("visibilitychange", fresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", fresh);
    };
  }, [load]);

  const loadMore = useCallback(() => {
    if (!next || busy.current) return;
    busy.current = true;
    void load(next, (old, page) => [...old, ...page.filter((room) => !old.some((o) => o.id === room.id))]).then((page) => {
      busy.current = false;
      if (page) setNext(page.next);
    });
  }, [load, next]);

  return { rooms, first, more: next !== undefined, failed, loadMore, refresh: () => void begin() };
}
