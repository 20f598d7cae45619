/**
 * Which slot shows whom. Pure: from what is wanted and what is bound to the messages that lead from one to the other.
 *
 * **Invariant:** camera and microphone of one person share a slot (browsers keep lips in step by it), a person keeps its
 * slot while wanted, and no slot is bound to two.
 */
import { limits, type MediaKind, type SlotIndex, type TrackId, type WantedSize } from "../protocol/generated";

/** Something that takes one slot pair: a person, or a person's shared screen. */
export interface Want {
  /** Stable while it is the same person or screen. */
  key: string;
  /** `silent`: muted, so that nothing is to be expected; the slot is kept all the same, for a quick return. */
  video?: { track: TrackId; size?: WantedSize; silent?: boolean };
  audio?: { track: TrackId; silent?: boolean };
}

export interface Bound {
  key: string;
  video?: { track: TrackId; size?: WantedSize };
  audio?: { track: TrackId };
}

export type SlotAction =
  | { do: "subscribe"; slot: SlotIndex; kind: MediaKind; track: TrackId; size?: WantedSize }
  | { do: "unsubscribe"; slot: SlotIndex; kind: MediaKind };

export interface Plan {
  actions: SlotAction[];
  bound: Map<SlotIndex, Bound>;
  /** How many pairs there should be, if the present ones are too few. */
  pairs?: number;
}

/** Pairs are asked for in eights, as the server grows them. */
const GROW_BY = 8;

/** `wants` is in falling importance: what does not fit goes without. `pairs` is the number of slots offered so far. */
export function planSlots(bound: ReadonlyMap<SlotIndex, Bound>, wants: readonly Want[], pairs: number): Plan {
  const served = wants.slice(0, Math.min(pairs, limits.slotPairs));
  const next = new Map<SlotIndex, Bound>();
  const placed = new Set<string>();
  const actions: SlotAction[] = [];
  const wanted = new Map(served.map((want) => [want.key, want]));
  for (const [slot, now] of bound) {
    if (slot >= pairs || !wanted.has(now.key) || placed.has(now.key)) continue;
    next.set(slot, now);
    placed.add(now.key);
  }
  for (const want of served) {
    if (placed.has(want.key)) continue;
    const slot = lowestFree(next, pairs);
    if (slot === undefined) break;
    next.set(slot, { key: want.key });
    placed.add(want.key);
  }
  for (const [slot, now] of next) {
    const want = wanted.get(now.key);
    if (want) next.set(slot, rebind(slot, bound.get(slot), want, actions));
  }
  for (const [slot, old] of bound) {
    if (next.has(slot)) continue;
    if (old.video) actions.push({ do: "unsubscribe", slot, kind: "video" });
    if (old.audio) actions.push({ do: "unsubscribe", slot, kind: "audio" });
  }
  const short = wants.length > pairs && pairs < limits.slotPairs;
  const grown = Math.min(limits.slotPairs, Math.ceil(wants.length / GROW_BY) * GROW_BY);
  return short ? { actions, bound: next, pairs: grown } : { actions, bound: next };
}

function lowestFree(taken: ReadonlyMap<SlotIndex, Bound>, pairs: number): SlotIndex | undefined {
  for (let slot = 0; slot < pairs; slot += 1) if (!taken.has(slot)) return slot;
  return undefined;
}

/** The messages that turn what a slot carries into what is wanted, both halves. */
function rebind(slot: SlotIndex, old: Bound | undefined, want: Want, actions: SlotAction[]): Bound {
  const video = old?.video;
  if (want.video && (video?.track !== want.video.track || !sameSize(video.size, want.video.size))) {
    actions.push({ do: "subscribe", slot, kind: "video", track: want.video.track, ...(want.video.size ? { size: want.video.size } : {}) });
  } else if (!want.video && video) actions.push({ do: "unsubscribe", slot, kind: "video" });
  if (want.audio && old?.audio?.track !== want.audio.track) {
    actions.push({ do: "subscribe", slot, kind: "audio", track: want.audio.track });
  } else if (!want.audio && old?.audio) actions.push({ do: "unsubscribe", slot, kind: "audio" });
  const { key } = want;
  return {
    key,
    ...(want.video ? { video: { track: want.video.track, ...(want.video.size ? { size: want.video.size } : {}) } } : {}),
    ...(want.audio ? { audio: { track: want.audio.track } } : {}),
  };
}

function sameSize(a: WantedSize | undefined, b: WantedSize | undefined): boolean {
  return a?.width === b?.width && a?.height === b?.height;
}
