/**
 * The line to the server: one WebSocket for all rooms of a signed-in client or of one guest. It pings, notices silence,
 * dials the next gateway, and tells its riders (the room sessions) when there is a fresh socket to attach on.
 *
 * **Invariant:** a request is settled exactly once: by its reply, by a refusal, by its time-out, or by the loss of the
 * socket it was sent on; and frames of a socket that was given up are never heard.
 */
import { DIAL_BACKOFF, backoffMs } from "../backoff";
import { heardServer, now } from "../clock";
import { Refused, asCode, isPassing, type ClientCode } from "../errors";
import { readFrame, type ClientOf, type ClientType, type ReplyTo } from "../protocol/frames";
import { limits, type ClientFrame, type ClientMessage, type RoomId, type ServerFrame, type ServerMessage } from "../protocol/generated";
import { Slice } from "../slice";
import type { Gateways } from "./gateways";
import type { StartTicker, Ticker } from "./ticker";

/** A dead gateway is noticed within `SILENCE_MS`, which needs three pings in that time. */
export const PING_MS = 500;
export const SILENCE_MS = 1_500;
/** Beats that were missed for so long mean sleep, not a busy moment. */
const ASLEEP_MS = 5_000;
/** A handshake that takes longer than this will not come; 300 ms of delay with losses needs under 3 s. */
export const DIAL_MS = 4_000;
/** Ten seconds is longer than any server-side deadline for one message. */
export const REQUEST_MS = 10_000;
/** Requests that may wait for an answer at the same time; a session never has more than a few dozen. */
const WAITING_MAX = 512;
/** `WebSocket.OPEN`; one that is closing still has a reason to tell, but takes nothing more. */
const OPEN = 1;

export type LinkState =
  | { phase: "idle" }
  | { phase: "dialing"; attempt: number }
  | { phase: "open" }
  | { phase: "waiting"; attempt: number; retryAt: number }
  | { phase: "closed" };

/** What the link asks of and tells to a room session. */
export interface Rider {
  readonly room: RoomId;
  /** The query of the address to dial: empty to resume, or with a ticket. Throws `Refused`. */
  opening(): Promise<string>;
  /** There is a fresh socket: attach. */
  opened(): void;
  /** The socket is gone; a new one is being dialled. `code` says why, where the server did. */
  lost(code: ClientCode | undefined): void;
  /** The line cannot be opened again for this reason. */
  failed(refused: Refused): void;
  /** The machine slept, or the browser had stopped the page. */
  woke?(): void;
  /** A frame of this rider's room that answers nothing. */
  heard(frame: ServerFrame): void;
}

export interface Wire {
  /** Opens a socket; the four handlers are set by the link right after. */
  open(url: string): WireSocket;
  ticker: StartTicker;
  random?: () => number;
}

export interface WireSocket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  readonly readyState: number;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

interface Waiting {
  type: ClientType;
  resolve: (message: ServerMessage) => void;
  reject: (refused: Refused) => void;
  onReply: ((message: ServerMessage, frame: ServerFrame) => void) | undefined;
  timer: ReturnType<typeof setTimeout>;
}

export class Link {
  readonly state = new Slice<LinkState>({ phase: "idle" });
  readonly gateways: Gateways;
  readonly #wire: Wire;
  readonly #riders = new Set<Rider>();
  readonly #waiting = new Map<number, Waiting>();
  #socket: WireSocket | undefined;
  #ticker: Ticker | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 1;
  #attempt = 0;
  #dial = 0;
  #heardAt = 0;
  #beatAt = 0;

  constructor(wire: Wire, gateways: Gateways) {
    this.#wire = wire;
    this.gateways = gateways;
  }

  /** Takes a rider on; the first one makes the link dial. */
  board(rider: Rider): void {
    this.#riders.add(rider);
    const phase = this.state.get().phase;
    if (phase === "idle" || phase === "closed") void this.#dialNow();
    else if (phase === "open") rider.opened();
  }

  /** Lets a rider go; without any the socket is closed, once what the rider still says there is `said`. */
  alight(rider: Rider, said?: Promise<void>): void {
    this.#riders.delete(rider);
    const done = (): void => {
      if (this.#riders.size === 0) this.#shut();
    };
    if (said && this.#waiting.size > 0) void said.finally(done);
    else done();
  }

  /** Gives the present socket up and dials again; `next` turns to the next gateway before. */
  redial(next: boolean, code?: ClientCode): void {
    if (this.#riders.size === 0) return;
    this.#drop(code);
    if (next) this.gateways.advance();
    this.#schedule();
  }

  /** The same without a wait, for a rider that has a fresh ticket to come with and keeps count of its attempts itself. */
  redialNow(): void {
    if (this.#riders.size === 0) return;
    this.#drop(undefined);
    void this.#dialNow();
  }

  /** Ends a wait between attempts, e.g. because the browser is online again. */
  hurry(): void {
    if (this.state.get().phase !== "waiting") return;
    this.#attempt = 0;
    clearTimeout(this.#timer);
    void this.#dialNow();
  }

  /**
   * Sends a message and waits for its reply. `onReply` runs before any later frame is looked at.
   * Rejects with `Refused`: the server's code, `timeout`, or `unreachable` when the socket was or got lost.
   */
  request<T extends ClientType>(
    message: ClientOf<T>,
    options: { room?: RoomId; timeoutMs?: number; onReply?: (reply: ReplyTo<T>) => void } = {},
  ): Promise<ReplyTo<T>> {
    return new Promise<ReplyTo<T>>((resolve, reject) => {
      if (!this.#sendable) return reject(new Refused("unreachable"));
      if (this.#waiting.size >= WAITING_MAX) return reject(new Refused("overloaded"));
      const id = this.#nextId++;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Refused("timeout"));
      }, options.timeoutMs ?? REQUEST_MS);
      const waiting: Waiting = {
        type: message.type,
        resolve: resolve as (message: ServerMessage) => void,
        reject,
        onReply: options.onReply as Waiting["onReply"],
        timer,
      };
      this.#waiting.set(id, waiting);
      this.#write({ v: limits.protocolVersion, id, ...(options.room ? { room: options.room } : {}), message });
    });
  }

  /** Sends a message that wants no answer; lost if there is no socket. */
  cast(message: ClientMessage, room?: RoomId): void {
    if (!this.#sendable) return;
    this.#write({ v: limits.protocolVersion, ...(room ? { room } : {}), message });
  }

  /** Whether what is sent now can arrive. While the server closes the socket it cannot; its last words are waited for. */
  get #sendable(): boolean {
    return this.state.get().phase === "open" && this.#socket?.readyState === OPEN;
  }

  #write(frame: ClientFrame): void {
    try {
      this.#socket?.send(JSON.stringify(frame));
    } catch {
      this.redial(true);
    }
  }

  async #dialNow(): Promise<void> {
    const dial = ++this.#dial;
    this.state.set({ phase: "dialing", attempt: this.#attempt });
    let query: string;
    try {
      const [rider] = this.#riders;
      if (!rider) return;
      query = await rider.opening();
    } catch (error) {
      if (dial === this.#dial) this.#refusedToOpen(Refused.from(error));
      return;
    }
    if (dial === this.#dial) this.#open(query);
  }

  #open(query: string): void {
    let socket: WireSocket;
    try {
      socket = this.#wire.open(this.gateways.current + query);
    } catch {
      return this.#failedAttempt();
    }
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#failedAttempt(), DIAL_MS);
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(socket, event.data);
    socket.onclose = (event) => this.#closed(socket, event.reason);
    socket.onerror = null;
  }

  #opened(socket: WireSocket): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#timer);
    this.#heardAt = this.#beatAt = now();
    this.#ticker = this.#wire.ticker(PING_MS, () => this.#beat());
    this.state.set({ phase: "open" });
    for (const rider of [...this.#riders]) rider.opened();
  }

  /** A rider attached: the next loss starts counting attempts anew. */
  settled(): void {
    this.#attempt = 0;
  }

  #beat(): void {
    const at = now();
    // Our own beat stopped (sleep, a frozen tab): the silence is ours, so the server gets a fresh chance to answer.
    const slept = at - this.#beatAt;
    if (slept > PING_MS * 2) this.#heardAt = at;
    this.#beatAt = at;
    if (slept > ASLEEP_MS) for (const rider of [...this.#riders]) rider.woke?.();
    if (at - this.#heardAt > SILENCE_MS) return this.redial(true);
    this.cast({ type: "ping", at: Math.round(at) });
  }

  #received(socket: WireSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    this.#heardAt = now();
    const frame = readFrame(data);
    if (!frame) return;
    if (frame.message.type === "pong" && frame.message.at !== undefined) heardServer(frame.message.now, frame.message.at);
    if (frame.re !== undefined) return this.#replied(frame.re, frame);
    for (const rider of [...this.#riders]) {
      if (frame.room === undefined || rider.room === frame.room) rider.heard(frame);
    }
  }

  #replied(re: number, frame: ServerFrame): void {
    const waiting = this.#waiting.get(re);
    if (!waiting) return;
    this.#waiting.delete(re);
    clearTimeout(waiting.timer);
    const message = frame.message;
    if (message.type === "error") return waiting.reject(Refused.fromRefusal(message));
    waiting.onReply?.(message, frame);
    waiting.resolve(message);
  }

  #closed(socket: WireSocket, reason: string): void {
    if (socket !== this.#socket) return;
    if (this.state.get().phase === "dialing") return this.#failedAttempt();
    this.redial(true, asCode(reason));
  }

  #failedAttempt(): void {
    this.#drop(undefined);
    this.gateways.advance();
    this.#schedule();
  }

  #refusedToOpen(refused: Refused): void {
    if (isPassing(refused.code)) {
      this.#drop(refused.code);
      return this.#schedule(refused.more.retryAfterMs);
    }
    this.#drop(refused.code);
    this.state.set({ phase: "idle" });
    for (const rider of [...this.#riders]) rider.failed(refused);
  }

  #schedule(atLeastMs = 0): void {
    const ms = Math.max(atLeastMs, backoffMs(this.#attempt, DIAL_BACKOFF, this.#wire.random));
    this.#attempt += 1;
    if (ms === 0) return void this.#dialNow();
    this.state.set({ phase: "waiting", attempt: this.#attempt, retryAt: now() + ms });
    this.#timer = setTimeout(() => void this.#dialNow(), ms);
  }

  /** Takes the socket away and settles what waited on it. */
  #drop(code: ClientCode | undefined): void {
    const wasOpen = this.state.get().phase === "open";
    this.#dial += 1;
    clearTimeout(this.#timer);
    this.#ticker?.stop();
    this.#ticker = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    }
    if (wasOpen) this.state.set({ phase: "dialing", attempt: this.#attempt });
    for (const waiting of [...this.#waiting.values()]) {
      clearTimeout(waiting.timer);
      waiting.reject(new Refused("unreachable"));
    }
    this.#waiting.clear();
    if (wasOpen) for (const rider of [...this.#riders]) rider.lost(code);
  }

  #shut(): void {
    this.#drop(undefined);
    this.#attempt = 0;
    this.state.set({ phase: "closed" });
  }
}
