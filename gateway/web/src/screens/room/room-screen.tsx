/**
 * The room: stage, controls, people, chat.
 *
 * **Invariant:** this component is drawn again only when the kind of room, what is open or the connection's state changes;
 * everything livelier is read further down.
 */
import { useState } from "react";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { useSlice } from "../../ui/use-slice";
import { useTitle } from "../shared/use-title";
import { AllowedDialog } from "./allowed-dialog";
import { useAnnouncements } from "./announcements";
import { ChatRoom } from "./chat-room";
import { ControlBar } from "./control-bar";
import { Header } from "./header";
import { useNarrow, useNetwork } from "./hooks";
import { KeysDialog } from "./keys-dialog";
import { Panel } from "./panel";
import { usePanel } from "./panel-state";
import { Pip } from "./pip";
import { RoomView } from "./room-view";
import { Stage } from "./stage";
import { StatsOverlay } from "./stats-overlay";
import { useRoomKeys } from "./use-room-keys";

export default function RoomScreen({ session }: { session: RoomSession }) {
  const kind = useSlice(session.roster, (roster) => roster.room.kind);
  const name = useSlice(session.roster, (roster) => roster.room.name);
  useTitle(name);
  return kind === "chat" ? <ChatRoom session={session} /> : <CallRoom session={session} />;
}

function CallRoom({ session }: { session: RoomSession }) {
  const text = useText();
  const panel = usePanel();
  const [view] = useState(() => new RoomView());
  const stats = useSlice(view, (now) => now.stats);
  const keys = useSlice(view, (now) => now.keys);
  const allowed = useSlice(view, (now) => now.allowed);
  const narrow = useNarrow();
  const connection = useSlice(session.connection, (view) => view.state);
  const step = useSlice(session.connection, (view) => (view.state === "connecting" ? view.step : undefined));
  useNetwork(session);
  useRoomKeys(session, view, panel);
  useAnnouncements(session);
  return (
    <div
      data-connection={connection}
      data-step={step}
      className={`grid h-dvh grid-rows-[minmax(0,1fr)] overflow-hidden ${panel.tab && !narrow ? "grid-cols-[minmax(0,1fr)_340px]" : "grid-cols-[minmax(0,1fr)]"}`}
    >
      <div data-theme="dark" className="grid min-h-0 grid-rows-[52px_minmax(0,1fr)_76px] bg-stage">
        <Header session={session} view={view} narrow={narrow} />
        <main aria-label={text.room.stage} className="relative min-h-0 px-2 sm:px-4">
          <Stage session={session} view={view} narrow={narrow} />
          {stats && <StatsOverlay session={session} onClose={() => view.patch({ stats: false })} />}
        </main>
        <ControlBar session={session} view={view} panel={panel} narrow={narrow} />
      </div>
      <Panel session={session} view={view} panel={panel} narrow={narrow} />
      <KeysDialog open={keys} onClose={() => view.patch({ keys: false })} />
      <AllowedDialog session={session} open={allowed} onClose={() => view.patch({ allowed: false })} />
      <Pip session={session} view={view} />
    </div>
  );
}
