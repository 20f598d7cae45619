// What a bench's figures are held to, each with where its bound comes from.
//
// Invariant: a figure stands here once, and a bound is loosened only together with its source.

/**
 * @typedef {object} Promised
 * @property {string} name of the figure
 * @property {string} part of the bench that measures it
 * @property {string} unit as the figure prints it
 * @property {number} [atMost]
 * @property {number} [atLeast]
 * @property {{ of: string, part: number }} [share] the bound on a machine that cannot reach it even without us: this part
 *   of what another figure of the same run says the machine can do, where that is easier
 * @property {string} source
 */

const G114 = "ITU-T G.114: up to 150 ms one way, talking is as in one room";
const BT1359 = "150 ms of the sound (ITU-T G.114) and the 45 ms from which on lips are seen to be late (ITU-R BT.1359)";
const FREEZE = "W3C webrtc-stats counts a freeze from 150 ms beyond the usual time between two frames, which is 33 to 67 ms";
const LOST = "beyond 100 ms what a decoder makes up has faded, and a syllable is lost";
const RAIL = "half of the second within which a person does not notice having waited";
const LONG = "W3C Long Tasks: beyond 50 ms a page answers late";
const FLOOR = "what deciding, receiving and remembering may cost beside sealing and sending alone, measured in the same run";
const CALM = "what a person does not notice, with room for the way to another region";
const SENT = "the 15 a second that are sent, less one in twenty";
const DISPLAY = "60 a second, which is what a display shows, less one frame in twenty that a machine's own timers lose";

/** @type {Promised[]} */
export const promises = [
  { name: "forward_over_floor_f8_ratio", part: "node", unit: "times", atMost: 1.8, source: FLOOR },
  { name: "forward_over_floor_f4_ratio", part: "node", unit: "times", atMost: 2, source: FLOOR },
  { name: "forward_over_floor_real_ratio", part: "node", unit: "times", atMost: 2.5, source: FLOOR },
  { name: "forward_real_in_runs_of_6", part: "node", unit: "percent", atLeast: 66.7, source: "segmentation pays from runs of six on" },
  ...["f4", "f8", "real"].map((frames) => ({ name: `forward_${frames}_loss`, part: "node", unit: "percent", atMost: 0.1, source: "on loopback what is lost was lost by us" })),
  { name: "forward_50_over_200_ratio", part: "node", unit: "times", atMost: 1.3, source: "a small room must not pay for a large one's batches" },
  { name: "idle_1000_rooms_cpu", part: "node", unit: "percent", atMost: 1, source: "rooms that are silent cost nothing that counts" },
  { name: "forward_latency_p99", part: "node", unit: "ms", atMost: 10, source: "a fifteenth of what ITU-T G.114 grants the whole way" },
  { name: "memory_receiving_peer", part: "node", unit: "kB", atMost: 450, source: "LiveKit 1,150 kB and mediasoup 203 kB for a viewer of one publisher" },
  { name: "join_to_media_p95", part: "node", unit: "ms", atMost: 150, source: CALM },
  { name: "chat_delivered_p99", part: "node", unit: "ms", atMost: 100, source: CALM },
  ...["me", "rooms", "room", "messages", "join"].map((route) => ({ name: `rest_${route}_p95`, part: "node", unit: "ms", atMost: 200, source: CALM })),
  { name: "camera_to_screen_direct_p95", part: "browser", unit: "ms", atMost: 200, source: BT1359 },
  { name: "camera_to_screen_server_p95", part: "browser", unit: "ms", atMost: 200, source: BT1359 },
  { name: "tone_to_ear_direct_p95", part: "browser", unit: "ms", atMost: 150, source: G114 },
  { name: "tone_to_ear_server_p95", part: "browser", unit: "ms", atMost: 150, source: G114 },
  { name: "move_picture_gap_max", part: "browser", unit: "ms", atMost: 200, source: FREEZE },
  { name: "move_sound_gap_max", part: "browser", unit: "ms", atMost: 100, source: LOST },
  { name: "join_to_picture_count", part: "browser", unit: "joins", atLeast: 30, source: "fewer say nothing of the slowest in twenty" },
  { name: "join_to_picture_p95", part: "browser", unit: "ms", atMost: 500, source: RAIL },
  { name: "heap_after_200_calls", part: "browser", unit: "times", atMost: 1.1, source: "what grows with each call ends a tab that is open all day" },
  ...[12, 25].flatMap((tiles) => [
    { name: `page_rate_${tiles}_tiles`, part: "browser", unit: "fps", atLeast: 57, share: { of: `bare_page_rate_${tiles}_tiles`, part: 0.95 }, source: DISPLAY },
    { name: `video_rate_${tiles}_tiles_min`, part: "browser", unit: "fps", atLeast: 14.25, share: { of: `bare_video_rate_${tiles}_tiles_min`, part: 0.95 }, source: SENT },
    { name: `long_tasks_${tiles}_tiles`, part: "browser", unit: "tasks", atMost: 0, share: { of: `bare_long_tasks_${tiles}_tiles`, part: 1 }, source: LONG },
    { name: `task_work_${tiles}_tiles_max`, part: "browser", unit: "ms", atMost: 50, source: LONG },
  ]),
];
