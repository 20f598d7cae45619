/**
 * One tile: a person's picture or initials, or a shared screen; name, muted mark, the ring of the voice, bars when the
 * connection is not good, a veil while reconnecting.
 *
 * **Invariant:** levels go straight into the ring; a tile is drawn again only for its own person's changes.
 */
import { MicOff, MonitorUp, Pin } from "lucide-react";
import { memo, useRef, useState, type CSSProperties, type ReactNode } from "react";

import { useText } from "../../app/i18n";
import { meter, now, type Bars, type PeerId, type RoomSession, type TrackId } from "../../client";
import { Avatar } from "../../ui/avatar";
import { Button } from "../../ui/button";
import { cx } from "../../ui/cx";
import { useLevel } from "../../ui/level";
import { useSlice } from "../../ui/use-slice";
import { MirrorVideo } from "../prejoin/preview";
import type { Box } from "./arrange";
import { useSeconds } from "./hooks";
import { Picture, Still } from "./picture";
import type { RoomView } from "./room-view";
import { TileMenu } from "./tile-menu";

export function styleOf({ x, y, width, height }: Box): CSSProperties {
  return { insetInlineStart: x, top: y, width, height };
}

interface FrameProps {
  name: string;
  label: string;
  muted: boolean;
  pinned: boolean;
  bars?: Bars | undefined;
  watch: (write: (level: number) => void) => () => void;
  watched: unknown;
  box: Box;
  tile: string;
  children: ReactNode;
  className?: string;
  /** So small that only the muted mark is written on it. */
  small?: boolean;
}

const still = (write: (level: number) => void): (() => void) => {
  write(0);
  return () => undefined;
};

export function Frame({ name, label, muted, pinned, bars, watch, watched, box, tile, children, className, small = false }: FrameProps) {
  const text = useText();
  const ref = useLevel<HTMLElement>(watch, watched);
  return (
    <figure
      ref={ref}
      aria-label={label}
      data-tile={tile}
      style={styleOf(box)}
      className={cx("ring-of-voice group/tile @container-[size] absolute grid place-items-center overflow-hidden rounded-tile bg-surface", className)}
    >
      {children}
      <figcaption hidden={small && !muted} className="absolute start-2.5 bottom-2.5 flex max-w-[calc(100%-20px)] items-center gap-1.5 rounded-[7px] bg-[oklch(0.12_0.01_250/0.72)] px-2 py-[3px] text-xs text-[oklch(0.97_0_0)]">
        {pinned && <Pin size={12} strokeWidth={2.4} role="img" aria-label={text.room.pinned} className="shrink-0" />}
        {muted && <MicOff size={13} strokeWidth={2.4} role="img" aria-label={text.room.muted} className="shrink-0 text-[oklch(0.76_0.15_25)]" />}
        <span dir="auto" className={small ? "sr-only" : "truncate"}>
          {name}
        </span>
      </figcaption>
      {bars && <QualityBars bars={bars} />}
    </figure>
  );
}

/** Three bars of which some are lit; only drawn where it is not all of them. */
function QualityBars({ bars }: { bars: Bars }) {
  const text = useText();
  return (
    <span role="img" aria-label={text.room.bars[bars]} className="absolute end-2.5 bottom-2.5 flex items-end gap-[3px] rounded-[7px] bg-[oklch(0.12_0.01_250/0.72)] p-1.5">
      {[5, 9, 13].map((height, i) => (
        <span key={height} style={{ height }} className={cx("w-[3px] rounded-full", i < bars ? "bg-warn" : "bg-[oklch(0.97_0_0/0.35)]")} />
      ))}
    </span>
  );
}

/** Equal boxes are the same box, though the arrangement was worked out anew. */
export function sameTile<P extends { box: Box }>(a: P, b: P): boolean {
  const { box: one, ...before } = a;
  const { box: other, ...after } = b;
  const same = one.x === other.x && one.y === other.y && one.width === other.width && one.height === other.height;
  return same && (Object.keys(after) as (keyof typeof after)[]).every((key) => Object.is(before[key], after[key]));
}

interface TileProps {
  session: RoomSession;
  view: RoomView;
  box: Box;
  /** Without a menu, in the small window. */
  bare?: boolean;
}

export const Tile = memo(function Tile({ session, view, peer, box, bare = false }: TileProps & { peer: PeerId }) {
  const text = useText();
  const name = useSlice(session.roster, (roster) => roster.byId.get(peer)?.displayName ?? "");
  const away = useSlice(session.roster, (roster) => roster.byId.get(peer)?.reconnecting ?? false);
  const tracks = useSlice(session.tracks, (all) => all.byPeer.get(peer));
  const pinned = useSlice(view, (now) => now.pinned === peer);
  const camera = tracks?.find((track) => track.source === "camera" && !track.muted);
  const muted = !tracks?.some((track) => track.source === "microphone" && !track.muted);
  const picture = useSlice(session.slots, (slots) => (camera ? slots.get(camera.track) : undefined));
  const bars = useSlice(session.stats.weak, (weak) => (camera ? weak.get(camera.track) : undefined));
  const canvas = useRef<HTMLCanvasElement>(null);
  return (
    <Frame
      tile={peer}
      name={name}
      label={text.room.tile(name, muted, camera !== undefined)}
      muted={muted}
      pinned={pinned}
      bars={away ? undefined : bars}
      watch={(write) => session.levels.watch(peer, write)}
      watched={peer}
      box={box}
    >
      <Avatar name={name} size="large" />
      <Still canvas={canvas} shown={camera !== undefined} />
      {picture && camera && <Picture key={camera.track} track={picture} id={camera.track} peer={peer} still={canvas} />}
      {away && <Veil />}
      {!bare && <TileMenu session={session} view={view} tile={peer} name={name} />}
    </Frame>
  );
}, sameTile);

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

/** A shared screen, shown whole. */
export const ScreenTile = memo(function ScreenTile({ session, view, track, box, bare = false }: TileProps & { track: TrackId }) {
  const text = useText();
  const peer = useSlice(session.tracks, (all) => all.byId.get(track)?.peer ?? "");
  const person = useSlice(session.roster, (roster) => roster.byId.get(peer)?.displayName ?? "");
  const own = useSlice(session.roster, (roster) => roster.self === peer);
  const pinned = useSlice(view, (now) => now.pinned === track);
  const picture = useSlice(session.slots, (slots) => slots.get(track));
  const bars = useSlice(session.stats.weak, (weak) => weak.get(track));
  const canvas = useRef<HTMLCanvasElement>(null);
  const name = own ? text.room.ownScreen : text.room.screenOf(person);
  return (
    <Frame tile={track} name={name} label={own ? text.room.ownScreen : text.room.screenTile(person)} muted={false} pinned={pinned} bars={bars} watch={still} watched={track} box={box}>
      {own ? (
        <OwnScreen session={session} track={track} />
      ) : (
        <>
          <MonitorUp size={32} aria-hidden className="text-faint" />
          <Still canvas={canvas} shown whole />
          {picture && <Picture track={picture} id={track} peer={peer} whole still={canvas} />}
        </>
      )}
      {!own && !bare && <TileMenu session={session} view={view} tile={track} name={name} screen />}
    </Frame>
  );
}, sameTile);

/** What one shares oneself is not shown again: a hall of mirrors helps nobody. */
function OwnScreen({ session, track }: { session: RoomSession; track: TrackId }) {
  const text = useText();
  const shares = useSlice(session.local.screens.state);
  const share = shares.find((one) => session.media.screenTrack(one) === track);
  return (
    <div className="flex flex-col items-center gap-2.5 p-3 pb-9 text-center text-sm text-muted">
      <MonitorUp size={26} aria-hidden className="text-accent" />
      <span className="hidden @min-[180px]:block">{text.room.sharing}</span>
      {share && (
        <Button size="small" onClick={() => session.local.screens.stop(share.place)}>
          {text.room.shareStop}
        </Button>
      )}
    </div>
  );
}

/** The ring of the own voice starts above the noise of a room. */
const OWN_VOICE = 0.35;

export const SelfTile = memo(function SelfTile({ session, view, box, floating, className }: TileProps & { floating?: ReactNode; className?: string }) {
  const text = useText();
  const { microphone, camera } = useSlice(session.local.state);
  const self = useSlice(session.roster, (roster) => roster.self);
  const name = useSlice(session.roster, (roster) => roster.byId.get(roster.self)?.displayName ?? text.common.you);
  const pinned = useSlice(view, (now) => now.pinned === self);
  const heard = microphone.on ? microphone.track : null;
  return (
    <Frame
      tile={self}
      name={text.common.you}
      label={text.room.tile(text.room.you(name), !heard, camera.track !== null)}
      muted={!heard}
      pinned={pinned}
      watch={(write) => (heard ? meter(heard, (level) => write(level > OWN_VOICE ? level : 0)) : still(write))}
      watched={heard}
      box={box}
      className={className ?? ""}
      small={floating !== undefined}
    >
      <Avatar name={name} size="large" />
      {camera.track && <MirrorVideo track={camera.track} label={text.prejoin.preview} />}
      {floating ?? <TileMenu session={session} view={view} tile={self} name={text.common.you} own />}
    </Frame>
  );
}, sameTile);
