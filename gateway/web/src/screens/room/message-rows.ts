/**
 * From messages to rows: day separators, messages of one person in a group, and those on their way at the end. Pure.
 *
 * **Invariant:** rows keep the order of the messages, a group never crosses a day, and a message keeps its key when it is
 * stored.
 */
import type { ChatMessage, Outgoing } from "../../client";

/** Messages of one person closer together than this stand under one name. */
const GROUP_MS = 5 * 60_000;

export type Row =
  /** Says whether older messages are there, loading, or not. */
  | { kind: "top"; key: string }
  | { kind: "day"; key: string; at: number }
  | { kind: "message"; key: string; message: ChatMessage; head: boolean }
  | { kind: "pending"; key: string; message: Outgoing; head: boolean };

export function rowsOf(messages: readonly ChatMessage[], outgoing: readonly Outgoing[], isOwn: (message: ChatMessage) => boolean): Row[] {
  const rows: Row[] = [{ kind: "top", key: "top" }];
  let before: ChatMessage | undefined;
  let day = { from: 0, to: 0 };
  for (const message of messages) {
    const newDay = !before || message.at < day.from || message.at >= day.to;
    if (newDay) {
      rows.push({ kind: "day", key: `day ${message.seq}`, at: message.at });
      day = { from: new Date(message.at).setHours(0, 0, 0, 0), to: new Date(message.at).setHours(24, 0, 0, 0) };
    }
    const head = newDay || !before || before.peer !== message.peer || message.at - before.at > GROUP_MS;
    rows.push({ kind: "message", key: message.nonce, message, head });
    before = message;
  }
  const continued = before !== undefined && isOwn(before) && outgoing[0] !== undefined && outgoing[0].at - before.at <= GROUP_MS;
  outgoing.forEach((message, i) => rows.push({ kind: "pending", key: message.nonce, message, head: i === 0 && !continued }));
  return rows;
}
