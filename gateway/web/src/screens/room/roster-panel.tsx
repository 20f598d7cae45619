/**
 * Who is in the room.
 *
 * **Invariant:** removing someone is asked for once more, since a member cannot come back.
 */
import { EllipsisVertical, Eye, EyeOff, Mic, MicOff, Pin, PinOff, Search, UserX, Video, VideoOff, Volume2 } from "lucide-react";
import { memo, useState } from "react";

import { useText } from "../../app/i18n";
import { Slice, type PeerId, type PeerInfo, type Readable, type RoomSession } from "../../client";
import { Avatar } from "../../ui/avatar";
import { Button, IconButton } from "../../ui/button";
import { Dialog } from "../../ui/dialog";
import { inputClass } from "../../ui/field";
import { Menu, MenuItem, MenuLine, MenuSlider } from "../../ui/menu";
import { moveDown } from "../../ui/roving";
import { useSlice } from "../../ui/use-slice";
import type { RoomView, View } from "./room-view";

/** With fewer people than this nobody needs to search. */
const SEARCH_FROM = 8;

export function RosterPanel({ session, view }: { session: RoomSession; view?: RoomView }) {
  const text = useText();
  const peers = useSlice(session.roster, (roster) => roster.peers);
  const [search, setSearch] = useState("");
  const [removing, setRemoving] = useState<PeerInfo | null>(null);
  const wanted = search.trim().toLocaleLowerCase();
  const shown = wanted ? peers.filter((peer) => peer.displayName.toLocaleLowerCase().includes(wanted)) : peers;
  return (
    <>
      {peers.length >= SEARCH_FROM && (
        <div className="relative px-3 pt-3">
          <Search size={15} aria-hidden className="pointer-events-none absolute start-6 top-[25px] text-faint" />
          <input type="search" aria-label={text.roster.search} placeholder={text.roster.search} value={search} onChange={(event) => setSearch(event.target.value)} className={`${inputClass} ps-8`} />
        </div>
      )}
      {/* before the menus' own buttons, which would open at an arrow key */}
      <ul aria-label={text.roster.list} onKeyDownCapture={moveDown} className="min-h-0 flex-1 overflow-y-auto p-2">
        {shown.map((peer) => (
          <Person key={peer.peer} session={session} view={view} peer={peer} onRemove={setRemoving} />
        ))}
        {shown.length === 0 && <li className="p-4 text-center text-muted">{text.roster.none}</li>}
      </ul>
      <Dialog open={removing !== null} onClose={() => setRemoving(null)} title={text.roster.removeSure(removing?.displayName ?? "")} lead={removing?.role === "guest" ? text.roster.removeGuestLead : text.roster.removeLead}>
        <div className="flex justify-end gap-2">
          <Button tone="plain" onClick={() => setRemoving(null)}>
            {text.common.cancel}
          </Button>
          <Button
            tone="danger"
            onClick={() => {
              if (removing) session.kick(removing.peer);
              setRemoving(null);
            }}
          >
            {text.roster.removeAction}
          </Button>
        </div>
      </Dialog>
    </>
  );
}

const Person = memo(function Person({ session, view, peer, onRemove }: { session: RoomSession; view: RoomView | undefined; peer: PeerInfo; onRemove: (peer: PeerInfo) => void }) {
  const text = useText();
  const self = useSlice(session.roster, (roster) => roster.self === peer.peer);
  const host = useSlice(session.roster, (roster) => roster.role === "host");
  const shares = useSlice(session.tracks, (all) => all.byPeer.get(peer.peer)?.some((track) => track.source === "screen") ?? false);
  const hidden = useHidden(view, peer.peer);
  const menu = !self && (host || view !== undefined);
  const notes = [
    self && text.roster.you,
    peer.role === "host" && text.roster.host,
    peer.role === "guest" && text.roster.guest,
    shares && text.roster.sharing,
    hidden && text.roster.hiddenTile,
    peer.reconnecting && text.roster.away,
  ].filter(Boolean);
  return (
    <li data-roster={peer.peer} className="flex min-h-11 items-center gap-2.5 rounded-lg px-2 py-1.5 hover:bg-hover">
      <Avatar name={peer.displayName} />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          <bdi>{peer.displayName}</bdi>
        </p>
        {notes.length > 0 && <p className="truncate text-xs text-muted">{notes.join(" · ")}</p>}
      </div>
      <Senses session={session} peer={peer.peer} />
      {menu ? (
        <Menu
          label={text.roster.menu(peer.displayName)}
          trigger={
            <IconButton label={text.roster.menu(peer.displayName)}>
              <EllipsisVertical size={16} aria-hidden />
            </IconButton>
          }
        >
          {view && <ViewItems session={session} view={view} peer={peer.peer} />}
          {view && host && <MenuLine />}
          {host && (
            <MenuItem danger icon={<UserX size={16} aria-hidden />} onSelect={() => onRemove(peer)}>
              {text.roster.remove}
            </MenuItem>
          )}
        </Menu>
      ) : (
        (host || view) && <span className="size-8" />
      )}
    </li>
  );
});

const nothing = new Slice<Pick<View, "hidden">>({ hidden: new Set() });

function useHidden(view: RoomView | undefined, peer: PeerId): boolean {
  const slice: Readable<Pick<View, "hidden">> = view ?? nothing;
  return useSlice(slice, ({ hidden }) => hidden.has(peer));
}

/** What can be done with their tile: the way for those who do not use a mouse, and to get a hidden one back. */
function ViewItems({ session, view, peer }: { session: RoomSession; view: RoomView; peer: PeerId }) {
  const text = useText();
  const pinned = useSlice(view, (now) => now.pinned === peer);
  const hidden = useSlice(view, (now) => now.hidden.has(peer));
  const volume = useSlice(session.media.volumes, (volumes) => volumes.get(peer) ?? 1);
  return (
    <>
      {!hidden && (
        <MenuItem icon={pinned ? <PinOff size={16} aria-hidden /> : <Pin size={16} aria-hidden />} onSelect={() => view.togglePin(peer)}>
          {pinned ? text.room.unpin : text.room.pin}
        </MenuItem>
      )}
      <MenuItem icon={hidden ? <Eye size={16} aria-hidden /> : <EyeOff size={16} aria-hidden />} onSelect={() => (hidden ? view.show(peer) : view.hide(peer))}>
        {hidden ? text.room.show : text.room.hide}
      </MenuItem>
      <MenuSlider icon={<Volume2 size={16} aria-hidden />} label={text.room.volume} describe={text.room.volumeIs} value={volume} onChange={(next) => session.media.setVolume(peer, next)} />
    </>
  );
}

function Senses({ session, peer }: { session: RoomSession; peer: PeerId }) {
  const text = useText();
  const chatOnly = useSlice(session.roster, (roster) => roster.room.kind === "chat");
  const tracks = useSlice(session.tracks, (view) => view.byPeer.get(peer));
  if (chatOnly) return null;
  const microphone = tracks?.some((track) => track.source === "microphone" && !track.muted) ?? false;
  const camera = tracks?.some((track) => track.source === "camera" && !track.muted) ?? false;
  const Voice = microphone ? Mic : MicOff;
  const Sight = camera ? Video : VideoOff;
  return (
    <span className="flex gap-2 text-muted">
      <Voice size={16} role="img" aria-label={microphone ? text.roster.microphoneOn : text.roster.microphoneOff} className={microphone ? "" : "text-danger-text"} />
      <Sight size={16} role="img" aria-label={camera ? text.roster.cameraOn : text.roster.cameraOff} />
    </span>
  );
}
