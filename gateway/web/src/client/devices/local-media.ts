/**
 * The own camera and microphone: opening, switching, turning off, and what is wrong with them. Used before joining and in
 * the call; the session only sends what is here.
 *
 * **Invariant:** a camera that is off is released, so its light is off; of two openings the later one wins; what the host
 * does not allow is off; and nothing is opened any more once this was closed.
 */
import { Emitter } from "../emitter";
import { Slice } from "../slice";
import { loadChoices, saveChoices, type Choices, type KeyValue } from "./choices";
import { problemOf, type DeviceProblem } from "./problem";
import type { Allowed } from "../protocol/generated";
import { ScreenShares, type ScreenSource } from "./screens";
import { everything, sendables, type Sendable } from "./sendable";

export type DeviceKind = "microphone" | "camera";

export interface DeviceState {
  /** What the person wants. */
  on: boolean;
  /** What there is; a muted microphone keeps its track. */
  track: MediaStreamTrack | null;
  opening: boolean;
  problem: DeviceProblem | null;
}

export interface DeviceInfo {
  id: string;
  label: string;
}

export interface DeviceLists {
  microphone: readonly DeviceInfo[];
  camera: readonly DeviceInfo[];
  speaker: readonly DeviceInfo[];
}

export interface MediaState {
  microphone: DeviceState;
  camera: DeviceState;
}

export interface DeviceEvents {
  /** A device in use went away and this one was taken instead, or none. */
  replaced: { kind: DeviceKind | "speaker"; label: string | null };
  /** The person wanted to send what the host does not allow. */
  barred: { what: Sendable };
}

export type DeviceSource = Pick<MediaDevices, "getUserMedia" | "enumerateDevices" | "addEventListener" | "removeEventListener"> & ScreenSource;

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const closed: DeviceState = { on: false, track: null, opening: false, problem: null };

export class LocalMedia {
  readonly state: Slice<MediaState>;
  readonly lists = new Slice<DeviceLists>({ microphone: [], camera: [], speaker: [] });
  readonly choices: Slice<Choices>;
  /** What the room lets this person send. */
  readonly allowed = new Slice<Allowed>(everything);
  readonly events = new Emitter<DeviceEvents>();
  readonly screens: ScreenShares;
  readonly #source: DeviceSource | undefined;
  readonly #store: KeyValue;
  readonly #turn: Record<DeviceKind, number> = { microphone: 0, camera: 0 };
  #talking = false;
  #closed = false;
  readonly #refresh = (): void => void this.refresh();

  constructor(source: DeviceSource | undefined, store: KeyValue) {
    this.#source = source;
    this.#store = store;
    this.screens = new ScreenShares(source, () => this.#may("screen"));
    this.choices = new Slice(loadChoices(store));
    this.state = new Slice<MediaState>({ microphone: closed, camera: closed });
    source?.addEventListener("devicechange", this.#refresh);
  }

  /** Opens what was on the last time, with one question of the browser for both. */
  async start(): Promise<void> {
    if (this.#closed) return;
    const { microphone, camera } = this.allowed.get();
    const [microphoneOn, cameraOn] = [this.choices.get().microphoneOn && microphone, this.choices.get().cameraOn && camera];
    if (microphoneOn && cameraOn && this.#source) await this.#openBoth(this.#source);
    else if (microphoneOn) await this.setOn("microphone", true);
    else if (cameraOn) await this.setOn("camera", true);
    await this.refresh();
  }

  /** Reads the list of devices again; names are known only once permission was given. */
  async refresh(): Promise<void> {
    const all = (await this.#source?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind): DeviceInfo[] =>
      all.filter((d) => d.kind === kind && d.deviceId !== "" && d.deviceId !== "communications").map((d) => ({ id: d.deviceId, label: d.label }));
    const before = this.lists.get().speaker;
    this.lists.set({ microphone: of("audioinput"), camera: of("videoinput"), speaker: of("audiooutput") });
    this.#checkSpeaker(before);
  }

  /** Push to talk: opens a closed microphone for as long as it is held, and remembers nothing of it. */
  async talk(held: boolean): Promise<void> {
    const { on } = this.state.get().microphone;
    if (held === this.#talking || (held && (on || !this.#may("microphone")))) return;
    this.#talking = held;
    await this.#turnTo("microphone", held);
  }

  /** Nothing but this may be sent from now on. What may not is turned off, and that is no choice to remember; returns what was on. */
  permit(allowed: Allowed): Sendable[] {
    const before = this.allowed.get();
    if (sendables.every((what) => before[what] === allowed[what])) return [];
    this.allowed.set(allowed);
    const stopped: Sendable[] = [];
    for (const kind of ["microphone", "camera"] as const) {
      if (allowed[kind] || !this.state.get()[kind].on) continue;
      stopped.push(kind);
      if (kind === "microphone") this.#talking = false;
      void this.#turnTo(kind, false);
    }
    if (!allowed.screen && this.screens.state.get().length > 0) {
      stopped.push("screen");
      this.screens.stopAll();
    }
    return stopped;
  }

  #may(what: Sendable): boolean {
    const may = this.allowed.get()[what];
    if (!may) this.events.emit("barred", { what });
    return may;
  }

  async setOn(kind: DeviceKind, on: boolean): Promise<void> {
    if (on && !this.#may(kind)) return;
    if (kind === "microphone") this.#talking = false;
    this.#remember(kind === "microphone" ? { microphoneOn: on } : { cameraOn: on });
    await this.#turnTo(kind, on);
  }

  async #turnTo(kind: DeviceKind, on: boolean): Promise<void> {
    const now = this.state.get()[kind];
    if (!on) {
      this.#turn[kind] += 1;
      if (kind === "camera") this.#release(kind);
      else if (now.track) now.track.enabled = false;
      const track = kind === "camera" ? null : now.track;
      return this.#set(kind, { on: false, opening: false, track, problem: null });
    }
    if (now.track?.readyState === "live") {
      now.track.enabled = true;
      return this.#set(kind, { on: true, problem: null });
    }
    await this.#open(kind);
  }

  /** Takes another device, at once if it is on. */
  async choose(kind: DeviceKind | "speaker", id: string): Promise<void> {
    this.#remember({ [kind]: id });
    if (kind === "speaker") return;
    const now = this.state.get()[kind];
    if (now.on) await this.#open(kind);
    else this.#release(kind);
  }

  /** Releases everything for good, e.g. after leaving. What the browser still asks or opens is released when it comes. */
  close(): void {
    this.#closed = true;
    for (const kind of ["microphone", "camera"] as const) {
      this.#turn[kind] += 1;
      this.#release(kind);
      this.#set(kind, { ...closed });
    }
    this.screens.close();
    this.#source?.removeEventListener("devicechange", this.#refresh);
  }

  async #open(kind: DeviceKind): Promise<boolean> {
    if (this.#closed || !this.allowed.get()[kind]) return false;
    const turn = (this.#turn[kind] += 1);
    // Nothing is known to be wrong while it is tried again, so that what is wrong then is said again.
    this.#set(kind, { on: true, opening: true, problem: null });
    try {
      const track = await this.#capture(kind);
      if (turn !== this.#turn[kind]) {
        track.stop();
        return false;
      }
      this.#take(kind, track, true);
      void this.refresh();
      return true;
    } catch (error) {
      if (turn !== this.#turn[kind]) return false;
      const problem = this.#source ? problemOf(error) : "insecure";
      this.#release(kind);
      this.#set(kind, { on: false, track: null, opening: false, problem });
      return false;
    }
  }

  /** Both at once; where that fails, each by itself, but without asking a second time what was just denied. */
  async #openBoth(source: DeviceSource): Promise<void> {
    const kinds = ["microphone", "camera"] as const;
    const turns = kinds.map((kind) => (this.#turn[kind] += 1));
    for (const kind of kinds) this.#set(kind, { on: true, opening: true });
    const choices = this.choices.get();
    try {
      const stream = await source.getUserMedia({
        audio: constraintsFor("microphone", choices.microphone),
        video: constraintsFor("camera", choices.camera),
      });
      const tracks = { microphone: stream.getAudioTracks()[0], camera: stream.getVideoTracks()[0] };
      kinds.forEach((kind, i) => this.#take(kind, tracks[kind], turns[i] === this.#turn[kind]));
    } catch (error) {
      const problem = problemOf(error);
      for (const [i, kind] of kinds.entries()) {
        const denied = problem === "denied" && !(await isGranted(kind));
        // Turned off, opened again or closed meanwhile: that stands.
        if (turns[i] !== this.#turn[kind]) continue;
        if (denied) this.#set(kind, { on: false, track: null, opening: false, problem });
        else await this.#open(kind);
      }
    }
  }

  #take(kind: DeviceKind, track: MediaStreamTrack | undefined, wanted: boolean): void {
    if (!wanted) return track?.stop();
    if (!track) return this.#set(kind, { on: false, opening: false, problem: "missing" });
    this.#release(kind);
    track.onended = () => void this.#lost(kind, track);
    this.#set(kind, { on: true, track, opening: false, problem: null });
  }

  async #capture(kind: DeviceKind): Promise<MediaStreamTrack> {
    const source = this.#source;
    if (!source) throw new Error("no devices on this page");
    const wanted = this.choices.get()[kind];
    const take = async (id: string): Promise<MediaStreamTrack> => {
      const stream = await source.getUserMedia({ [kind === "camera" ? "video" : "audio"]: constraintsFor(kind, id) });
      const [track] = stream.getTracks();
      if (!track) throw new DOMException("no track", "NotFoundError");
      return track;
    };
    try {
      return await take(wanted);
    } catch (error) {
      // The remembered device is not plugged in today: any other will do.
      if (wanted && !this.#closed && problemOf(error) === "missing") return take("");
      throw error;
    }
  }

  /** The chosen speaker was unplugged: the system's own is used, and it is said. */
  #checkSpeaker(before: readonly DeviceInfo[]): void {
    const { speaker } = this.choices.get();
    const has = (list: readonly DeviceInfo[]): boolean => list.some((device) => device.id === speaker);
    const now = this.lists.get().speaker;
    if (speaker === "" || !has(before) || has(now)) return;
    this.#remember({ speaker: "" });
    this.events.emit("replaced", { kind: "speaker", label: (now.find((device) => device.id === "default") ?? now[0])?.label ?? null });
  }

  /** The device in use was unplugged: the next one is taken, and it is said. */
  async #lost(kind: DeviceKind, track: MediaStreamTrack): Promise<void> {
    if (this.state.get()[kind].track !== track) return;
    const wasOn = this.state.get()[kind].on;
    this.#remember({ [kind]: "" });
    this.#set(kind, { track: null });
    const opened = wasOn && (await this.#open(kind));
    this.events.emit("replaced", { kind, label: opened ? (this.state.get()[kind].track?.label ?? "") : null });
  }

  #release(kind: DeviceKind): void {
    const { track } = this.state.get()[kind];
    if (!track) return;
    track.onended = null;
    track.stop();
    this.#set(kind, { track: null });
  }

  #remember(fields: Partial<Choices>): void {
    this.choices.patch(fields);
    saveChoices(this.#store, this.choices.get());
  }

  #set(kind: DeviceKind, fields: Partial<DeviceState>): void {
    const now = this.state.get();
    const next = { ...now[kind], ...fields };
    const same = (Object.keys(next) as (keyof DeviceState)[]).every((key) => next[key] === now[kind][key]);
    if (!same) this.state.set({ ...now, [kind]: next });
  }
}

function constraintsFor(kind: DeviceKind, id: string): MediaTrackConstraints {
  const base = kind === "camera" ? CAMERA : MICROPHONE;
  return id ? { ...base, deviceId: { exact: id } } : base;
}

async function isGranted(kind: DeviceKind): Promise<boolean> {
  try {
    const status = await navigator.permissions.query({ name: kind as PermissionName });
    return status.state === "granted";
  } catch {
    return false;
  }
}
