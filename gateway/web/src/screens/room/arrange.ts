/**
 * Which tile stands where: the order of people, who is large, and the boxes. Pure.
 *
 * **Invariant:** a tile never changes its place in the order while its person speaks, and whoever speaks is on the first
 * page as soon as somebody silent can make room.
 */
import { GAP, tile } from "./tiling";

/** A person's id, or the id of a shared screen's track. */
export type TileKey = string;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Voices {
  /** Who had the floor, the latest first. */
  spoke: readonly TileKey[];
  speaking: (key: TileKey) => boolean;
}

/**
 * The order for those present, from the one before. Who left makes room for the last one who is silent, so that all
 * others stay; who spoke and is not among the first `places` changes places with whoever there has been silent the longest.
 */
export function orderTiles(before: readonly TileKey[], present: readonly TileKey[], { spoke, speaking }: Voices, places: number): TileKey[] {
  const here = new Set(present);
  const kept = new Set(before);
  const order: (TileKey | undefined)[] = before.map((key) => (here.has(key) ? key : undefined));
  for (const key of present) if (!kept.has(key)) order.push(key);
  const full = fillGaps(order, speaking);
  const recency = new Map(spoke.map((key, i) => [key, i]));
  const since = (key: TileKey): number => recency.get(key) ?? Infinity;
  for (const speaker of spoke.slice(0, places)) {
    const at = full.indexOf(speaker);
    if (at < places) continue;
    let place = -1;
    for (let i = 0; i < places; i += 1) {
      const key = full[i];
      if (key === undefined || speaking(key) || since(key) <= since(speaker)) continue;
      if (place < 0 || since(key) >= since(full[place] ?? "")) place = i;
    }
    const other = full[place];
    if (other !== undefined) [full[place], full[at]] = [speaker, other];
  }
  return full;
}

function fillGaps(order: (TileKey | undefined)[], speaking: (key: TileKey) => boolean): TileKey[] {
  for (let gap = order.indexOf(undefined); gap >= 0; gap = order.indexOf(undefined)) {
    let last = order.length - 1;
    while (last > gap && (order[last] === undefined || speaking(order[last] ?? ""))) last -= 1;
    if (last > gap) {
      order[gap] = order[last];
      order.splice(last, 1);
    } else order.splice(gap, 1);
  }
  return order.filter((key) => key !== undefined);
}

export interface Focusing {
  mode: "grid" | "focus";
  pinned: TileKey | null;
  /** Screens of others that may take the focus, the newest last. */
  screens: readonly TileKey[];
  /** Everything that can be large, in its order. */
  tiles: readonly TileKey[];
  spoke: readonly TileKey[];
  before: TileKey | null;
}

/** Which tile is large; null where all are of one size. */
export function focusOf({ mode, pinned, screens, tiles, spoke, before }: Focusing): TileKey | null {
  if (pinned !== null && tiles.includes(pinned)) return pinned;
  const screen = screens.findLast((key) => tiles.includes(key));
  if (screen !== undefined) return screen;
  if (mode === "grid") return null;
  const speaker = spoke.find((key) => tiles.includes(key));
  return speaker ?? (before !== null && tiles.includes(before) ? before : (tiles[0] ?? null));
}

export interface Arrangement {
  boxes: ReadonlyMap<TileKey, Box>;
  /** Where the large picture is, or the whole stage: the own picture floats inside of it. */
  main: Box;
  /** Where the pages are turned; nothing with one page. */
  pager: Box | null;
  pages: number;
  page: number;
}

/** Room for the page turner, px. */
const PAGER = 40;

/** All tiles of one size, `places` on a page. */
export function gridOf(keys: readonly TileKey[], width: number, height: number, places: number, wanted: number): Arrangement {
  const pages = Math.max(1, Math.ceil(keys.length / places));
  const page = Math.min(wanted, pages - 1);
  const shown = keys.slice(page * places, (page + 1) * places);
  const room = height - (pages > 1 ? PAGER : 0);
  const { columns, width: w, height: h } = tile(shown.length, width, room);
  const rows = Math.ceil(shown.length / columns);
  const top = (room - rows * (h + GAP) + GAP) / 2;
  const boxes = new Map<TileKey, Box>();
  shown.forEach((key, i) => {
    const row = Math.floor(i / columns);
    const inRow = Math.min(columns, shown.length - row * columns);
    const left = (width - inRow * (w + GAP) + GAP) / 2;
    boxes.set(key, { x: Math.round(left + (i % columns) * (w + GAP)), y: Math.round(top + row * (h + GAP)), width: w, height: h });
  });
  const pager = pages > 1 ? { x: 0, y: height - PAGER, width, height: PAGER } : null;
  return { boxes, main: { x: 0, y: 0, width, height: room }, pager, pages, page };
}

/** How many places the strip has beside a large tile. */
export function stripPlaces(width: number, height: number, count: number): number {
  const { along, step } = stripOf(width, height);
  const all = Math.max(1, Math.floor((along + GAP) / step));
  return count <= all ? all : Math.max(1, Math.floor((along - (isTall(width, height) ? 0 : PAGER) + GAP) / step));
}

const isTall = (width: number, height: number): boolean => width < height * 1.1;

function stripOf(width: number, height: number): { tall: boolean; w: number; h: number; along: number; step: number } {
  const tall = isTall(width, height);
  const w = tall ? Math.round(Math.max(104, Math.min(160, width * 0.29))) : Math.round(Math.max(140, Math.min(232, width * 0.18)));
  const h = Math.round((w * (tall ? 3 : 9)) / (tall ? 4 : 16));
  return { tall, w, h, along: tall ? width : height, step: (tall ? w : h) + GAP };
}

/** One tile large, the others in a strip: at the side of a wide stage, under a tall one. */
export function focusedOf(focus: TileKey, others: readonly TileKey[], width: number, height: number, wanted: number): Arrangement {
  const { tall, w, h, step } = stripOf(width, height);
  const places = stripPlaces(width, height, others.length);
  const pages = Math.max(1, Math.ceil(others.length / places));
  const page = Math.min(wanted, pages - 1);
  const shown = others.slice(page * places, (page + 1) * places);
  const under = tall && pages > 1 ? PAGER : 0;
  const main: Box =
    others.length === 0
      ? { x: 0, y: 0, width, height }
      : tall
        ? { x: 0, y: 0, width, height: Math.max(0, height - h - GAP - under) }
        : { x: 0, y: 0, width: Math.max(0, width - w - GAP), height };
  const boxes = new Map<TileKey, Box>([[focus, main]]);
  const length = shown.length * step - GAP;
  shown.forEach((key, i) => {
    const at = tall ? Math.max(0, Math.round((width - length) / 2)) + i * step : i * step;
    boxes.set(key, tall ? { x: at, y: height - h - under, width: w, height: h } : { x: width - w, y: at, width: w, height: h });
  });
  const pager = pages === 1 ? null : tall ? { x: 0, y: height - PAGER, width, height: PAGER } : { x: width - w, y: height - PAGER, width: w, height: PAGER };
  return { boxes, main, pager, pages, page };
}
