/**
 * The own picture, small, floating in a corner of the stage: dragged there, or moved by the arrow keys.
 *
 * **Invariant:** it comes to rest in a corner, so that it never hides the middle; while it is dragged nothing is drawn again.
 */
import { LayoutGrid } from "lucide-react";
import { useRef, type KeyboardEvent, type PointerEvent } from "react";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { useSlice } from "../../ui/use-slice";
import type { Box } from "./arrange";
import type { Corner, RoomView } from "./room-view";
import { SelfTile } from "./tile";

/** Distance from the edges of what it floats over, px. */
const INSET = 12;

/** Where the own picture is, within the box that it floats over; beside a name it leaves room for it. */
export function cornerBox(corner: Corner, main: Box, tileWidth: number): Box {
  const upright = main.width < main.height;
  const width = Math.round(Math.max(84, Math.min(208, main.width * 0.2, tileWidth * 0.52)));
  const height = Math.round(upright ? (width * 4) / 3 : (width * 9) / 16);
  const x = corner.endsWith("start") ? main.x + INSET : main.x + main.width - width - INSET;
  const y = corner.startsWith("top") ? main.y + INSET : main.y + main.height - height - INSET;
  return { x, y, width, height };
}

export function SelfView({ session, view, main, tileWidth }: { session: RoomSession; view: RoomView; main: Box; tileWidth: number }) {
  const text = useText();
  const corner = useSlice(view, (now) => now.corner);
  const box = cornerBox(corner, main, tileWidth);
  const drag = useDrag(view, main);
  return (
    <SelfTile
      session={session}
      view={view}
      box={box}
      className="z-10 shadow-float"
      floating={
        <>
          <button
            type="button"
            aria-label={text.room.selfView}
            onKeyDown={(event) => moveByKey(event, view)}
            {...drag}
            className="absolute inset-0 cursor-grab touch-none rounded-tile focus-visible:outline-offset-[-2px] active:cursor-grabbing"
          />
          <button
            type="button"
            aria-label={text.room.selfToGrid}
            title={text.room.selfToGrid}
            onClick={() => view.placeSelf({ self: "grid" })}
            className="absolute end-1.5 top-1.5 grid size-7 place-items-center rounded-lg bg-[oklch(0.12_0.01_250/0.72)] text-[oklch(0.97_0_0)] opacity-0 transition-opacity duration-(--fast) group-hover/tile:opacity-100 hover:bg-[oklch(0.3_0.01_250/0.9)] focus-visible:opacity-100"
          >
            <LayoutGrid size={14} aria-hidden />
          </button>
        </>
      }
    />
  );
}

function moveByKey(event: KeyboardEvent<HTMLElement>, view: RoomView): void {
  const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
  const [row, column] = view.get().corner.split("-") as ["top" | "bottom", "start" | "end"];
  const to: Record<string, Corner> = {
    ArrowUp: `top-${column}`,
    ArrowDown: `bottom-${column}`,
    ArrowLeft: `${row}-${rtl ? "end" : "start"}`,
    ArrowRight: `${row}-${rtl ? "start" : "end"}`,
  };
  const corner = to[event.key];
  if (!corner) return;
  event.preventDefault();
  event.stopPropagation();
  view.placeSelf({ corner });
}

/** Follows the pointer by a transform, and rests in the nearest corner. */
function useDrag(view: RoomView, main: Box) {
  const from = useRef<{ x: number; y: number; tile: HTMLElement } | null>(null);
  const move = (event: PointerEvent<HTMLElement>): void => {
    if (!from.current) return;
    const { x, y, tile } = from.current;
    tile.style.transform = `translate(${event.clientX - x}px, ${event.clientY - y}px)`;
  };
  const drop = (event: PointerEvent<HTMLElement>): void => {
    const start = from.current;
    from.current = null;
    if (!start) return;
    const stage = start.tile.offsetParent?.getBoundingClientRect();
    const tile = start.tile.getBoundingClientRect();
    start.tile.style.transform = "";
    if (!stage || Math.hypot(event.clientX - start.x, event.clientY - start.y) < 8) return;
    const rtl = getComputedStyle(start.tile).direction === "rtl";
    const left = tile.x + tile.width / 2 - stage.x;
    const along = rtl ? stage.width - left : left;
    const row = tile.y + tile.height / 2 - stage.y < main.y + main.height / 2 ? "top" : "bottom";
    view.placeSelf({ corner: `${row}-${along < main.x + main.width / 2 ? "start" : "end"}` });
  };
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      const tile = event.currentTarget.closest<HTMLElement>("[data-tile]");
      if (event.button !== 0 || !tile) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      from.current = { x: event.clientX, y: event.clientY, tile };
    },
    onPointerMove: move,
    onPointerUp: drop,
    onPointerCancel: drop,
  };
}
