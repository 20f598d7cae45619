/**
 * The side panel: people and chat, beside the stage or, on a narrow window, a sheet over it.
 *
 * **Invariant:** it follows the person's theme, unlike the stage.
 */
import * as Tabs from "@radix-ui/react-tabs";
import { X } from "lucide-react";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { IconButton } from "../../ui/button";
import { Sheet } from "../../ui/dialog";
import { useSlice } from "../../ui/use-slice";
import { ChatPanel } from "./chat-panel";
import type { PanelState, PanelTab } from "./panel-state";
import type { RoomView } from "./room-view";
import { RosterPanel } from "./roster-panel";

interface PanelProps {
  session: RoomSession;
  view: RoomView;
  panel: PanelState;
  narrow: boolean;
}

export function Panel({ session, view, panel, narrow }: PanelProps) {
  const text = useText();
  const content = panel.tab && <PanelTabs session={session} view={view} panel={panel} tab={panel.tab} />;
  if (narrow) {
    return (
      <Sheet open={panel.tab !== null} onClose={panel.close} title={text.room.panel}>
        {content}
      </Sheet>
    );
  }
  if (!content) return null;
  return (
    <aside aria-label={text.room.panel} className="flex min-h-0 flex-col border-s border-line bg-surface">
      {content}
    </aside>
  );
}

const tabClass =
  "calm -mb-px h-10 border-b-2 border-transparent px-2.5 text-muted hover:text-text data-[state=active]:border-accent data-[state=active]:font-semibold data-[state=active]:text-text";

function PanelTabs({ session, view, panel, tab }: { session: RoomSession; view: RoomView; panel: PanelState; tab: PanelTab }) {
  const text = useText();
  const count = useSlice(session.roster, (roster) => roster.peers.length);
  return (
    <Tabs.Root value={tab} onValueChange={(next) => panel.open(next as PanelTab)} className="flex min-h-0 flex-1 flex-col">
      <div className="flex h-[52px] shrink-0 items-end border-b border-line px-3">
        <Tabs.List aria-label={text.room.panel} className="flex gap-1">
          <Tabs.Trigger value="people" className={tabClass}>
            {text.room.peopleCount(count)}
          </Tabs.Trigger>
          <Tabs.Trigger value="chat" className={tabClass}>
            {text.room.chat}
          </Tabs.Trigger>
        </Tabs.List>
        <IconButton label={text.room.hidePanel} onClick={panel.close} className="ms-auto mb-1.5">
          <X size={17} aria-hidden />
        </IconButton>
      </div>
      <Tabs.Content value="people" className="flex min-h-0 flex-1 flex-col outline-none">
        <RosterPanel session={session} view={view} />
      </Tabs.Content>
      <Tabs.Content value="chat" className="flex min-h-0 flex-1 flex-col outline-none">
        <ChatPanel session={session} />
      </Tabs.Content>
    </Tabs.Root>
  );
}
