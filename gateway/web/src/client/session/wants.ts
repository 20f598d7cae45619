/**
 * Who is to be received, and how large: from the room's tracks and what is on the screen. Pure.
 *
 * **Invariant:** a person keeps its slot while muted, so that its first word and picture come at once; what is out of sight
 * is wanted at 0 x 0, and a shared screen has a slot of its own beside its person's.
 */
import type { Want } from "../media/slot-plan";
import type { PeerId, TrackInfo, WantedSize } from "../protocol/generated";
import type { TileWant, TracksView } from "./views";

/** Sizes are rounded up to this, so that a pixel more or less is no message. */
const STEP_PX = 16;
/** The largest that is ever asked for. */
const EDGE_MAX = 4_096;

/** Whether any of it is on the screen: a stage that has no size yet has tiles without one. */
export const isSeen = (tile: TileWant): boolean => tile.width > 0 && tile.height > 0;

/** What a tile is of: a shared screen, or a person. */
export const tileName = (tile: TileWant): string => tile.screen ?? tile.peer;

/** Most important first: shared screens, who is seen, then the latest speakers, then open microphones, then by entering. */
export function wantsOf(tracks: TracksView, self: PeerId, tiles: readonly TileWant[], spoke: readonly PeerId[]): Want[] {
  const seen = new Map(tiles.filter(isSeen).map((tile) => [tileName(tile), tile]));
  const rank = (peer: PeerId): number => {
    if (seen.has(peer)) return 0;
    const at = spoke.indexOf(peer);
    if (at >= 0) return 1 + at;
    return tracks.byPeer.get(peer)?.some((track) => track.source === "microphone" && !track.muted) ? 1_000 : 2_000;
  };
  const peers = [...tracks.byPeer.keys()].filter((peer) => peer !== self);
  const screens = peers.flatMap((peer) => screensOf(tracks.byPeer.get(peer) ?? [], seen));
  const persons = peers
    .map((peer, order) => ({ peer, order, rank: rank(peer) }))
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .flatMap(({ peer }) => wantOf(peer, tracks.byPeer.get(peer) ?? [], seen.get(peer)));
  return [...screens, ...persons];
}

/** A person's screens, each with its sound: the first sound goes with the first screen, since both are published together. */
function screensOf(tracks: readonly TrackInfo[], seen: ReadonlyMap<string, TileWant>): Want[] {
  const sounds = tracks.filter((track) => track.source === "screen_audio");
  return tracks
    .filter((track) => track.source === "screen")
    .map((screen, i): Want => {
      const tile = seen.get(screen.track);
      const sound = sounds[i];
      return {
        key: screen.track,
        video: { track: screen.track, size: tile ? sizeOf(tile) : { width: 0, height: 0 }, silent: screen.muted || !tile },
        ...(sound ? { audio: { track: sound.track, silent: sound.muted } } : {}),
      };
    });
}

function wantOf(peer: PeerId, tracks: readonly TrackInfo[], tile: TileWant | undefined): Want[] {
  const camera = tracks.find((track) => track.source === "camera");
  const microphone = tracks.find((track) => track.source === "microphone");
  if (!camera && !microphone) return [];
  const size = tile ? sizeOf(tile) : { width: 0, height: 0 };
  return [
    {
      key: peer,
      ...(camera ? { video: { track: camera.track, size, silent: camera.muted || !tile } } : {}),
      ...(microphone ? { audio: { track: microphone.track, silent: microphone.muted } } : {}),
    },
  ];
}

function sizeOf(tile: TileWant): WantedSize {
  const edge = (px: number): number => Math.min(EDGE_MAX, Math.ceil(px / STEP_PX) * STEP_PX);
  return { width: edge(tile.width), height: edge(tile.height) };
}
