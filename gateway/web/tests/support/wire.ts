/**
 * Sockets whose other end is the test.
 *
 * **Invariant:** nothing is answered that the test does not answer.
 */
import type { ClientFrame, ClientMessage, ServerFrame, ServerMessage } from "../../src/client";
import { startPageTicker } from "../../src/client/socket/ticker";
import type { Wire, WireSocket } from "../../src/client/socket/link";

export class TestSocket implements WireSocket {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readyState = 0;
  closed = false;
  readonly sent: ClientFrame[] = [];

  constructor(readonly url: string) {}

  send(text: string): void {
    if (this.readyState !== 1) throw new Error(`something was sent in state ${this.readyState}`);
    this.sent.push(JSON.parse(text) as ClientFrame);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  // ---- what the test does ----

  open(): void {
    this.readyState = 1;
    this.onopen?.(undefined as never);
  }

  /** The server begins to close; the browser tells of it only when that is done. */
  closing(): void {
    this.readyState = 2;
  }

  fail(reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code: 4000, reason });
  }

  say(message: ServerMessage, fields: Partial<ServerFrame> = {}): void {
    this.onmessage?.({ data: JSON.stringify({ ...fields, message }) });
  }

  /** The messages of one type, in the order of sending. */
  of<T extends ClientMessage["type"]>(type: T): (ClientFrame & { message: Extract<ClientMessage, { type: T }> })[] {
    return this.sent.filter((frame) => frame.message.type === type) as never;
  }

  /** Answers the last message of a type. */
  reply(type: ClientMessage["type"], message: ServerMessage): void {
    const frame = this.of(type).at(-1);
    if (!frame) throw new Error(`no ${type} was sent; there are: ${this.sent.map((f) => f.message.type).join(", ")}`);
    this.say(message, { re: frame.id ?? 0, ...(frame.room ? { room: frame.room } : {}) });
  }

  refuse(type: ClientMessage["type"], code: Extract<ServerMessage, { type: "error" }>["code"], retryAfterMs?: number): void {
    this.reply(type, { type: "error", code, message: code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
}

export class TestWire implements Wire {
  readonly sockets: TestSocket[] = [];
  readonly ticker = startPageTicker;
  readonly random = (): number => 0;

  open(url: string): TestSocket {
    const socket = new TestSocket(url);
    this.sockets.push(socket);
    return socket;
  }

  get last(): TestSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("nothing was dialled");
    return socket;
  }
}
