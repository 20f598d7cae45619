/**
 * How large tiles can be. Pure.
 *
 * **Invariant:** all tiles have one size and one aspect, and the whole of them fits the stage.
 */
export interface Tiling {
  columns: number;
  width: number;
  height: number;
}

export const GAP = 10;
/** Tiles on one page of a wide window, and of a phone. */
export const PAGE_WIDE = 25;
export const PAGE_NARROW = 8;

/** Between a bit wider than square and 16:9 on a wide stage; a phone held upright may have tall tiles. */
function aspects(width: number, height: number): [number, number] {
  return width >= height ? [1.15, 16 / 9] : [0.8, 4 / 3];
}

/** The arrangement of `count` tiles whose pictures are largest. Sizes are whole pixels, 0 if nothing fits. */
export function tile(count: number, width: number, height: number, gap = GAP): Tiling {
  let best: Tiling = { columns: 1, width: 0, height: 0 };
  if (count <= 0 || width <= 0 || height <= 0) return best;
  const [narrowest, widest] = aspects(width, height);
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const aspect = Math.min(widest, Math.max(narrowest, cellWidth / cellHeight));
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * aspect));
    const tileHeight = Math.floor(Math.min(cellHeight, cellWidth / aspect));
    if (tileWidth * tileHeight > best.width * best.height) best = { columns, width: tileWidth, height: tileHeight };
  }
  return best;
}
