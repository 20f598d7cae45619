/**
 * Home: start a meeting, walk into one, or go back to a room.
 *
 * **Invariant:** a new meeting starts with one click, and its link is in the clipboard then.
 */
import { Plus, Search } from "lucide-react";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { useNavigate } from "react-router";

import { useText } from "../../app/i18n";
import { Refused, type Room, type RoomKind } from "../../client";
import { Button } from "../../ui/button";
import { cx } from "../../ui/cx";
import { moveDown } from "../../ui/roving";
import { notify } from "../../ui/toast";
import { copyText, roomOf, roomPath, roomUrl } from "../shared/links";
import { useClient, useMe } from "../shared/services";
import { Shell } from "../shared/shell";
import { useTitle } from "../shared/use-title";
import { CreateRoom } from "./create-room";
import { RoomRow } from "./room-row";
import { useRooms, type RoomsState } from "./use-rooms";

const KINDS = ["all", "meeting", "chat"] as const;

export function Home() {
  const text = useText();
  const me = useMe();
  const [kind, setKind] = useState<(typeof KINDS)[number]>("all");
  const [search, setSearch] = useState("");
  const [creating, setCreating] = useState(false);
  const navigate = useNavigate();
  const wanted: RoomKind | undefined = kind === "all" ? undefined : kind;
  const rooms = useRooms(wanted, search);
  const start = useNewMeeting();
  useTitle(text.home.title);
  // Rooms are near now: their code is fetched while the list is read.
  useEffect(() => void import("../prejoin/room-page"), []);

  const searching = search.trim() !== "" || kind !== "all";
  return (
    <Shell>
      <div className="mx-auto w-full max-w-[880px] px-4 pt-5 pb-16 sm:px-6 sm:pt-9">
        <h1 className="text-[26px] leading-8 font-[650] tracking-[-0.02em]">{text.home.greeting(new Date().getHours(), me?.displayName ?? "")}</h1>
        <p className="mt-1.5 text-muted">{text.home.lead}</p>
        <div className="mt-6 mb-9 flex flex-wrap gap-2.5">
          <Button tone="main" size="large" icon={<Plus size={18} strokeWidth={2.4} aria-hidden />} busy={start.busy && text.home.newMeetingBusy} onClick={start.go}>
            {text.home.newMeeting}
          </Button>
          <JoinByCode />
        </div>
        <section aria-labelledby="rooms">
          <div className="mb-2.5 flex flex-wrap items-center gap-2">
            <h2 id="rooms" className="me-auto font-semibold">
              {text.home.rooms}
            </h2>
            <SearchBox value={search} onChange={setSearch} />
            <div role="group" aria-label={text.home.filter} className="flex gap-1.5">
              {KINDS.map((value) => (
                <button
                  key={value}
                  type="button"
                  aria-pressed={kind === value}
                  onClick={() => setKind(value)}
                  className={cx(
                    "calm h-8 rounded-pill border px-3 text-sm",
                    kind === value ? "border-transparent bg-accent-soft text-text" : "border-line text-muted hover:bg-hover hover:text-text",
                  )}
                >
                  {text.home.kinds[value]}
                </button>
              ))}
            </div>
            <Button size="chip" onClick={() => setCreating(true)} icon={<Plus size={15} aria-hidden />}>
              {text.home.create}
            </Button>
          </div>
          <List rooms={rooms} searching={searching} start={start} />
        </section>
      </div>
      <CreateRoom open={creating} onClose={() => setCreating(false)} onMade={(room: Room) => void navigate(roomPath(room.slug))} />
    </Shell>
  );
}

/** Makes a meeting, copies its link, and walks in. */
function useNewMeeting(): { busy: boolean; go: () => void } {
  const text = useText();
  const client = useClient();
  const me = useMe();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const go = (): void => {
    setBusy(true);
    void (async () => {
      try {
        const room = await client.api.createRoom({ kind: "meeting", name: text.home.meetingOf(me?.displayName ?? ""), adHoc: true });
        const url = roomUrl(room);
        notify((await copyText(url)) ? text.home.linkCopied : text.home.linkNotCopied(url));
        await navigate(roomPath(room.slug), { state: { atOnce: true } });
      } catch (error) {
        notify(text.codes[Refused.from(error).code]);
        setBusy(false);
      }
    })();
  };
  return { busy, go };
}

function JoinByCode() {
  const text = useText();
  const navigate = useNavigate();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const room = roomOf(typed);
    if (room) void navigate(roomPath(room));
    else setWrong(true);
  };
  return (
    <form onSubmit={submit} noValidate className="flex min-w-[220px] flex-1 flex-col gap-1.5">
      <div className="calm flex h-11 items-center rounded-[11px] border border-line bg-raised pe-1 ps-3.5 has-[input:focus-visible]:outline-2 has-[input:focus-visible]:outline-offset-2 has-[input:focus-visible]:outline-accent">
        <input
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setWrong(false);
          }}
          aria-label={text.home.codeOrLink}
          placeholder={text.home.codeOrLink}
          aria-invalid={wrong || undefined}
          aria-describedby={wrong ? "code-wrong" : undefined}
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          className="min-w-0 flex-1 bg-transparent outline-none placeholder:text-faint"
        />
        <Button type="submit">
          {text.home.join}
        </Button>
      </div>
      {wrong && (
        <p id="code-wrong" role="alert" className="text-xs text-danger-text">
          {text.home.codeHint}
        </p>
      )}
    </form>
  );
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const text = useText();
  return (
    <div className="relative">
      <Search size={15} aria-hidden className="pointer-events-none absolute top-2 start-3 text-faint" />
      <input
        type="search"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        aria-label={text.home.search}
        placeholder={text.home.search}
        className="calm h-8 w-44 rounded-pill border border-line bg-transparent pe-3 ps-8 text-sm placeholder:text-faint"
      />
    </div>
  );
}

function List({ rooms, searching, start }: { rooms: RoomsState; searching: boolean; start: { busy: boolean; go: () => void } }) {
  const text = useText();
  const end = useRef<HTMLDivElement>(null);
  const { loadMore, more } = rooms;
  useEffect(() => {
    if (!end.current || !more) return;
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && loadMore(), { rootMargin: "400px" });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [loadMore, more, rooms.rooms.length]);

  if (rooms.first) return <Note>{text.common.loading}</Note>;
  if (rooms.rooms.length === 0 && rooms.failed) {
    return (
      <Note alert>
        {text.home.listFailed} {text.codes[rooms.failed]}
        <Button onClick={rooms.refresh}>{text.common.retry}</Button>
      </Note>
    );
  }
  if (rooms.rooms.length === 0 && searching) return <Note>{text.home.noMatch}</Note>;
  if (rooms.rooms.length === 0) {
    return (
      <Note>
        {text.home.empty}
        <Button tone="main" busy={start.busy && text.home.newMeetingBusy} onClick={start.go}>
          {text.home.emptyAction}
        </Button>
      </Note>
    );
  }
  return (
    <>
      <ul onKeyDown={moveDown} className="overflow-hidden rounded-panel border border-line bg-raised">
        {rooms.rooms.map((room) => (
          <RoomRow key={room.id} room={room} />
        ))}
      </ul>
      <div ref={end}>{more && !rooms.failed && <p className="py-4 text-center text-muted">{text.home.more}</p>}</div>
      {rooms.failed && (
        <p role="alert" className="flex flex-wrap items-center justify-center gap-3 py-4 text-muted">
          {text.home.listFailed} {text.codes[rooms.failed]}
          <Button size="small" onClick={more ? loadMore : rooms.refresh}>
            {text.common.retry}
          </Button>
        </p>
      )}
    </>
  );
}

function Note({ children, alert = false }: { children: React.ReactNode; alert?: boolean }) {
  return (
    <div role={alert ? "alert" : "status"} className="flex flex-col items-center gap-4 rounded-panel border border-dashed border-line px-6 py-12 text-center text-muted">
      {children}
    </div>
  );
}
