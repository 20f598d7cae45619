/**
 * From messages to rows: day separators, and messages of one person in a group. Pure.
 *
 * **Invariant:** rows keep the order of the messages, and a group never crosses a day.
 */
import type { ChatMessage } from "../../client";
import { daysAgo } from "../shared/when";

/** Messages of one person closer together than this stand under one name. */
const GROUP_MS = 5 * 60_000;

export type Row = { kind: "day"; key: string; at: number } | { kind: "message"; key: string; message: ChatMessage; head: boolean };

export function rowsOf(messages: readonly ChatMessage[]): Row[] {
  const rows: Row[] = [];
  let before: ChatMessage | undefined;
  for (const message of messages) {
    const newDay = !before || daysAgo(before.at, message.at) !== 0;
    if (newDay) rows.push({ kind: "day", key: `day ${message.seq}`, at: message.at });
    const head = newDay || !before || before.peer !== message.peer || message.at - before.at > GROUP_MS;
    rows.push({ kind: "message", key: message.nonce, message, head });
    before = message;
  }
  return rows;
}
