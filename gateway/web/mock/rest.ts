/**
 * The REST interface of the scripted server.
 *
 * **Invariant:** it answers with the shapes of the real one, errors included.
 */
import { errorSentences, type ErrorCode, type FieldProblem } from "../src/client";
import { control } from "./socket";
import { allowed, me, messages, option, role, rooms, SELF, signedIn, uuid } from "./world";

class Refusal extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly fields?: FieldProblem[],
  ) {
    super(code);
  }
}

const session = () => ({ accessToken: "scripted", expiresAt: Date.now() + 900_000, user: me });

function route(method: string, path: string, query: URLSearchParams, body: Record<string, unknown>): unknown {
  switch (`${method} ${path}`) {
    case "POST auth/refresh":
      return signedIn.now ? session() : undefined;
    case "POST auth/login":
      if (body["password"] !== "correct horse") throw new Refusal("bad_credentials");
      signedIn.now = true;
      return session();
    case "POST auth/register":
      if (body["username"] === "taken") throw new Refusal("username_taken");
      if (body["password"] === "password123") throw new Refusal("weak_password", [{ field: "password", message: "is among the most common ones" }]);
      signedIn.now = true;
      return session();
    case "POST auth/logout":
      signedIn.now = false;
      return undefined;
    case "GET rooms":
      return { rooms: rooms.filter((r) => (!query.get("kind") || r.kind === query.get("kind")) && r.name.toLowerCase().includes((query.get("text") ?? "").toLowerCase())) };
    case "POST rooms":
      rooms.unshift({ ...rooms[0]!, ...body, id: uuid(60), slug: "new-room-now", url: `${location.origin}/r/new-room-now`, inside: { peers: 0, names: [] } });
      return rooms[0];
    case "POST ws-ticket":
      return { ticket: "ws", expiresAt: Date.now() + 30_000 };
    default:
      return roomRoute(method, path, body);
  }
}

function roomRoute(method: string, path: string, body: Record<string, unknown>): unknown {
  const [, key, part] = path.split("/");
  const room = rooms.find((r) => r.slug === key || r.id === key);
  if (!room) throw new Refusal("room_not_found");
  if (method === "GET" && part === undefined) return room;
  if (method === "GET" && part === "messages") return { messages };
  if (method === "PATCH" && part === undefined) {
    if (option("patchfails") !== undefined) throw new Refusal("store_unavailable");
    control.allow(body["allowed"] as object);
    return { ...room, allowed: allowed.now };
  }
  if (method === "POST" && part === "join") {
    if (room.hasPassword && body["password"] !== "letmein") throw new Refusal(body["password"] ? "password_wrong" : "password_required");
    sessionStorage.setItem("mock.room", JSON.stringify({ ...room, guest: body["displayName"] }));
    return { ticket: "join", peer: SELF, role: signedIn.now ? role : "guest", room, iceServers: [], gateways: [] };
  }
  throw new Refusal("not_found");
}

export async function answer(input: string, init: RequestInit): Promise<Response> {
  const url = new URL(input, location.origin);
  await new Promise((resolve) => setTimeout(resolve, Number(option("slow") ?? 40)));
  try {
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
    const found = route(init.method ?? "GET", url.pathname.replace("/api/v1/", ""), url.searchParams, body);
    return new Response(found === undefined ? null : JSON.stringify(found), { status: found === undefined ? 204 : 200 });
  } catch (error) {
    const { code, fields } = error as Refusal;
    return new Response(JSON.stringify({ type: "", status: 400, title: errorSentences[code], code, fields }), { status: 400 });
  }
}

