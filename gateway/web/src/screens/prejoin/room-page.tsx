/**
 * The page of one room: look it up, let people in, hold the call, and say how it ended.
 *
 * **Invariant:** a visit has one set of own devices and at most one session, and both end with it; nobody enters after having
 * gone to another page.
 */
import { lazy, Suspense, useCallback, useEffect, useRef, useState, type ComponentType } from "react";
import { useLocation, useNavigate } from "react-router";

import { useText } from "../../app/i18n";
import { debugSession, lasting, loadJson, Refused, saveJson, serverNow, type EndReason, type Join, type LocalMedia, type Room, type RoomSession } from "../../client";
import { Button } from "../../ui/button";
import { useAuth, useClient, useMe } from "../shared/services";
import { Plain, Shell, Waiting } from "../shared/shell";
import { useTitle } from "../shared/use-title";
import { Ended } from "./ended";
import { Prejoin } from "./prejoin";

type RoomScreen = ComponentType<{ session: RoomSession }>;

/** The room's screen, once it was fetched. */
let fetched: RoomScreen | undefined;
const loadRoomScreen = async () => {
  const module = await import("../room/room-screen");
  fetched = module.default;
  return module;
};
/** React shows what stands in for it for 300 ms at the least, even where it is there already: only for who has not fetched it. */
const LateRoomScreen = lazy(loadRoomScreen);
const ClosedRoom = lazy(() => import("../room/closed-room"));

const NAME_KEY = "rookery.name";

type Phase =
  | { at: "looking" }
  | { at: "prejoin"; room: Room | undefined; failure?: Refused }
  | { at: "closed"; room: Room }
  | { at: "call"; session: RoomSession; Screen: RoomScreen }
  | { at: "ended"; end: EndReason }
  | { at: "failed"; refused: Refused };

function hasEnded(room: Room): boolean {
  return room.closedAt !== undefined || (room.expiresAt !== undefined && room.expiresAt <= serverNow());
}

export interface Entry {
  name: string;
  password: string;
}

export default function RoomPage({ slug }: { slug: string }) {
  const text = useText();
  const client = useClient();
  const auth = useAuth();
  const me = useMe();
  const navigate = useNavigate();
  const location = useLocation();
  const [phase, setPhase] = useState<Phase>({ at: "looking" });
  const [local, setLocal] = useState<LocalMedia>(() => client.localMedia());
  const atOnce = useRef((location.state as { atOnce?: boolean } | null)?.atOnce === true);
  const known = phase.at === "prejoin" || phase.at === "closed" ? phase.room?.name : undefined;
  useTitle(known);

  // First of all effects, so that whatever ends with the page finds it gone.
  const gone = useRef(false);
  useEffect(() => {
    gone.current = false;
    return () => void (gone.current = true);
  }, []);

  useEffect(() => void loadRoomScreen(), []);
  useEffect(() => () => local.close(), [local]);

  /** Puts a session on the screen until it ends. */
  const hold = useCallback(
    (session: RoomSession) => {
      setPhase({ at: "call", session, Screen: fetched ?? LateRoomScreen });
      debugSession(session);
      session.events.on("ended", (end) => {
        debugSession(null);
        if (gone.current) return;
        if (end.why === "left" && me) return void navigate("/");
        setLocal(client.localMedia());
        setPhase({ at: "ended", end });
      });
      session.start();
    },
    [client, me, navigate],
  );

  const join = useCallback(
    async ({ name, password }: Entry) => {
      const body: Join = { ...(me ? {} : { displayName: name.trim() }), ...(password ? { password } : {}) };
      const answer = await client.api.join(slug, body);
      if (gone.current) return;
      if (!me) saveJson(lasting, NAME_KEY, name.trim());
      hold(client.enter({ slug, local, entry: { answer }, displayName: me ? null : name.trim(), password: password || null }));
    },
    [client, hold, local, me, slug],
  );

  const look = useCallback(
    async (signal: AbortSignal) => {
      let room: Room | undefined;
      try {
        room = await client.api.room(slug, signal);
      } catch (error) {
        if (signal.aborted) return;
        const refused = Refused.from(error);
        const hidden = ["unauthorized", "forbidden", "members_only", "password_required"].includes(refused.code);
        if (!hidden) return setPhase({ at: "failed", refused });
      }
      if (signal.aborted) return;
      if (room && hasEnded(room)) return setPhase({ at: "closed", room });
      const straight = me && (atOnce.current || (room?.kind === "chat" && (!room.hasPassword || room.role)));
      if (straight) {
        atOnce.current = false;
        if (room?.kind !== "chat") void local.start();
        try {
          return await join({ name: "", password: "" });
        } catch (error) {
          return setPhase({ at: "prejoin", room, failure: Refused.from(error) });
        }
      }
      setPhase({ at: "prejoin", room });
    },
    [client, join, local, me, slug],
  );

  // What to do first: go on with the seat of before a reload, else look the room up.
  const looking = phase.at === "looking" && auth.status !== "unknown";
  useEffect(() => {
    if (!looking) return;
    const stop = new AbortController();
    const seat = client.seatOf(slug);
    if (seat) {
      if (seat.room.kind !== "chat") void local.start();
      hold(client.enter({ slug, local, entry: { seat }, displayName: seat.displayName, password: null }));
    } else void look(stop.signal);
    return () => stop.abort();
    // Looked up once for each time the phase is `looking`; what the functions close over is fixed by then.
  }, [looking]);

  const session = phase.at === "call" ? phase.session : null;
  const leaving = useRef<RoomSession | null>(null);
  leaving.current = session;
  // Going to another page is leaving.
  useEffect(() => () => leaving.current?.leave(), []);

  const again = (): void => setPhase({ at: "looking" });
  switch (phase.at) {
    case "call":
      return (
        <Suspense fallback={<Waiting what={text.room.connecting.line} />}>
          <phase.Screen session={phase.session} />
        </Suspense>
      );
    case "prejoin":
      return (
        <Shell>
          <Prejoin
            slug={slug}
            room={phase.room}
            failure={phase.failure}
            local={local}
            name={String(loadJson(lasting, NAME_KEY) ?? "")}
            onJoin={join}
          />
        </Shell>
      );
    case "closed":
      return (
        <Suspense fallback={<Waiting what={text.common.loading} />}>
          <ClosedRoom room={phase.room} />
        </Suspense>
      );
    case "ended":
      return <Ended end={phase.end} slug={slug} onRejoin={again} />;
    case "failed":
      return (
        <Shell>
          <Plain alert title={phase.refused.code === "room_not_found" || phase.refused.code === "not_found" ? text.prejoin.notFound : text.codes[phase.refused.code]}>
            <Button onClick={again}>{text.common.retry}</Button>
            <Button tone="main" onClick={() => void navigate("/")}>
              {me ? text.common.home : text.ended.start}
            </Button>
          </Plain>
        </Shell>
      );
    default:
      return (
        <Shell>
          <Waiting what={text.prejoin.loading} />
        </Shell>
      );
  }
}
