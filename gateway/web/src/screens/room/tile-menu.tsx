/**
 * What can be done with one tile: pin, hide, volume, statistics.
 *
 * **Invariant:** it changes what is seen and heard here, and nothing for anybody else.
 */
import { Activity, Ellipsis, EyeOff, LayoutGrid, Pin, PinOff, Volume2 } from "lucide-react";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { Menu, MenuItem, MenuLine, MenuSlider } from "../../ui/menu";
import { useSlice } from "../../ui/use-slice";
import type { TileKey } from "./arrange";
import type { RoomView } from "./room-view";

interface TileMenuProps {
  session: RoomSession;
  view: RoomView;
  tile: TileKey;
  name: string;
  /** A screen that is large by itself can be put back among the others. */
  screen?: boolean;
  /** Oneself has no volume and cannot be hidden. */
  own?: boolean;
}

export function TileMenu({ session, view, tile, name, screen = false, own = false }: TileMenuProps) {
  const text = useText();
  return (
    <div className="absolute end-2 top-2 opacity-0 transition-opacity duration-(--fast) group-focus-within/tile:opacity-100 group-hover/tile:opacity-100 has-[[data-state=open]]:opacity-100 [@media(hover:none)]:opacity-100">
      <Menu
        label={text.room.tileMenu(name)}
        theme="dark"
        trigger={
          <button type="button" aria-label={text.room.tileMenu(name)} className="grid size-8 place-items-center rounded-lg bg-[oklch(0.12_0.01_250/0.72)] text-[oklch(0.97_0_0)] hover:bg-[oklch(0.3_0.01_250/0.9)]">
            <Ellipsis size={17} aria-hidden />
          </button>
        }
      >
        <Items session={session} view={view} tile={tile} screen={screen} own={own} />
      </Menu>
    </div>
  );
}

function Items({ session, view, tile, screen, own }: Required<Omit<TileMenuProps, "name">>) {
  const text = useText();
  const pinned = useSlice(view, (now) => now.pinned === tile);
  const dismissed = useSlice(view, (now) => now.dismissed.has(tile));
  const volume = useSlice(session.media.volumes, (volumes) => volumes.get(tile) ?? 1);
  return (
    <>
      <MenuItem icon={pinned ? <PinOff size={16} aria-hidden /> : <Pin size={16} aria-hidden />} onSelect={() => view.togglePin(tile)}>
        {pinned ? text.room.unpin : text.room.pin}
      </MenuItem>
      {screen && !own && !dismissed && (
        <MenuItem icon={<LayoutGrid size={16} aria-hidden />} onSelect={() => view.dismiss(tile)}>
          {text.room.toGrid}
        </MenuItem>
      )}
      {own && !screen && (
        <MenuItem icon={<LayoutGrid size={16} aria-hidden />} onSelect={() => view.placeSelf({ self: "corner" })}>
          {text.room.selfToCorner}
        </MenuItem>
      )}
      {!own && (
        <MenuItem icon={<EyeOff size={16} aria-hidden />} onSelect={() => view.hide(tile)}>
          {text.room.hide}
        </MenuItem>
      )}
      <MenuItem icon={<Activity size={16} aria-hidden />} onSelect={() => view.patch({ stats: true })}>
        {text.room.statistics}
      </MenuItem>
      {!own && (
        <>
          <MenuLine />
          <MenuSlider icon={<Volume2 size={16} aria-hidden />} label={text.room.volume} describe={text.room.volumeIs} value={volume} onChange={(next) => session.media.setVolume(tile, next)} />
        </>
      )}
    </>
  );
}
