/**
 * The tiles, as large as fit, and what the server is to send for them.
 *
 * **Invariant:** a person's tile keeps its place in the order of entering, the own tile is the last one.
 */
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useEffect, useMemo, useState } from "react";

import { useText } from "../../app/i18n";
import type { PeerId, RoomSession, TileWant } from "../../client";
import { Button, IconButton } from "../../ui/button";
import { useSlice } from "../../ui/use-slice";
import { useCopyLink } from "./header";
import { useSize } from "./hooks";
import { SelfTile, Tile } from "./tile";
import { GAP, PAGE_NARROW, PAGE_WIDE, tile } from "./tiling";

/** Room for the page turner, px. */
const PAGER = 40;

export function Stage({ session, narrow }: { session: RoomSession; narrow: boolean }) {
  const [ref, size] = useSize<HTMLDivElement>();
  const peers = useSlice(session.roster, (roster) => roster.peers);
  const self = useSlice(session.roster, (roster) => roster.self);
  const others = useMemo(() => peers.filter((peer) => peer.peer !== self).map((peer) => peer.peer), [peers, self]);
  const [page, setPage] = useState(0);

  const perPage = narrow ? PAGE_NARROW : PAGE_WIDE;
  const all = useMemo(() => [...others, self], [others, self]);
  const pages = Math.max(1, Math.ceil(all.length / perPage));
  const at = Math.min(page, pages - 1);
  const shown = useMemo(() => all.slice(at * perPage, (at + 1) * perPage), [all, at, perPage]);
  const { width, height } = tile(shown.length, size.width, size.height - (pages > 1 ? PAGER : 0));
  useLayoutReport(session, shown, self, width, height);

  const style = { width, height };
  return (
    <div className="relative size-full">
      <div ref={ref} className={`flex size-full flex-wrap place-content-center justify-center ${pages > 1 ? "pb-10" : ""}`} style={{ gap: GAP }}>
        {width > 0 &&
          shown.map((peer) =>
            peer === self ? <SelfTile key="self" session={session} style={style} /> : <Tile key={peer} session={session} peer={peer} style={style} />,
          )}
      </div>
      {pages > 1 && <Pages at={at} pages={pages} onPage={setPage} />}
      {others.length === 0 && peers.length > 0 && <Alone session={session} />}
    </div>
  );
}

/** Tells the session which tiles are seen, in device pixels. */
function useLayoutReport(session: RoomSession, shown: readonly PeerId[], self: PeerId, width: number, height: number): void {
  useEffect(() => {
    const scale = window.devicePixelRatio || 1;
    const wants: TileWant[] = shown
      .filter((peer) => peer !== self)
      .map((peer) => ({ peer, width: Math.round(width * scale), height: Math.round(height * scale) }));
    session.layout(wants);
  }, [session, shown, self, width, height]);
}

function Pages({ at, pages, onPage }: { at: number; pages: number; onPage: (page: number) => void }) {
  const text = useText();
  return (
    <nav className="absolute inset-x-0 bottom-0 mx-auto flex w-fit items-center gap-1 rounded-pill bg-raised/90 px-1 text-sm">
      <IconButton label={text.room.previous} disabled={at === 0} onClick={() => onPage(at - 1)} className="disabled:opacity-40">
        <ChevronLeft size={16} aria-hidden />
      </IconButton>
      <span className="tabular-nums">{text.room.page(at + 1, pages)}</span>
      <IconButton label={text.room.next} disabled={at === pages - 1} onClick={() => onPage(at + 1)} className="disabled:opacity-40">
        <ChevronRight size={16} aria-hidden />
      </IconButton>
    </nav>
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
