/**
 * One room of the list: what it is, who is in it, what was said last.
 *
 * **Invariant:** the whole row leads into the room, and its name is the link's name.
 */
import { MessageSquare, Video } from "lucide-react";
import { Link } from "react-router";

import { useText } from "../../app/i18n";
import { plainOf, wall, type Room } from "../../client";
import { Avatar } from "../../ui/avatar";
import { roomPath } from "../shared/links";
import { shortly } from "../shared/when";

const NAMES_SHOWN = 3;

export function RoomRow({ room }: { room: Room }) {
  const text = useText();
  const Icon = room.kind === "chat" ? MessageSquare : Video;
  const live = room.inside.peers > 0 && !room.closedAt;
  const at = room.lastMessage?.at ?? room.createdAt;
  return (
    <li className="calm relative grid grid-cols-[40px_minmax(0,1fr)_auto] items-center gap-3.5 border-t border-line px-4 py-3 first:border-t-0 hover:bg-hover">
      <span className="grid size-10 place-items-center rounded-[11px] bg-accent-soft text-accent">
        <Icon size={20} aria-hidden />
      </span>
      <div className="min-w-0">
        <Link to={roomPath(room.slug)} className="block truncate font-semibold after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:rounded-panel focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent">
          {room.name}
        </Link>
        <Line room={room} live={live} />
      </div>
      <div className="flex items-center gap-3.5">
        {live && <Inside room={room} />}
        {room.unread > 0 && (
          <span className="grid h-5 min-w-5 place-items-center rounded-full bg-accent px-1.5 text-xs font-semibold text-accent-ink">
            <span aria-hidden>{room.unread > 99 ? "99+" : room.unread}</span>
            <span className="sr-only">{text.home.unread(room.unread)}</span>
          </span>
        )}
        {live && room.kind === "meeting" ? (
          <Link
            to={roomPath(room.slug)}
            aria-label={text.home.joinRoom(room.name)}
            className="calm relative grid h-9 place-items-center rounded-control bg-accent px-3.5 font-semibold text-accent-ink hover:brightness-105"
          >
            {text.home.join}
          </Link>
        ) : (
          <time dateTime={new Date(at).toISOString()} className="text-sm text-muted tabular-nums">
            {shortly(at, wall())}
          </time>
        )}
      </div>
    </li>
  );
}

function Line({ room, live }: { room: Room; live: boolean }) {
  const text = useText();
  const { lastMessage } = room;
  if (live) {
    return (
      <p className="flex items-center gap-1.5 truncate text-sm font-semibold text-ok">
        <span aria-hidden className="size-[7px] shrink-0 rounded-full bg-current" />
        {text.home.inside(room.inside.peers)}
      </p>
    );
  }
  return (
    <p className="truncate text-sm text-muted">
      {room.closedAt ? `${text.home.ended} · ` : ""}
      {lastMessage ? text.home.said(lastMessage.displayName, plainOf(lastMessage.text)) : room.description || text.home.nobody}
    </p>
  );
}

function Inside({ room }: { room: Room }) {
  const text = useText();
  const names = room.inside.names.slice(0, NAMES_SHOWN);
  const others = room.inside.peers - names.length;
  const ring = "-ms-2 border-2 border-raised";
  return (
    <span className="hidden ps-2 sm:flex" title={room.inside.names.join(", ")}>
      {names.map((name, i) => (
        <Avatar key={`${name} ${i}`} name={name} size="tiny" className={ring} />
      ))}
      {others > 0 && (
        <span aria-hidden className={`grid size-6.5 place-items-center rounded-full bg-hover text-[10px] font-semibold ${ring}`}>
          {text.home.moreNames(others)}
        </span>
      )}
    </span>
  );
}
