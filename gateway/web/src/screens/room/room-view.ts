/**
 * How this person looks at the room: grid or one large, what is pinned or hidden, where the own picture is, what is open.
 *
 * **Invariant:** nothing of it is known to others, and where the own picture is lasts beyond the visit.
 */
import { lasting, loadJson, saveJson, Slice } from "../../client";
import type { TileKey } from "./arrange";

export type Corner = "top-start" | "top-end" | "bottom-start" | "bottom-end";

export interface View {
  mode: "grid" | "focus";
  pinned: TileKey | null;
  /** What is large now, by whatever reason; set by the stage. */
  focus: TileKey | null;
  hidden: ReadonlySet<TileKey>;
  /** Shared screens that were sent back among the others. */
  dismissed: ReadonlySet<TileKey>;
  /** The own picture floats in a corner, or stands among the others. */
  self: "corner" | "grid";
  corner: Corner;
  stats: boolean;
  keys: boolean;
  /** What others may send. */
  allowed: boolean;
  /** What the small window beside the browser shows, if it is open. */
  pip: { tile: TileKey; window: Window } | null;
}

const KEY = "rookery.self";
const CORNERS: readonly string[] = ["top-start", "top-end", "bottom-start", "bottom-end"];

export class RoomView extends Slice<View> {
  /** The tiles in sight, in their order; set by the stage. */
  shown: readonly TileKey[] = [];
  /** Shared screens that would be large by themselves; set by the stage. */
  screens: readonly TileKey[] = [];
  #pinnedBy: { place: number; key: TileKey } | null = null;

  constructor() {
    const kept = loadJson(lasting, KEY) as Partial<View> | undefined;
    super({
      mode: "grid",
      pinned: null,
      focus: null,
      hidden: new Set(),
      dismissed: new Set(),
      self: kept?.self === "grid" ? "grid" : "corner",
      corner: CORNERS.includes(kept?.corner ?? "") ? (kept?.corner as Corner) : "bottom-end",
      stats: false,
      keys: false,
      allowed: false,
      pip: null,
    });
  }

  setMode(mode: View["mode"]): void {
    if (mode === "focus") this.patch({ mode, dismissed: new Set() });
    else this.patch({ mode, pinned: null, dismissed: new Set([...this.get().dismissed, ...this.screens]) });
  }

  toggleMode(): void {
    this.setMode(this.get().focus === null ? "focus" : "grid");
  }

  /** Pins the tile at a place, counted from 0; the same place again lets it go, wherever the tile is by then. */
  pinPlace(place: number): void {
    const again = this.#pinnedBy?.place === place && this.#pinnedBy.key === this.get().pinned;
    const key = again ? this.#pinnedBy?.key : this.shown[place];
    if (key === undefined) return;
    this.togglePin(key);
    this.#pinnedBy = { place, key };
  }

  togglePin(key: TileKey): void {
    const { pinned } = this.get();
    this.patch({ pinned: pinned === key ? null : key });
  }

  /** A screen goes back among the others. */
  dismiss(key: TileKey): void {
    this.patch({ pinned: null, dismissed: new Set([...this.get().dismissed, key]) });
  }

  hide(key: TileKey): void {
    const { hidden, pinned } = this.get();
    this.patch({ hidden: new Set([...hidden, key]), pinned: pinned === key ? null : pinned });
  }

  show(key: TileKey): void {
    this.patch({ hidden: new Set([...this.get().hidden].filter((other) => other !== key)) });
  }

  showAll(): void {
    this.patch({ hidden: new Set() });
  }

  placeSelf(fields: Partial<Pick<View, "self" | "corner">>): void {
    this.patch(fields);
    const { self, corner } = this.get();
    saveJson(lasting, KEY, { self, corner });
  }
}
