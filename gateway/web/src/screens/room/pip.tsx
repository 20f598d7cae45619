/**
 * Picture in picture: the stage in a small window above all others, with the controls where the browser has windows for
 * documents, else only the picture.
 *
 * **Invariant:** the small window shows the same session; closing either of them closes nothing of the call.
 */
import { Mic, MicOff, PhoneOff, Video, VideoOff } from "lucide-react";
import { useCallback, useEffect, useState, type ReactNode } from "react";
import { createPortal } from "react-dom";

import { useText } from "../../app/i18n";
import type { RoomSession } from "../../client";
import { cx } from "../../ui/cx";
import { notify } from "../../ui/toast";
import { useSlice } from "../../ui/use-slice";
import type { TileKey } from "./arrange";
import { useSize } from "./hooks";
import type { RoomView } from "./room-view";
import { ScreenTile, SelfTile, Tile } from "./tile";
import { toggleDevice } from "./use-room-keys";

interface DocumentPip {
  requestWindow(options: { width: number; height: number }): Promise<Window>;
}

const documentPip = (): DocumentPip | undefined => (window as { documentPictureInPicture?: DocumentPip }).documentPictureInPicture;

export const canPip = (): boolean => documentPip() !== undefined || document.pictureInPictureEnabled;

/** Opens or closes the small window; to be called from a click. */
export function usePip(session: RoomSession, view: RoomView): () => void {
  const text = useText();
  return useCallback(() => {
    const open = view.get().pip;
    if (open) return open.window.close();
    void start(session, view).catch(() => notify(text.room.pipFailed));
  }, [session, view, text]);
}

async function start(session: RoomSession, view: RoomView): Promise<void> {
  const pip = documentPip();
  if (!pip) return picture();
  const small = await pip.requestWindow({ width: 400, height: 270 });
  dress(small.document);
  small.addEventListener("pagehide", () => view.patch({ pip: null }));
  view.patch({ pip: { tile: subject(session, view), window: small } });
}

/** Where only pictures can float: the largest one of the stage. */
async function picture(): Promise<void> {
  if (document.pictureInPictureElement) return document.exitPictureInPicture();
  const videos = [...document.querySelectorAll<HTMLVideoElement>("main video[data-track]")].filter((video) => video.videoWidth > 0);
  const largest = videos.sort((a, b) => b.clientWidth * b.clientHeight - a.clientWidth * a.clientHeight)[0];
  if (!largest) throw new Error("no picture");
  await largest.requestPictureInPicture();
}

/** The page's own style sheets and theme, since a new document has none. */
function dress(small: Document): void {
  for (const sheet of document.querySelectorAll('link[rel="stylesheet"], style')) small.head.append(sheet.cloneNode(true));
  small.title = document.title;
  small.documentElement.lang = document.documentElement.lang;
  small.documentElement.dir = document.documentElement.dir;
  small.documentElement.dataset["theme"] = "dark";
  small.body.className = "bg-stage";
}

/** What is worth showing: what is large, who spoke last, or whoever is there. */
function subject(session: RoomSession, view: RoomView): TileKey {
  const { self, peers } = session.roster.get();
  const here = (key: TileKey): boolean => peers.some((peer) => peer.peer === key && key !== self);
  return view.get().focus ?? session.spoke.get().find(here) ?? peers.find((peer) => here(peer.peer))?.peer ?? self;
}

export function Pip({ session, view }: { session: RoomSession; view: RoomView }) {
  const open = useSlice(view, (now) => now.pip);
  // It follows what happens on the stage.
  useEffect(() => {
    if (!open) return;
    const follow = (): void => {
      const now = view.get().pip;
      const tile = subject(session, view);
      if (now && now.tile !== tile) view.patch({ pip: { ...now, tile } });
    };
    const stops = [session.spoke.subscribe(follow), session.roster.subscribe(follow), view.subscribe(follow)];
    return () => stops.forEach((stop) => stop());
  }, [open, session, view]);
  useEffect(() => () => view.get().pip?.window.close(), [view]);
  if (!open) return null;
  return createPortal(<SmallStage session={session} view={view} tile={open.tile} />, open.window.document.body);
}

function SmallStage({ session, view, tile }: { session: RoomSession; view: RoomView; tile: TileKey }) {
  const text = useText();
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const self = useSlice(session.roster, (roster) => roster.self);
  const screen = useSlice(session.tracks, (all) => all.byId.get(tile)?.source === "screen");
  const box = { x: 0, y: 0, width, height };
  return (
    <div className="flex h-dvh flex-col gap-2 bg-stage p-2 text-text">
      <div ref={ref} className="relative min-h-0 flex-1">
        {width > 0 &&
          (screen ? (
            <ScreenTile session={session} view={view} track={tile} box={box} bare />
          ) : tile === self ? (
            <SelfTile session={session} view={view} box={box} floating={<></>} />
          ) : (
            <Tile session={session} view={view} peer={tile} box={box} bare />
          ))}
      </div>
      <div role="toolbar" aria-label={text.room.bar} className="flex justify-center gap-2">
        <Toggle session={session} kind="microphone" />
        <Toggle session={session} kind="camera" />
        <Small label={text.room.leave} danger onClick={() => session.leave()}>
          <PhoneOff size={17} aria-hidden />
        </Small>
      </div>
    </div>
  );
}

function Toggle({ session, kind }: { session: RoomSession; kind: "microphone" | "camera" }) {
  const text = useText();
  const on = useSlice(session.local.state, (state) => state[kind].on);
  const microphone = kind === "microphone";
  const label = microphone ? (on ? text.room.mute : text.room.unmute) : on ? text.room.cameraOff : text.room.cameraOn;
  const Icon = microphone ? (on ? Mic : MicOff) : on ? Video : VideoOff;
  return (
    <Small label={label} off={!on} onClick={() => toggleDevice(session, kind)}>
      <Icon size={17} aria-hidden />
    </Small>
  );
}

function Small({ label, off = false, danger = false, onClick, children }: { label: string; off?: boolean; danger?: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      onClick={onClick}
      className={cx("calm grid h-9 w-12 place-items-center rounded-[11px]", danger ? "bg-danger text-danger-ink" : off ? "bg-[color-mix(in_oklab,var(--danger)_24%,var(--raised))] text-danger-text" : "bg-raised hover:bg-hover")}
    >
      {children}
    </button>
  );
}

/** Whether a picture floats outside of the page now. */
export function useFloats(view: RoomView): boolean {
  const windowed = useSlice(view, (now) => now.pip !== null);
  const [video, setVideo] = useState(() => document.pictureInPictureElement !== null);
  useEffect(() => {
    const read = (): void => setVideo(document.pictureInPictureElement !== null);
    document.addEventListener("enterpictureinpicture", read, true);
    document.addEventListener("leavepictureinpicture", read, true);
    return () => {
      document.removeEventListener("enterpictureinpicture", read, true);
      document.removeEventListener("leavepictureinpicture", read, true);
    };
  }, []);
  return windowed || video;
}
