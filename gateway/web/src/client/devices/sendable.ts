/**
 * The kinds of things that a person sends, as far as a room tells them apart.
 *
 * **Invariant:** each is one of what the host can allow.
 */
import type { Allowed } from "../protocol/generated";

/** A screen's sound goes with the screen. */
export type Sendable = keyof Allowed;

export const sendables: readonly Sendable[] = ["microphone", "camera", "screen"];

export const everything: Allowed = { microphone: true, camera: true, screen: true };
