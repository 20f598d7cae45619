/**
 * A page that asks for much and reads nothing.
 *
 * **Invariant:** it is cut with the code that says why, and nobody else notices.
 */
import type { WsTicket } from "../src/client/protocol/generated";
import { expect, test } from "./support/fixtures";
import { Caller } from "./support/rest";

/** Pages of 50 messages of 4,000 characters: 200 kB each, so that these are more than any buffer on the way holds. */
const MESSAGES = 50;
const PAGES = 150;

/** Chromium's WebSocketStream, which lets a page leave unread what has come. */
interface Stream {
  opened: Promise<{ readable: ReadableStream<string>; writable: WritableStream<string> }>;
  closed: Promise<{ closeCode: number; reason: string }>;
}

test("a slow reader is cut, and the others go on", async ({ node, person, pair }) => {
  const { ada, ben, path } = await pair();
  await Promise.all([ada.sees(1), ben.sees(1)]);

  const slow = await Caller.signUp(node.url);
  const slug = path.replace("/r/", "");
  const { id } = await slow.room(slug);
  const { ticket } = await slow.send<WsTicket>("POST", "ws-ticket");
  const { ticket: seat } = await slow.send<{ ticket: string }>("POST", `rooms/${slug}/join`, {});
  const page = await (await person("Sam")).page;
  await page.goto("/sign-in");
  const ended = await page.evaluate(
    async ({ ticket, seat, id, MESSAGES, PAGES }) => {
      const WebSocketStream = (window as unknown as { WebSocketStream: new (url: string) => Stream }).WebSocketStream;
      const stream = new WebSocketStream(`${location.origin.replace("http", "ws")}/ws?ticket=${encodeURIComponent(ticket)}`);
      const { readable, writable } = await stream.opened;
      const [reader, writer] = [readable.getReader(), writable.getWriter()];
      let asked = 0;
      const say = (room: string | undefined, message: object) => writer.write(JSON.stringify({ v: 1, id: ++asked, room, message }));
      const answered = async (id: number) => {
        for (;;) {
          const { value, done } = await reader.read();
          if (done) throw new Error("closed too early");
          if (JSON.parse(value).re === id) return JSON.parse(value).message.type as string;
        }
      };
      await say(undefined, { type: "join", ticket: seat });
      if ((await answered(asked)) !== "joined") throw new Error("not joined");
      for (let i = 0; i < MESSAGES; i++) {
        await say(id, { type: "chat_send", nonce: crypto.randomUUID(), text: "x".repeat(4_000) });
        if ((await answered(asked)) !== "chat_ack") throw new Error("not acknowledged");
      }
      // From here on nothing is read. The writes wait too once the server has stopped reading.
      const pages = (async () => {
        for (let i = 0; i < PAGES; i++) await say(id, { type: "history", limit: 50 });
      })().catch(() => undefined);
      await Promise.race([pages, new Promise((resolve) => setTimeout(resolve, 15_000))]);
      await new Promise((resolve) => setTimeout(resolve, 500));
      const read = (async () => {
        let bytes = 0;
        for (;;) {
          const { value, done } = await reader.read();
          if (done) return bytes;
          bytes += value.length;
        }
      })().catch(() => -1);
      const closed = await stream.closed.then(
        ({ closeCode, reason }) => ({ closeCode, reason }),
        (error: { closeCode?: number; reason?: string }) => ({ closeCode: error.closeCode ?? 0, reason: error.reason ?? "" }),
      );
      return { ...closed, bytes: await read };
    },
    { ticket, seat, id, MESSAGES, PAGES },
  );
  console.log(`a slow reader ended with ${ended.closeCode} ${ended.reason}, having read ${ended.bytes} characters`);
  expect(ended).toMatchObject({ closeCode: 4008, reason: "slow_reader" });
  expect((await node.metrics()).get('rookery_ws_cuts_total{code="slow_reader"}')).toBe(1);
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await ada.openChat();
  await ada.write("still here");
  await ada.reads("still here");
});
