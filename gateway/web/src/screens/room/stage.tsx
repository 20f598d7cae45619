/**
 * The stage: who is where and how large, and what the server is to send for it.
 *
 * **Invariant:** tiles stand in one flat list whatever the arrangement, so that no picture begins anew when it changes; and
 * what the server is told is what is seen.
 */
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";

import { useText } from "../../app/i18n";
import type { RoomSession, TileWant, TrackInfo, TracksView } from "../../client";
import { Button, IconButton } from "../../ui/button";
import { useSlice } from "../../ui/use-slice";
import { focusedOf, focusOf, gridOf, orderTiles, stripPlaces, type Arrangement, type Box, type TileKey } from "./arrange";
import { useCopyLink } from "./header";
import { usePageSeen, useSize } from "./hooks";
import type { RoomView } from "./room-view";
import { SelfView } from "./self-view";
import { ScreenTile, SelfTile, styleOf, Tile } from "./tile";
import { PAGE_NARROW, PAGE_WIDE } from "./tiling";

interface StageProps {
  session: RoomSession;
  view: RoomView;
  narrow: boolean;
}

export function Stage({ session, view, narrow }: StageProps) {
  const [ref, size] = useSize<HTMLDivElement>();
  const { self, others, screens, ownScreens } = useTiles(session);
  const look = useSlice(view);
  const [page, setPage] = useState(0);
  const { arrangement, floating, focus } = useArrangement(session, { look, self, others, screens, ownScreens, size, narrow, page });
  const screenKeys = useMemo(() => new Set([...screens, ...ownScreens]), [screens, ownScreens]);
  useEffect(() => {
    view.shown = [...arrangement.boxes.keys()];
    view.screens = screens;
    view.patch({ focus });
  }, [view, arrangement, screens, focus]);
  useLayoutReport(session, view, arrangement, screenKeys, new Set([self, ...ownScreens]));
  const { boxes, main, pager, pages } = arrangement;
  return (
    <div ref={ref} className="relative size-full">
      {size.width > 0 &&
        [...boxes].map(([key, box]) =>
          key === self ? (
            <SelfTile key="self" session={session} view={view} box={box} />
          ) : screenKeys.has(key) ? (
            <ScreenTile key={key} session={session} view={view} track={key} box={box} />
          ) : (
            <Tile key={key} session={session} view={view} peer={key} box={box} />
          ),
        )}
      {size.width > 0 && floating && <SelfView session={session} view={view} main={main} tileWidth={[...boxes.values()][0]?.width ?? main.width} />}
      {pager && <Pages at={arrangement.page} pages={pages} box={pager} onPage={setPage} />}
      {others.length === 0 && self !== "" && <Alone session={session} />}
    </div>
  );
}

/** Who and what can be on the stage, in the order of coming. */
function useTiles(session: RoomSession) {
  const self = useSlice(session.roster, (roster) => roster.self);
  // As texts, which are the same while nobody comes, goes or begins to share: muting is none of the stage's business.
  const others = useSlice(session.roster, (roster) => listOf(roster.peers.filter((peer) => peer.peer !== roster.self).map((peer) => peer.peer)));
  const screens = useSlice(session.tracks, (all) => listOf(screensOf(all).filter((track) => track.peer !== self).map((track) => track.track)));
  const ownScreens = useSlice(session.tracks, (all) => listOf(screensOf(all).filter((track) => track.peer === self).map((track) => track.track)));
  return useMemo(() => ({ self, others: split(others), screens: split(screens), ownScreens: split(ownScreens) }), [self, others, screens, ownScreens]);
}

const listOf = (keys: readonly TileKey[]): string => keys.join(" ");
const split = (keys: string): TileKey[] => keys.split(" ").filter((key) => key !== "");
const screensOf = (all: TracksView): TrackInfo[] => [...all.byId.values()].filter((track) => track.source === "screen");

type Arranging = ReturnType<typeof useTiles> & {
  look: ReturnType<RoomView["get"]>;
  size: { width: number; height: number };
  narrow: boolean;
  page: number;
};

const NOBODY: readonly TileKey[] = [];

function useArrangement(session: RoomSession, { look, self, others, screens, ownScreens, size, narrow, page }: Arranging): { arrangement: Arrangement; floating: boolean; focus: TileKey | null } {
  const { mode, pinned, hidden, dismissed } = look;
  const floating = look.self === "corner" && others.length > 0 && pinned !== self;
  const order = useRef<readonly TileKey[]>([]);
  const before = useRef<TileKey | null>(null);
  const perPage = narrow ? PAGE_NARROW : PAGE_WIDE;
  const few = others.length + screens.length + 1 <= perPage;
  // While everybody has a place in the grid, who speaks changes nothing here.
  const spoke = useSlice(session.spoke, (now) => (few && mode === "grid" ? NOBODY : now));
  const heard = useMemo(() => spoke.filter((key) => key !== self), [spoke, self]);
  return useMemo(() => {
    const { width, height } = size;
    const seen = (key: TileKey): boolean => !hidden.has(key);
    const shown = others.filter(seen);
    const asking = screens.filter((key) => seen(key) && !dismissed.has(key));
    const tiles = [...screens.filter(seen), ...ownScreens, ...shown, ...(floating ? [] : [self])];
    const focus = focusOf({ mode, pinned, screens: asking, tiles: mode === "focus" ? [...screens.filter(seen), ...shown, self] : tiles, spoke: heard, before: before.current });
    before.current = focus;
    // On a screen that is being read nothing is to float: the own picture goes into the strip, to its beginning.
    const read = focus !== null && screens.includes(focus);
    const fixed = [...screens.filter(seen), ...ownScreens, ...(floating && read ? [self] : [])].filter((key) => key !== focus);
    const people = shown.filter((key) => key !== focus);
    const last = floating || focus === self ? [] : [self];
    const places = focus === null ? perPage : stripPlaces(width, height, fixed.length + people.length + last.length);
    const voices = { spoke: heard.filter((key) => key !== focus), speaking: (key: TileKey) => session.levels.of(key) > 0 };
    const ordered = orderTiles(order.current.filter((key) => key !== focus), people, voices, Math.max(1, places - fixed.length));
    order.current = focus !== null && others.includes(focus) ? [focus, ...ordered] : ordered;
    const keys = [...fixed, ...ordered, ...last];
    const arrangement = focus === null ? gridOf(keys, width, height, places, page) : focusedOf(focus, keys, width, height, page);
    return { arrangement, floating: floating && focus !== self && !read, focus };
  }, [session, size, mode, pinned, hidden, dismissed, floating, self, others, screens, ownScreens, heard, perPage, page]);
}

/** Tells the session which tiles are seen, in device pixels: on the stage, and in the small window beside the browser. */
function useLayoutReport(session: RoomSession, view: RoomView, { boxes }: Arrangement, screens: ReadonlySet<TileKey>, own: ReadonlySet<TileKey>): void {
  const pip = useSlice(view, (now) => now.pip?.tile);
  const page = usePageSeen();
  useEffect(() => {
    const scale = window.devicePixelRatio || 1;
    const wanted = new Map<TileKey, { width: number; height: number }>(page ? boxes : []);
    if (pip !== undefined && !wanted.has(pip)) wanted.set(pip, PIP_SIZE);
    const { byId } = session.tracks.get();
    const wants = [...wanted]
      .filter(([key]) => !own.has(key))
      .map(([key, { width, height }]): TileWant => {
        const seen = { width: Math.round(width * scale), height: Math.round(height * scale) };
        return screens.has(key) ? { peer: byId.get(key)?.peer ?? "", screen: key, ...seen } : { peer: key, ...seen };
      });
    session.layout(wants);
    session.watched(page || pip !== undefined);
  });
}

/** What the small window beside the browser shows at most. */
const PIP_SIZE = { width: 480, height: 270 };

function Pages({ at, pages, box, onPage }: { at: number; pages: number; box: Box; onPage: (page: number) => void }) {
  const text = useText();
  return (
    <div style={styleOf(box)} className="absolute grid place-items-center">
      <nav aria-label={text.room.page(at + 1, pages)} className="flex w-fit items-center gap-1 rounded-pill bg-raised px-1 text-sm">
        <IconButton label={text.room.previous} disabled={at === 0} onClick={() => onPage(at - 1)} className="disabled:opacity-40">
          <ChevronLeft size={16} aria-hidden className="rtl:-scale-x-100" />
        </IconButton>
        <span className="tabular-nums">{box.width < 220 ? text.room.pageShort(at + 1, pages) : text.room.page(at + 1, pages)}</span>
        <IconButton label={text.room.next} disabled={at === pages - 1} onClick={() => onPage(at + 1)} className="disabled:opacity-40">
          <ChevronRight size={16} aria-hidden className="rtl:-scale-x-100" />
        </IconButton>
      </nav>
    </div>
  );
}

function Alone({ session }: { session: RoomSession }) {
  const text = useText();
  const copy = useCopyLink(session);
  return (
    <div className="absolute inset-x-0 top-4 mx-auto flex w-fit max-w-[calc(100%-2rem)] flex-wrap items-center justify-center gap-3 rounded-panel bg-[oklch(0.12_0.01_250/0.8)] px-4 py-2.5 text-sm">
      <span>{text.room.alone}</span>
      <Button size="small" tone="main" onClick={copy}>
        {text.room.copyLink}
      </Button>
    </div>
  );
}
