/**
 * The chat of one room: what is stored, what is on its way, and what has been read.
 *
 * **Invariant:** stored messages are unique by `seq` and shown in its order; a message on its way keeps its nonce over
 * every retry, so it is stored at most once; and messages are sent one after the other, so their order is the sender's.
 */
import { backoffMs } from "../backoff";
import { wall } from "../clock";
import { Refused, isPassing, type ClientCode } from "../errors";
import type { Signal } from "../media/signal";
import { limits, type ChatMessage, type Nonce, type Seq, type UnixMillis } from "../protocol/generated";
import { uuid } from "../random";
import { Slice } from "../slice";
import { showsSomething } from "./markdown";

/** A message that this client wrote and that is not stored yet. */
export interface Outgoing {
  nonce: Nonce;
  text: string;
  at: UnixMillis;
  /** What the sender had seen when it was first sent. */
  seen: Seq;
  state: "sending" | "failed";
  code?: ClientCode;
}

export interface ChatView {
  messages: readonly ChatMessage[];
  outgoing: readonly Outgoing[];
  /** Older messages can be loaded. */
  more: boolean;
  loading: boolean;
  /** The first page has not come yet. */
  starting: boolean;
  /** Messages of others that were not seen. */
  unread: number;
}

export interface ChatEvents {
  /** A message of someone else came in while the room was open. */
  received(message: ChatMessage): void;
}

export interface Author {
  peer: string;
  displayName: string;
  user?: string;
}

/** Whether a message is the author's own: guests by their seat, members by their account, whichever seat they had. */
export function isOwn(author: Author, message: Pick<ChatMessage, "peer" | "user">): boolean {
  return message.peer === author.peer || (author.user !== undefined && message.user === author.user);
}

/** Tries after which a message is shown as failed, about half a minute with the waits between. */
const TRIES_MAX = 8;
const RETRY = { baseMs: 500, capMs: 8_000 };
/** Pages fetched to fill a gap; beyond 500 missed messages the view begins again at the newest page. */
const FILL_PAGES_MAX = 10;

export class Chat {
  readonly view = new Slice<ChatView>({ messages: [], outgoing: [], more: false, loading: false, starting: true, unread: 0 });
  readonly #signal: Signal;
  readonly #events: ChatEvents;
  #author: Author = { peer: "", displayName: "" };
  #open = false;
  /** Counts attachments: a refusal that belongs to an earlier one says nothing of this one. */
  #turn = 0;
  #watched = false;
  #readSent: Seq = 0;
  /** The last message of the room, whether it is loaded or not. */
  #reached: Seq = 0;
  #sending = false;
  #tries = 0;
  #filling = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(signal: Signal, events: ChatEvents, unread = 0) {
    this.#signal = signal;
    this.#events = events;
    this.view.patch({ unread });
  }

  get lastSeq(): Seq {
    return this.view.get().messages.at(-1)?.seq ?? 0;
  }

  /** What a new message is surely newer than, so that it is not taken for a retry of an old one. */
  get #seen(): Seq {
    return Math.max(this.#reached, this.lastSeq);
  }

  /** The room is attached (again): loads what is missing and sends what waits. */
  attached(author: Author, lastSeq: Seq): void {
    this.#author = author;
    this.#reached = Math.max(this.#reached, lastSeq);
    this.#open = true;
    this.#turn += 1;
    this.#tries = 0;
    if (this.view.get().starting) void this.#first();
    else if (lastSeq > this.lastSeq) void this.#fill();
    this.#kick(0);
  }

  /** The socket is gone. */
  detached(): void {
    this.#open = false;
    clearTimeout(this.#timer);
  }

  /** A snapshot says that there are messages up to here. */
  reaches(lastSeq: Seq): void {
    this.#reached = Math.max(this.#reached, lastSeq);
    if (!this.view.get().starting && lastSeq > this.lastSeq) void this.#fill();
  }

  /** Takes a message that the room was told of. */
  received(message: ChatMessage): void {
    const { messages, starting } = this.view.get();
    if (this.#knows(message.seq)) return;
    const gap = !starting && messages.length > 0 && message.seq > this.lastSeq + 1;
    this.#merge([message]);
    if (gap) void this.#fill(messages.at(-1)?.seq);
    if (isOwn(this.#author, message)) return;
    this.#events.received(message);
    if (this.#watched) this.#markRead();
    else this.view.patch({ unread: this.view.get().unread + 1 });
  }

  /** Sends a text; nothing happens for one of which nothing can be seen. */
  send(text: string): void {
    const trimmed = text.trim();
    if (!showsSomething(trimmed)) return;
    const { outgoing } = this.view.get();
    this.view.patch({ outgoing: [...outgoing, { nonce: uuid(), text: trimmed, at: wall(), seen: this.#seen, state: "sending" }] });
    this.#kick(0);
  }

  /** Tries a failed message again, with its nonce unless that has grown too old. */
  retry(nonce: Nonce): void {
    this.#replace(nonce, (message) => {
      const { code, ...rest } = message;
      const renewed = code === "nonce_expired" ? { nonce: uuid(), seen: this.#seen } : {};
      return { ...rest, ...renewed, state: "sending" };
    });
    this.#tries = 0;
    this.#kick(0);
  }

  /** Gives a failed message up. */
  discard(nonce: Nonce): void {
    this.#replace(nonce, (message) => (message.state === "failed" ? undefined : message));
  }

  /** The person sees the end of the chat (or no longer). */
  watch(watched: boolean): void {
    this.#watched = watched;
    if (watched) this.#markRead();
  }

  /** Loads the page before the oldest message. */
  async older(): Promise<void> {
    const { messages, more, loading } = this.view.get();
    const before = messages[0]?.seq;
    if (!more || loading || before === undefined || !this.#open) return;
    this.view.patch({ loading: true });
    try {
      const page = await this.#signal.request<"history">({ type: "history", before, limit: limits.historyPage });
      this.#merge(page.messages);
      this.view.patch({ more: page.more, loading: false });
    } catch {
      this.view.patch({ loading: false });
    }
  }

  async #first(): Promise<void> {
    if (this.#filling || !this.view.get().starting) return;
    this.#filling = true;
    const turn = this.#turn;
    try {
      const page = await this.#signal.request<"history">({ type: "history", limit: limits.historyPage });
      // What was heard before an interruption may not reach up to this page.
      const from = page.messages[0]?.seq ?? 0;
      this.view.patch({ messages: this.view.get().messages.filter((message) => message.seq >= from) });
      this.#merge(page.messages);
      this.view.patch({ more: page.more, starting: false });
      if (this.#watched) this.#markRead();
    } catch (error) {
      // Else it is still to come: now, or with the next attachment.
      if (this.#againLater(error, turn, () => void this.#first())) this.view.patch({ starting: false });
    } finally {
      this.#filling = false;
    }
  }

  /** Loads what came between the last message known and now, page by page. */
  async #fill(after = this.lastSeq): Promise<void> {
    if (this.#filling || !this.#open) return;
    this.#filling = true;
    const turn = this.#turn;
    let from = after;
    try {
      for (let pages = 0; pages < FILL_PAGES_MAX; pages += 1) {
        const page = await this.#signal.request<"history">({ type: "history", after: from, limit: limits.historyPage });
        const others = page.messages.filter((m) => !isOwn(this.#author, m) && !this.#knows(m.seq)).length;
        this.#merge(page.messages);
        if (this.#watched) this.#markRead();
        else this.view.patch({ unread: this.view.get().unread + others });
        from = page.messages.at(-1)?.seq ?? from;
        if (!page.more || page.messages.length === 0) return;
      }
      await this.#newest();
    } catch (error) {
      this.#againLater(error, turn, () => void this.#fill(from));
    } finally {
      this.#filling = false;
    }
  }

  /** So much came that the gap is not worth filling: begins again at the end, older pages load upward. */
  async #newest(): Promise<void> {
    const page = await this.#signal.request<"history">({ type: "history", limit: limits.historyPage });
    this.view.patch({ messages: [], more: page.more });
    this.#merge(page.messages);
  }

  /** Does it again in a moment, if the room is still attached then; says whether it is refused for good. */
  #againLater(error: unknown, turn: number, work: () => void): boolean {
    if (turn === this.#turn && !isPassing(Refused.from(error).code)) return true;
    if (this.#open) setTimeout(() => this.#open && work(), 1_000);
    return false;
  }

  #knows(seq: Seq): boolean {
    return seq <= this.lastSeq && this.view.get().messages.some((message) => message.seq === seq);
  }

  #merge(incoming: readonly ChatMessage[]): void {
    if (incoming.length === 0) return;
    const { messages, outgoing } = this.view.get();
    const stored = new Set(incoming.map((message) => message.nonce));
    const rest = outgoing.some((message) => stored.has(message.nonce)) ? outgoing.filter((m) => !stored.has(m.nonce)) : outgoing;
    this.view.patch({ messages: merged(messages, incoming), outgoing: rest });
  }

  #replace(nonce: Nonce, change: (message: Outgoing) => Outgoing | undefined): void {
    const outgoing = this.view.get().outgoing.flatMap((message) => (message.nonce === nonce ? (change(message) ?? []) : message));
    this.view.patch({ outgoing });
  }

  #kick(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#sendNext(), ms);
  }

  async #sendNext(): Promise<void> {
    const next = this.view.get().outgoing.find((message) => message.state === "sending");
    if (!next || this.#sending || !this.#open) return;
    this.#sending = true;
    try {
      const { nonce, text, seen } = next;
      const ack = await this.#signal.request<"chat_send">({ type: "chat_send", nonce, text, seen });
      this.#tries = 0;
      this.#stored(next, ack.seq, ack.at);
      this.#kick(0);
    } catch (error) {
      this.#notStored(next, Refused.from(error));
    } finally {
      this.#sending = false;
    }
  }

  #stored(message: Outgoing, seq: Seq, at: UnixMillis): void {
    const { nonce, text } = message;
    this.#merge([{ seq, nonce, text, at, ...this.#author }]);
    this.#replace(nonce, () => undefined);
  }

  #notStored(message: Outgoing, refused: Refused): void {
    // Lost with the socket: it is sent again when the room is attached again.
    if (!this.#open) return;
    this.#tries += 1;
    if (isPassing(refused.code) && this.#tries < TRIES_MAX) {
      return this.#kick(refused.more.retryAfterMs ?? backoffMs(this.#tries, RETRY));
    }
    this.#tries = 0;
    this.#replace(message.nonce, (now) => ({ ...now, state: "failed", code: refused.code }));
    this.#kick(0);
  }

  #markRead(): void {
    this.view.patch({ unread: 0 });
    const seq = this.lastSeq;
    // Markers are kept for accounts only.
    if (!this.#open || !this.#author.user || seq <= this.#readSent) return;
    this.#readSent = seq;
    this.#signal.request<"chat_read">({ type: "chat_read", seq }).catch(() => undefined);
  }
}

/** Both in one order, each once. Most come after the last or before the first, which costs no sorting of a long history. */
function merged(messages: readonly ChatMessage[], incoming: readonly ChatMessage[]): readonly ChatMessage[] {
  const sorted = [...incoming].sort((a, b) => a.seq - b.seq).filter((message, i, all) => message.seq !== all[i - 1]?.seq);
  const [first, last] = [sorted[0]?.seq ?? 0, sorted.at(-1)?.seq ?? 0];
  if (messages.length === 0 || first > (messages.at(-1)?.seq ?? 0)) return [...messages, ...sorted];
  if (last < (messages[0]?.seq ?? 0)) return [...sorted, ...messages];
  const bySeq = new Map(messages.map((message) => [message.seq, message]));
  for (const message of sorted) bySeq.set(message.seq, bySeq.get(message.seq) ?? message);
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
