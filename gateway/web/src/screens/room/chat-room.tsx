/**
 * A room for text only: the chat in the middle, people beside it.
 *
 * **Invariant:** nothing here asks for a device.
 */
import { LogOut, Users } from "lucide-react";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { Button } from "../../ui/button";
import { Sheet } from "../../ui/dialog";
import { useSlice } from "../../ui/use-slice";
import { useAnnouncements } from "./announcements";
import { ChatPanel } from "./chat-panel";
import { Standing } from "./header";
import { useNarrow } from "./hooks";
import { usePanel } from "./panel-state";
import { RosterPanel } from "./roster-panel";

export function ChatRoom({ session }: { session: RoomSession }) {
  const text = useText();
  const panel = usePanel();
  const narrow = useNarrow();
  const name = useSlice(session.roster, (roster) => roster.room.name);
  const count = useSlice(session.roster, (roster) => roster.peers.length);
  const connection = useSlice(session.connection, (view) => view.state);
  const open = panel.tab === "people";
  useAnnouncements(session);
  return (
    <div data-connection={connection} className="flex h-dvh flex-col overflow-hidden">
      <header className="flex h-15 shrink-0 items-center gap-3 border-b border-line px-4 sm:px-6">
        <h1 className="min-w-0 truncate text-base font-semibold">{name}</h1>
        <div className="flex min-w-0 flex-1 justify-center">
          <Standing session={session} />
        </div>
        <Button size="small" tone="plain" aria-label={text.room.peopleCount(count)} aria-expanded={open} onClick={() => panel.toggle("people")} data-opens="people" icon={<Users size={17} aria-hidden />}>
          <span className="tabular-nums">{count}</span>
        </Button>
        <Button size="small" icon={<LogOut size={15} aria-hidden />} onClick={() => session.leave()}>
          {text.room.leave}
        </Button>
      </header>
      <div className="flex min-h-0 flex-1">
        <main className="mx-auto flex min-h-0 w-full max-w-[760px] flex-1 flex-col">
          <ChatPanel session={session} focus={!narrow} />
        </main>
        {open && !narrow && (
          <aside aria-label={text.room.people} className="flex w-[300px] shrink-0 flex-col border-s border-line">
            <RosterPanel session={session} />
          </aside>
        )}
      </div>
      <Sheet open={open && narrow} onClose={panel.close} title={text.room.people}>
        <RosterPanel session={session} />
      </Sheet>
    </div>
  );
}
