/**
 * What is said to screen readers, and the notices about own devices.
 *
 * **Invariant:** a message is not read out while the chat, which is a live log itself, is open.
 */
import { useEffect, useRef } from "react";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { notify, say } from "../../ui/toast";

export function useAnnouncements(session: RoomSession, chatOpen: boolean): void {
  const text = useText();
  const open = useRef(chatOpen);
  open.current = chatOpen;
  useEffect(() => {
    const { said } = text.room;
    let before = session.local.state.get();
    let state = session.connection.get().state;
    const stops = [
      session.events.on("peer_joined", ({ peer }) => say(said.joined(peer.displayName))),
      session.events.on("peer_left", ({ peer }) => say(said.left(peer.displayName))),
      session.events.on("message", (message) => !open.current && say(said.message(message.displayName, message.text))),
      session.events.on("refused", ({ code }) => notify(text.codes[code])),
      session.local.events.on("replaced", ({ kind, label }) => notify(label === null ? text.room.deviceGone(kind) : text.room.deviceTaken(kind, label))),
      session.local.state.subscribe(() => {
        const { microphone, camera } = session.local.state.get();
        if (microphone.on !== before.microphone.on) say(microphone.on ? said.unmuted : said.muted);
        if (camera.on !== before.camera.on) say(camera.on ? said.cameraOn : said.cameraOff);
        for (const kind of ["microphone", "camera"] as const) {
          const { problem } = session.local.state.get()[kind];
          if (problem && problem !== before[kind].problem) notify(text.prejoin.problems[problem][kind]);
        }
        before = session.local.state.get();
      }),
      session.connection.subscribe(() => {
        const next = session.connection.get().state;
        if (next === "live" && state !== "live") say(said.live);
        if (next === "reconnecting" && state !== "reconnecting") say(text.room.reconnectingLine(0));
        state = next;
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, [session, text]);
}
