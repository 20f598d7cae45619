/**
 * What is said to screen readers, and the notices about own devices.
 *
 * **Invariant:** a message is read out once, as it comes; the chat itself is silent, since its rows come and go as one scrolls.
 */
import { useEffect } from "react";

import { useText, type Catalogue } from "../../app/i18n";
import { plainOf, type RoomSession, type Sendable, type TrackId } from "../../client";
import { notify, say, tell } from "../../ui/toast";

export function useAnnouncements(session: RoomSession): void {
  const text = useText();
  useEffect(() => {
    const { said } = text.room;
    let before = session.local.state.get();
    let state = session.connection.get().state;
    let weak = session.stats.quality.get();
    const stops = [
      session.events.on("peer_joined", ({ peer }) => tell(said.joined(peer.displayName))),
      session.events.on("peer_left", ({ peer }) => tell(said.left(peer.displayName))),
      session.events.on("message", (message) => tell(said.message(message.displayName, plainOf(message.text)))),
      session.events.on("refused", ({ code }) => notify(text.codes[code])),
      session.events.on("allowed", ({ barred, stopped, again }) => notify(allowedSentences(text, barred, stopped, again))),
      session.local.events.on("barred", ({ what }) => notify(text.room.barred([what]))),
      session.local.events.on("replaced", ({ kind, label }) => notify(label === null ? text.room.deviceGone(kind) : text.room.deviceTaken(kind, label))),
      session.local.screens.events.on("ended", () => notify(text.room.shareEnded)),
      session.local.screens.events.on("failed", () => notify(text.room.shareFailed)),
      ...shares(session, said),
      session.stats.quality.subscribe(() => {
        const { upload, download } = session.stats.quality.get();
        if (upload === "weak" && weak.upload !== "weak") say(said.weakUp);
        if (download === "weak" && weak.download !== "weak") say(said.weakDown);
        weak = session.stats.quality.get();
      }),
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
        if (next === "moved") say(said.moved);
        else if (next === "live" && state !== "live" && state !== "moved") say(said.live);
        if (next === "reconnecting" && state !== "reconnecting") say(text.room.reconnectingLine(0));
        state = next;
      }),
    ];
    return () => stops.forEach((stop) => stop());
  }, [session, text]);
}

/** What the host lets one send, and what became of it: one notice, since of two only the later would be read out. */
function allowedSentences({ room }: Catalogue, barred: Sendable[], stopped: Sendable[], again: Sendable[]): string {
  const others = barred.filter((what) => !stopped.includes(what));
  const sentences = [stopped.length > 0 && room.barredAndStopped(stopped), others.length > 0 && room.barred(others), again.length > 0 && room.allowedAgain(again)];
  return sentences.filter(Boolean).join(" ");
}

/** Screens that begin to be shared: others' as what happens in the room, one's own as what one did. */
function shares(session: RoomSession, said: Catalogue["room"]["said"]): (() => void)[] {
  let known = new Set(screensOf(session));
  let own = session.local.screens.state.get().length;
  return [
    session.tracks.subscribe(() => {
      const now = new Set(screensOf(session));
      const { byId, self } = session.roster.get();
      for (const track of now) {
        const peer = session.tracks.get().byId.get(track)?.peer ?? "";
        if (!known.has(track) && peer !== self) tell(said.shares(byId.get(peer)?.displayName ?? ""));
      }
      known = now;
    }),
    session.local.screens.state.subscribe(() => {
      const now = session.local.screens.state.get().length;
      if (now !== own) say(now > own ? said.sharing : said.sharingEnded);
      own = now;
    }),
  ];
}

function screensOf(session: RoomSession): TrackId[] {
  return [...session.tracks.get().byId.values()].filter((track) => track.source === "screen").map((track) => track.track);
}
