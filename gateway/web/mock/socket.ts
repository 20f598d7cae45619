/**
 * The WebSocket of the scripted server.
 *
 * **Invariant:** replies, events and their numbers are as on the protocol page.
 */
import type { ClientFrame, ClientMessage, PeerInfo, Room, ServerMessage, TrackInfo } from "../src/client";
import { Sfu, trackOf } from "./sfu";
import { addMessage, allowed, me, messages, option, people, role, SELF, signedIn, uuid } from "./world";

const cameraId = (i: number): string => uuid(200 + i);
const microphoneId = (i: number): string => uuid(300 + i);
const screenId = (i: number): string => uuid(500 + i);

/** What is kept of what the page said; a test looks at the last few dozen. */
const SENT_MAX = 200;

const tracks: TrackInfo[] = people.flatMap(({ info, camera, microphone }, i) => [
  { track: cameraId(i), peer: info.peer, kind: "video", source: "camera", muted: !camera },
  { track: microphoneId(i), peer: info.peer, kind: "audio", source: "microphone", muted: !microphone },
]);

export class ScriptedSocket extends EventTarget {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readyState = 0;
  #n = 10;
  #own = 0;
  #sfu = new Sfu();
  #timers: ReturnType<typeof setInterval>[] = [];
  #room: Room & { guest?: string };

  constructor(readonly url: string) {
    super();
    this.#room = JSON.parse(sessionStorage.getItem("mock.room") ?? "{}") as Room;
    if (control.refuse) {
      setTimeout(() => this.onclose?.({ code: 1006, reason: "" }), 30);
      return;
    }
    control.socket = this;
    if (option("never") !== undefined) return;
    setTimeout(() => {
      this.readyState = 1;
      this.onopen?.();
    }, 30);
  }

  send(text: string): void {
    const frame = JSON.parse(text) as ClientFrame;
    if (!["ping", "offer", "answer"].includes(frame.message.type)) control.sent.push({ at: performance.now(), message: frame.message });
    if (control.sent.length > SENT_MAX) control.sent.splice(0, control.sent.length - SENT_MAX);
    void this.#answer(frame.message).then((message) => message && frame.id !== undefined && this.#say(message, { re: frame.id }));
  }

  close(): void {
    this.readyState = 3;
    this.#timers.forEach(clearInterval);
    this.#sfu.close();
  }

  event(message: ServerMessage): void {
    this.#n += 1;
    this.#say(message, { epoch: 1, n: this.#n });
  }

  tell(message: ServerMessage): void {
    this.#say(message);
  }

  #say(message: ServerMessage, fields: object = {}): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify({ room: this.#room.id, ...fields, message }) });
  }

  async #answer(message: ClientMessage): Promise<ServerMessage | undefined> {
    switch (message.type) {
      case "ping":
        this.#say({ type: "pong", at: message.at, now: Date.now() });
        return undefined;
      case "join":
      case "resume":
        if (option("nojoin") !== undefined) return undefined;
        setTimeout(() => void this.#begin(), 20);
        return this.#joined();
      case "publish": {
        this.#own += 1;
        const track: TrackInfo = { track: uuid(400 + this.#own), peer: SELF, kind: message.kind, source: message.source, muted: message.muted };
        setTimeout(() => this.event({ type: "track_published", track }), 10);
        return { type: "published", track: track.track };
      }
      case "offer":
        return { type: "answer", sdp: await this.#sfu.take(message.sdp) };
      case "answer":
        await this.#sfu.answered(message.sdp);
        return { type: "ok" };
      case "slots":
        setTimeout(() => void this.#offer(message.pairs), 10);
        return { type: "ok" };
      case "subscribe":
        await this.#bind(message.slot, message.track);
        return { type: "ok" };
      case "chat_send": {
        if (option("chatfails") !== undefined) return { type: "error", code: "room_closed", message: "x" };
        await new Promise((resolve) => setTimeout(resolve, Number(option("chatslow") ?? 80)));
        const { seq, nonce, at } = addMessage({ nonce: message.nonce, peer: SELF, displayName: this.#self().displayName, text: message.text, at: Date.now(), ...(signedIn.now ? { user: me.id } : {}) });
        return { type: "chat_ack", nonce, seq, at };
      }
      case "history": {
        const limit = Number(option("page") ?? message.limit ?? 50);
        const { before, after } = message;
        const fitting = messages.filter((m) => (before === undefined || m.seq < before) && (after === undefined || m.seq > after));
        return { type: "history", messages: after === undefined ? fitting.slice(-limit) : fitting.slice(0, limit), more: fitting.length > limit };
      }
      case "unpublish":
        setTimeout(() => this.event({ type: "track_unpublished", track: message.track }), 10);
        return { type: "ok" };
      case "close_room":
        setTimeout(() => this.event({ type: "room_closed", reason: "host" }), 10);
        return { type: "ok" };
      default:
        return { type: "ok" };
    }
  }

  #self(): PeerInfo {
    const guest = this.#room.guest;
    return { peer: SELF, displayName: guest ?? me.displayName, role: guest ? "guest" : role, joinedAt: Date.now() - 1_000, reconnecting: false, ...(guest ? {} : { user: me.id }) };
  }

  #joined(): ServerMessage {
    const { id, slug, name, kind } = this.#room;
    return {
      type: "joined", peer: SELF, attachment: 1, role: this.#self().role, room: { id, slug, name, kind, allowed: allowed.now }, epoch: 1, n: this.#n,
      roster: [...people.map((p) => p.info), this.#self()], tracks: kind === "chat" ? [] : tracks, lastSeq: messages.length, path: { type: "sfu" },
      iceServers: [], gateways: [], resumeToken: "resume", mediaKept: false,
    };
  }

  async #begin(): Promise<void> {
    if (this.#room.kind === "chat" || people.length === 0) return;
    await this.#offer();
    const speak = (): void => {
      const levels = people.flatMap(({ info, microphone }, i) =>
        microphone && i % 5 !== 2 ? [{ track: microphoneId(i), peer: info.peer, level: i === 0 ? 105 : 70 + Math.round(Math.random() * 12) }] : [],
      );
      this.#say({ type: "speakers", levels: levels.slice(0, 2) });
    };
    speak();
    this.#timers.push(setInterval(speak, 400));
  }

  async #offer(pairs?: number): Promise<void> {
    const { sdp, slots } = await this.#sfu.offer(pairs);
    this.#say({ type: "subscribe_offer", negotiation: 1, sdp, slots });
  }

  async #bind(slot: number, track: string): Promise<void> {
    const info = tracks.find((t) => t.track === track);
    if (!info) return;
    const person = people.findIndex((p) => p.info.peer === info.peer);
    await this.#sfu.bind(slot, info.kind, trackOf(person, info.source));
    setTimeout(() => this.#say({ type: "slot_live", slot, kind: info.kind, track }), 60);
  }
}

/** For tests and the console: `__mock.drop()`, `__mock.event(...)`. */
export const control = {
  socket: undefined as ScriptedSocket | undefined,
  refuse: false,
  /** What the page said, pings and descriptions apart. */
  sent: [] as { at: number; message: ClientMessage }[],
  people,
  tracks,
  drop(refuse = true): void {
    control.refuse = refuse;
    control.socket?.onclose?.({ code: 1006, reason: "" });
  },
  event(message: ServerMessage): void {
    control.socket?.event(message);
  },
  /** Someone shares a screen. */
  share(i = 0): void {
    const track: TrackInfo = { track: screenId(i), peer: people[i]!.info.peer, kind: "video", source: "screen", muted: false };
    tracks.push(track);
    control.event({ type: "track_published", track });
  },
  /** The host lets others send something, or not. */
  allow(change: object): void {
    allowed.now = { ...allowed.now, ...change };
    const { id, slug, name, kind } = JSON.parse(sessionStorage.getItem("mock.room") ?? "{}") as Room;
    control.event({ type: "room_updated", room: { id, slug, name, kind, allowed: allowed.now } });
  },
  /** Who has the floor. */
  floor(i: number): void {
    control.socket?.tell({ type: "speakers", levels: [{ track: microphoneId(i), peer: people[i]!.info.peer, level: 100 }], active: microphoneId(i) });
  },
  /** A message that is about this client alone, as the server sends it. */
  tell(message: ServerMessage): void {
    control.socket?.tell(message);
  },
  say(displayName: string, text: string): void {
    const message = addMessage({ nonce: crypto.randomUUID(), peer: uuid(100), displayName, text, at: Date.now() });
    control.event({ type: "chat", message });
  },
};
