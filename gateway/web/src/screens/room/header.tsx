/**
 * The room's name, how long one is in it, and how the connection stands, in words.
 *
 * **Invariant:** at most one notice is shown: the one that matters most.
 */
import { TriangleAlert, UserPlus, VolumeX } from "lucide-react";
import type { ReactNode } from "react";

import { useText } from "../../app/i18n";
import type { ConnectionView, RoomSession } from "../../client";
import { cx } from "../../ui/cx";
import { notify } from "../../ui/toast";
import { Tooltip } from "../../ui/tooltip";
import { useSlice } from "../../ui/use-slice";
import { copyText, roomUrl } from "../shared/links";
import { clockOf } from "../shared/when";
import { useSeconds, useServerClock } from "./hooks";
import type { RoomView } from "./room-view";

export function Header({ session, view, narrow }: { session: RoomSession; view: RoomView; narrow: boolean }) {
  const text = useText();
  const name = useSlice(session.roster, (roster) => roster.room.name);
  const copy = useCopyLink(session);
  return (
    <header className="flex min-w-0 items-center gap-3 px-4 sm:px-5">
      <h1 className="min-w-0 truncate font-semibold">{name}</h1>
      <Clock session={session} />
      <div className="flex min-w-0 flex-1 justify-end sm:justify-center">
        <Standing session={session} />
      </div>
      {!narrow && <LayoutSwitch view={view} />}
      <Tooltip text={text.room.copyLink} side="bottom">
        <button type="button" onClick={copy} aria-label={text.room.copyLink} className="calm grid size-9 shrink-0 place-items-center rounded-control text-muted hover:bg-hover hover:text-text">
          <UserPlus size={18} aria-hidden />
        </button>
      </Tooltip>
    </header>
  );
}

/** Grid, or one large: which of them it is now, and a way to the other. */
function LayoutSwitch({ view }: { view: RoomView }) {
  const text = useText();
  const now = useSlice(view, ({ focus }) => (focus === null ? "grid" : "focus"));
  return (
    <div role="group" aria-label={text.room.layout} className="flex shrink-0 rounded-[10px] bg-surface p-[3px] text-sm">
      {(["grid", "focus"] as const).map((mode) => (
        <button
          key={mode}
          type="button"
          aria-pressed={now === mode}
          onClick={() => view.setMode(mode)}
          className={cx("calm h-7 rounded-[7px] px-3", now === mode ? "bg-hover text-text" : "text-muted hover:text-text")}
        >
          {text.room[mode]}
        </button>
      ))}
    </div>
  );
}

export function useCopyLink(session: RoomSession): () => void {
  const text = useText();
  return () => {
    const url = roomUrl({ slug: session.slug });
    void copyText(url).then((done) => notify(done ? text.room.linkCopied : text.home.linkNotCopied(url)));
  };
}

function Clock({ session }: { session: RoomSession }) {
  const since = useSlice(session.roster, (roster) => roster.byId.get(roster.self)?.joinedAt);
  const at = useServerClock();
  if (since === undefined) return null;
  return (
    <time role="timer" className="hidden text-muted tabular-nums sm:block">
      {clockOf(at - since)}
    </time>
  );
}

/** How the connection stands, when there is something to say. */
export function Standing({ session }: { session: RoomSession }) {
  const text = useText();
  const view = useSlice(session.connection);
  const blocked = useSlice(session.media.audio.blocked);
  const { upload, download } = useSlice(session.stats.quality);
  if (view.state === "connecting") return <Pill tone="calm">{text.room.connecting[view.step]}</Pill>;
  if (view.state === "moved") return <Pill tone="calm">{text.room.moved}</Pill>;
  if (view.state === "reconnecting") return <Reconnecting view={view} />;
  if (blocked) {
    return (
      <Pill tone="warn" icon={<VolumeX size={15} aria-hidden />}>
        <span className="hidden sm:inline">{text.room.soundBlocked} </span>
        <button type="button" className="font-semibold underline underline-offset-2" onClick={() => void session.media.audio.unblock()}>
          {text.room.soundOn}
        </button>
      </Pill>
    );
  }
  if (upload === "weak") return <Pill tone="warn">{text.room.weakUp}</Pill>;
  if (download === "weak") return <Pill tone="warn">{text.room.weakDown}</Pill>;
  return null;
}

function Reconnecting({ view }: { view: Extract<ConnectionView, { state: "reconnecting" }> }) {
  const text = useText();
  const seconds = useSeconds(view.since);
  return <Pill tone="warn">{view.part === "line" ? text.room.reconnectingLine(seconds) : text.room.reconnectingMedia(seconds)}</Pill>;
}

function Pill({ tone, icon, children }: { tone: "calm" | "warn"; icon?: ReactNode; children: ReactNode }) {
  const warn = tone === "warn";
  return (
    <p
      role={warn ? undefined : "status"}
      className={cx(
        "flex max-w-full min-w-0 items-center gap-2 rounded-pill px-3 py-[5px] text-sm",
        warn ? "bg-[color-mix(in_oklab,var(--warn)_16%,transparent)] text-warn" : "bg-raised text-muted",
      )}
    >
      {warn && (icon ?? <TriangleAlert size={15} aria-hidden className="shrink-0" />)}
      <span className="min-w-0 truncate">{children}</span>
    </p>
  );
}
