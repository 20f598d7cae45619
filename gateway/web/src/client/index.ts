/**
 * Rookery without a user interface: what may be imported from outside this folder.
 *
 * **Invariant:** nothing in this folder knows React or the page's markup.
 */
export { RookeryClient, browserEnvironment, type Entering, type Environment } from "./client";
export { debugSession, setUpDebug } from "./debug";
export { isOwn, type Author, type ChatView, type Outgoing } from "./chat/chat";
export { isOnlyEmoji, plainOf, readMarkdown, showsSomething, type Block, type Inline } from "./chat/markdown";
export { now, serverNow, wall } from "./clock";
export { loadJson, saveJson, type Choices, type KeyValue } from "./devices/choices";
export { LocalMedia, type DeviceInfo, type DeviceKind, type DeviceLists, type DeviceState, type MediaState } from "./devices/local-media";
export { meter } from "./devices/meter";
export { everything, sendables, type Sendable } from "./devices/sendable";
export type { DeviceProblem } from "./devices/problem";
export { SHARES_MAX, type Share } from "./devices/screens";
export { playTestSound } from "./devices/test-sound";
export { Refused, isPassing, type ClientCode } from "./errors";
export type { RoomQuery } from "./http/api";
export type { AuthState } from "./http/auth";
export * from "./protocol/generated";
export { allowedIn, mayISend } from "./session/allowed";
export { RoomSession } from "./session/session";
export type { ConnectionView, ConnectingStep, EndReason, RosterView, SlotsView, StoredSeat, TileWant, TracksView } from "./session/views";
export { Slice, type Readable } from "./slice";
export type { Bars, TrackFigures } from "./stats/figures";
export type { Quality } from "./stats/quality";
export { lasting } from "./storage";
