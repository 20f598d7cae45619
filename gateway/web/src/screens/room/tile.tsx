/**
 * One person's tile: picture or initials, name, muted mark, the ring of the voice, a veil while reconnecting.
 *
 * **Invariant:** levels go straight into the ring; a tile is drawn again only for its own person's changes.
 */
import { MicOff } from "lucide-react";
import { memo, useEffect, useRef, useState, type CSSProperties, type ReactNode } from "react";

import { useText } from "../../app/i18n";
import { meter, now, type PeerId, type RoomSession } from "../../client";
import { Avatar } from "../../ui/avatar";
import { useLevel } from "../../ui/level";
import { useSlice } from "../../ui/use-slice";
import { MirrorVideo } from "../prejoin/preview";
import { useSeconds } from "./hooks";

interface FrameProps {
  name: string;
  label: string;
  muted: boolean;
  watch: (write: (level: number) => void) => () => void;
  watched: unknown;
  style: CSSProperties;
  peer: PeerId;
  children: ReactNode;
}

function Frame({ name, label, muted, watch, watched, style, peer, children }: FrameProps) {
  const text = useText();
  const ref = useLevel<HTMLElement>(watch, watched);
  return (
    <figure
      ref={ref}
      aria-label={label}
      data-tile={peer}
      style={style}
      className="ring-of-voice @container-[size] relative grid shrink-0 place-items-center overflow-hidden rounded-tile bg-surface"
    >
      <Avatar name={name} size="large" />
      {children}
      <figcaption className="absolute bottom-2.5 left-2.5 flex max-w-[calc(100%-20px)] items-center gap-1.5 rounded-[7px] bg-[oklch(0.12_0.01_250/0.72)] px-2 py-[3px] text-xs text-[oklch(0.97_0_0)]">
        {muted && <MicOff size={13} strokeWidth={2.4} aria-label={text.room.muted} className="shrink-0 text-[oklch(0.76_0.15_25)]" />}
        <span dir="auto" className="truncate">
          {name}
        </span>
      </figcaption>
    </figure>
  );
}

export const Tile = memo(function Tile({ session, peer, style }: { session: RoomSession; peer: PeerId; style: CSSProperties }) {
  const text = useText();
  const name = useSlice(session.roster, (roster) => roster.byId.get(peer)?.displayName ?? "");
  const away = useSlice(session.roster, (roster) => roster.byId.get(peer)?.reconnecting ?? false);
  const tracks = useSlice(session.tracks, (view) => view.byPeer.get(peer));
  const camera = tracks?.find((track) => track.source === "camera" && !track.muted);
  const muted = !tracks?.some((track) => track.source === "microphone" && !track.muted);
  const picture = useSlice(session.slots, (slots) => (camera ? slots.get(camera.track) : undefined));
  return (
    <Frame
      peer={peer}
      name={name}
      label={text.room.tile(name, muted, camera !== undefined)}
      muted={muted}
      watch={(write) => session.levels.watch(peer, write)}
      watched={peer}
      style={style}
    >
      {picture && camera && <Picture key={camera.track} track={picture} id={camera.track} peer={peer} />}
      {away && <Veil />}
    </Frame>
  );
});

/** A received picture; shown from its first frame on, so that nothing flashes. */
function Picture({ track, id, peer }: { track: MediaStreamTrack; id: string; peer: PeerId }) {
  const ref = useRef<HTMLVideoElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
    };
  }, [track]);
  return (
    <video
      ref={ref}
      data-peer={peer}
      data-track={id}
      aria-hidden
      autoPlay
      playsInline
      muted
      onLoadedData={() => setSeen(true)}
      className={`calm absolute inset-0 size-full object-cover ${seen ? "opacity-100" : "opacity-0"}`}
    />
  );
}

function Veil() {
  const text = useText();
  const [since] = useState(now);
  const seconds = useSeconds(since);
  return (
    <p className="absolute inset-0 grid place-items-center bg-[oklch(0.14_0.01_250/0.66)] pt-[min(130px,60%)] text-sm text-[oklch(0.92_0.01_250)]">
      {text.room.reconnecting(seconds)}
    </p>
  );
}

export const SelfTile = memo(function SelfTile({ session, style }: { session: RoomSession; style: CSSProperties }) {
  const text = useText();
  const { microphone, camera } = useSlice(session.local.state);
  const self = useSlice(session.roster, (roster) => roster.self);
  const name = useSlice(session.roster, (roster) => roster.byId.get(roster.self)?.displayName ?? text.common.you);
  const heard = microphone.on ? microphone.track : null;
  return (
    <Frame
      peer={self}
      name={text.common.you}
      label={text.room.tile(text.room.you(name), !heard, camera.track !== null)}
      muted={!heard}
      watch={(write) => (heard ? meter(heard, (level) => write(level > 0.35 ? level : 0)) : (write(0), () => undefined))}
      watched={heard}
      style={style}
    >
      {camera.track && <MirrorVideo track={camera.track} label={text.prejoin.preview} />}
    </Frame>
  );
});
