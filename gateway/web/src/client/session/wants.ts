/**
 * Who is to be received, and how large: from the room's tracks and what is on the screen. Pure.
 *
 * **Invariant:** muted tracks take no slot of their own kind, and everyone's sound comes before an unseen picture.
 */
import type { Want } from "../media/slot-plan";
import type { PeerId, TrackInfo, WantedSize } from "../protocol/generated";
import type { TileWant, TracksView } from "./views";

/** Sizes are rounded up to this, so that a pixel more or less is no message. */
const STEP_PX = 16;
/** The largest that is ever asked for. */
const EDGE_MAX = 4_096;

/** Most important first: seen on the screen, then the latest speakers, then by entering. */
export function wantsOf(tracks: TracksView, self: PeerId, tiles: readonly TileWant[], spoke: readonly PeerId[]): Want[] {
  const seen = new Map(tiles.filter((tile) => tile.width > 0 && tile.height > 0).map((tile) => [tile.peer, tile]));
  const rank = (peer: PeerId): number => {
    if (seen.has(peer)) return 0;
    const at = spoke.indexOf(peer);
    return at < 0 ? 1_000 : 1 + at;
  };
  const peers = [...tracks.byPeer.keys()].filter((peer) => peer !== self);
  return peers
    .map((peer, order) => ({ peer, order, rank: rank(peer) }))
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .flatMap(({ peer }) => wantOf(peer, tracks.byPeer.get(peer) ?? [], seen.get(peer)));
}

function wantOf(peer: PeerId, tracks: readonly TrackInfo[], tile: TileWant | undefined): Want[] {
  const camera = tracks.find((track) => track.source === "camera" && !track.muted);
  const microphone = tracks.find((track) => track.source === "microphone" && !track.muted);
  if (!camera && !microphone) return [];
  return [
    {
      key: peer,
      ...(camera ? { video: { track: camera.track, size: tile ? sizeOf(tile) : { width: 0, height: 0 } } } : {}),
      ...(microphone ? { audio: { track: microphone.track } } : {}),
    },
  ];
}

function sizeOf(tile: TileWant): WantedSize {
  const edge = (px: number): number => Math.min(EDGE_MAX, Math.ceil(px / STEP_PX) * STEP_PX);
  return { width: edge(tile.width), height: edge(tile.height) };
}
