/**
 * A room that has ended: what was written can still be read.
 *
 * **Invariant:** read-only; nothing is joined.
 */
import { useCallback, useEffect, useState } from "react";
import { useNavigate } from "react-router";

import { useText } from "../../app/i18n";
import { limits, type ChatMessage, type Room } from "../../client";
import { Button } from "../../ui/button";
import { useClient, useMe } from "../shared/services";
import { Shell } from "../shared/shell";
import { MessageList } from "./message-list";

const nothing = (): void => undefined;

export default function ClosedRoom({ room }: { room: Room }) {
  const text = useText();
  const client = useClient();
  const me = useMe();
  const navigate = useNavigate();
  const [messages, setMessages] = useState<readonly ChatMessage[]>([]);
  const [older, setOlder] = useState<number | undefined>();
  const [state, setState] = useState<"starting" | "rest" | "loading" | "hidden">("starting");
  const own = useCallback((message: ChatMessage) => me !== null && message.user === me.id, [me]);

  useEffect(() => {
    let gone = false;
    client.api.messages(room.id, { limit: limits.historyPage }).then(
      (page) => {
        if (gone) return;
        setMessages(page.messages);
        setOlder(page.older);
        setState("rest");
      },
      () => !gone && setState("hidden"),
    );
    return () => {
      gone = true;
    };
  }, [client, room.id]);

  const loadOlder = useCallback(() => {
    if (older === undefined) return;
    setState("loading");
    client.api.messages(room.id, { before: older, limit: limits.historyPage }).then(
      (page) => {
        setMessages((now) => [...page.messages, ...now]);
        setOlder(page.older);
        setState("rest");
      },
      () => setState("rest"),
    );
  }, [client, older, room.id]);

  return (
    <Shell>
      <div className="mx-auto flex h-[calc(100dvh-60px)] w-full max-w-[760px] flex-col px-4 pb-4">
        <p className="truncate text-sm font-medium text-muted">{room.name}</p>
        <h1 className="mt-0.5 text-[21px] leading-7 font-semibold tracking-tight">{text.prejoin.closedTitle}</h1>
        <p className="mt-1 mb-4 text-muted">{state === "hidden" ? text.prejoin.closedHidden : text.prejoin.closedLead}</p>
        {state !== "hidden" && <section className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-panel border border-line bg-raised">
          <MessageList
            messages={messages}
            outgoing={[]}
            more={older !== undefined}
            loading={state === "loading"}
            starting={state === "starting"}
            empty={text.prejoin.closedEmpty}
            isOwn={own}
            ownName=""
            onOlder={loadOlder}
            onEnd={nothing}
            onRetry={nothing}
            onDiscard={nothing}
          />
        </section>}
        <Button className="mt-4 self-center" onClick={() => void navigate("/")}>
          {me ? text.common.home : text.ended.start}
        </Button>
      </div>
    </Shell>
  );
}
