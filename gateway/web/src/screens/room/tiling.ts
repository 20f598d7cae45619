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

/** Cutting a picture's sides is a price: the fewer people, the less of it. A phone held upright may have tall tiles. */
function aspects(count: number, width: number, height: number): [number, number] {
  if (width < height) return [0.8, 4 / 3];
  return [count <= 2 ? 4 / 3 : count <= 4 ? 1.15 : 0.92, 16 / 9];
}

/** The arrangement of `count` tiles whose pictures are largest. Sizes are whole pixels, 0 if nothing fits. */
export function tile(count: number, width: number, height: number, gap = GAP): Tiling {
  let best: Tiling = { columns: 1, width: 0, height: 0 };
  if (count <= 0 || width <= 0 || height <= 0) return best;
  const [narrowest, widest] = aspects(count, width, height);
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
