import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { ChatMessage, HistoryPage } from "../src/client";
import { Chat } from "../src/client/chat/chat";
import { Refused } from "../src/client/errors";
import type { Signal } from "../src/client/media/signal";
import { settle } from "./support/room";

type Asked = { type: string; nonce?: string; text?: string; seen?: number; before?: number; after?: number; seq?: number };

let asked: Asked[];
let answers: ((message: Asked) => unknown)[];
let chat: Chat;
const received = vi.fn();
const author = { peer: "me", displayName: "Me", user: "u" };

const message = (seq: number, fields: Partial<ChatMessage> = {}): ChatMessage => ({
  seq, nonce: `nonce ${seq}`, peer: "other", displayName: "Other", text: `text ${seq}`, at: seq, ...fields,
});
const page = (from: number, to: number, more = false): HistoryPage => ({ messages: Array.from({ length: to - from + 1 }, (_, i) => message(from + i)), more });
const of = (type: string): Asked[] => asked.filter((a) => a.type === type);
const seqs = (): number[] => chat.view.get().messages.map((m) => m.seq);

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answers = [];
  received.mockClear();
  const signal: Signal = {
    request: (m) => {
      asked.push(m as Asked);
      const answer = answers.shift();
      try {
        return Promise.resolve(answer ? answer(m as Asked) : { type: "ok" }) as never;
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
  };
  chat = new Chat(signal, { received });
});
afterEach(() => {
  chat.detached();
  vi.useRealTimers();
});

const refuse = (code: Refused["code"], retryAfterMs?: number) => () => {
  throw new Refused(code, undefined, retryAfterMs === undefined ? {} : { retryAfterMs });
};
const ack = (seq: number) => (m: Asked) => ({ type: "chat_ack", nonce: m.nonce, seq, at: 1_000 });

async function opened(last = 3): Promise<void> {
  answers.push(() => page(1, last));
  chat.attached(author, last);
  await settle();
}

describe("sending", () => {
  it("keeps the nonce and what was seen over every retry", async () => {
    await opened();
    answers.push(refuse("unknown"), refuse("store_unavailable", 900), refuse("timeout"), ack(4));
    chat.send("  hello  ");
    await settle(10_000);
    const sent = of("chat_send");
    expect(sent).toHaveLength(4);
    expect(new Set(sent.map((m) => m.nonce)).size).toBe(1);
    expect(sent.map((m) => m.seen)).toEqual([3, 3, 3, 3]);
    expect(sent[0]?.text).toBe("hello");
    expect(chat.view.get().outgoing).toEqual([]);
    expect(chat.view.get().messages.at(-1)).toMatchObject({ seq: 4, text: "hello", peer: "me", user: "u" });
  });

  it("waits as long as the server says", async () => {
    await opened();
    answers.push(refuse("rate_limited", 3_000), ack(4));
    chat.send("x");
    await settle(2_900);
    expect(of("chat_send")).toHaveLength(1);
    await settle(200);
    expect(of("chat_send")).toHaveLength(2);
  });

  it("sends again after a reconnection, the same message", async () => {
    await opened();
    answers.push(() => {
      chat.detached();
      throw new Refused("unreachable");
    });
    chat.send("x");
    await settle(60_000);
    expect(chat.view.get().outgoing[0]?.state).toBe("sending");
    answers.push(ack(4));
    chat.attached(author, 3);
    await settle();
    const [first, second] = of("chat_send");
    expect(second?.nonce).toBe(first?.nonce);
    expect(seqs()).toEqual([1, 2, 3, 4]);
  });

  it("keeps the order of several", async () => {
    await opened();
    answers.push(refuse("unknown"), ack(4), ack(5));
    chat.send("one");
    chat.send("two");
    await settle(5_000);
    expect(of("chat_send").map((m) => m.text)).toEqual(["one", "one", "two"]);
    expect(chat.view.get().messages.slice(-2).map((m) => m.text)).toEqual(["one", "two"]);
  });

  it("fails for good where a retry cannot help, and goes on with the next", async () => {
    await opened();
    answers.push(refuse("invalid"), ack(4));
    chat.send("bad");
    chat.send("good");
    await settle(10);
    expect(chat.view.get().outgoing).toMatchObject([{ text: "bad", state: "failed", code: "invalid" }]);
    expect(chat.view.get().messages.at(-1)?.text).toBe("good");
  });

  it("fails after eight tries; the person's retry keeps the nonce", async () => {
    await opened();
    answers.push(...Array.from({ length: 8 }, () => refuse("store_unavailable")), ack(4));
    chat.send("x");
    await settle(60_000);
    expect(of("chat_send")).toHaveLength(8);
    const [failed] = chat.view.get().outgoing;
    expect(failed?.state).toBe("failed");
    chat.retry(failed?.nonce ?? "");
    await settle();
    expect(new Set(of("chat_send").map((m) => m.nonce)).size).toBe(1);
    expect(chat.view.get().outgoing).toEqual([]);
  });

  it("takes a new nonce only when the old one has expired", async () => {
    await opened();
    answers.push(refuse("nonce_expired"), ack(4));
    chat.send("x");
    await settle();
    chat.retry(chat.view.get().outgoing[0]?.nonce ?? "");
    await settle();
    const [first, second] = of("chat_send");
    expect(second?.nonce).not.toBe(first?.nonce);
  });

  it("is shown once, whether event or acknowledgement comes first", async () => {
    await opened();
    answers.push((m) => {
      chat.received(message(4, { nonce: m.nonce ?? "", peer: "me", text: "x" }));
      return ack(4)(m);
    });
    chat.send("x");
    await settle();
    chat.received(message(4, { peer: "me", text: "x" }));
    expect(seqs()).toEqual([1, 2, 3, 4]);
    expect(chat.view.get().outgoing).toEqual([]);
  });

  it("does not send blanks", async () => {
    await opened();
    chat.send(" \n ");
    chat.send("\u200b\u202e");
    await settle();
    expect(of("chat_send")).toEqual([]);
  });
});

describe("history", () => {
  it("is filled where messages are missing", async () => {
    await opened(3);
    answers.push(() => page(4, 6));
    chat.received(message(7));
    await settle();
    expect(of("history").at(-1)).toMatchObject({ after: 3 });
    expect(seqs()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it("is fetched after a reconnection, page by page", async () => {
    await opened(3);
    chat.detached();
    answers.push(() => page(4, 53, true), () => page(54, 60));
    chat.attached(author, 60);
    await settle();
    expect(of("history").slice(1).map((m) => m.after)).toEqual([3, 53]);
    expect(seqs().at(-1)).toBe(60);
    expect(chat.view.get().unread).toBe(57);
  });

  it("begins anew when too much was missed", async () => {
    await opened(3);
    chat.detached();
    for (let i = 0; i < 10; i += 1) answers.push(() => page(4 + i * 50, 53 + i * 50, true));
    answers.push(() => page(951, 1_000, true));
    chat.attached(author, 1_000);
    await settle();
    expect([seqs()[0], seqs().at(-1), chat.view.get().more]).toEqual([951, 1_000, true]);
  });

  it("begins at the newest page, also when the socket was lost before that had come", async () => {
    let lose = (): void => undefined;
    answers.push(() => new Promise((_, reject) => (lose = () => reject(new Refused("unreachable")))));
    chat.attached(author, 2_000);
    await settle();
    lose();
    chat.detached();
    await settle();
    expect(chat.view.get()).toMatchObject({ starting: true, messages: [] });
    answers.push(() => page(1_951, 2_000, true));
    chat.attached(author, 2_000);
    await settle(3_000);
    expect(of("history")).toEqual([{ type: "history", limit: 50 }, { type: "history", limit: 50 }]);
    expect([seqs()[0], seqs().at(-1)]).toEqual([1_951, 2_000]);
    expect(chat.view.get()).toMatchObject({ starting: false, more: true, unread: 0 });
  });

  it("begins at the newest page, also when that was asked of an attachment that is over", async () => {
    let refuseIt = (): void => undefined;
    answers.push(() => new Promise((_, reject) => (refuseIt = () => reject(new Refused("not_joined")))), () => page(1, 3));
    chat.attached(author, 3);
    await settle();
    chat.detached();
    chat.attached(author, 3);
    refuseIt();
    await settle(1_500);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(chat.view.get()).toMatchObject({ starting: false, unread: 0 });
  });

  it("has no hole between what was heard before the first page and that page", async () => {
    let lose = (): void => undefined;
    answers.push(() => new Promise((_, reject) => (lose = () => reject(new Refused("unreachable")))));
    chat.attached(author, 10);
    chat.received(message(11));
    lose();
    chat.detached();
    await settle();
    answers.push(() => page(101, 150, true));
    chat.attached(author, 150);
    await settle();
    expect([seqs()[0], seqs().length, chat.view.get().more]).toEqual([101, 50, true]);
  });

  it("is not looked for any more when it was refused for good", async () => {
    answers.push(refuse("forbidden"));
    chat.attached(author, 3);
    await settle(5_000);
    expect(of("history")).toHaveLength(1);
    expect(chat.view.get().starting).toBe(false);
  });

  it("loads upward, once at a time", async () => {
    answers.push(() => page(51, 100, true));
    chat.attached(author, 100);
    await settle();
    answers.push(() => page(1, 50));
    await Promise.all([chat.older(), chat.older()]);
    expect(of("history").slice(1)).toEqual([{ type: "history", before: 51, limit: 50 }]);
    expect([seqs().length, chat.view.get().more]).toEqual([100, false]);
  });
});

describe("what was read", () => {
  it("is counted while nobody looks, and told when somebody does", async () => {
    await opened(3);
    chat.received(message(4));
    chat.received(message(5, { peer: "me", user: "u" }));
    expect(chat.view.get().unread).toBe(1);
    expect(received).toHaveBeenCalledTimes(1);
    chat.watch(true);
    expect(chat.view.get().unread).toBe(0);
    expect(of("chat_read")).toEqual([{ type: "chat_read", seq: 5 }]);
    chat.received(message(6));
    chat.watch(true);
    expect(of("chat_read").map((m) => m.seq)).toEqual([5, 6]);
  });
});
