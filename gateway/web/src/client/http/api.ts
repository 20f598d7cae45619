/**
 * The REST interface, one method for each route that the page uses.
 *
 * **Invariant:** a request that was refused for an old access token is sent again once with a fresh one; nothing else is
 * ever sent twice but what changes nothing.
 */
import { Refused } from "../errors";
import type {
  CreateRoom, Join, JoinAnswer, Login, Me, Messages, PatchMe, PatchRoom, Register, Room, RoomKind, RoomList, RoomScope, Seq, Session,
  WsTicket,
} from "../protocol/generated";
import type { Auth } from "./auth";
import type { Http, HttpRequest } from "./http";

export interface RoomQuery {
  scope?: RoomScope;
  kind?: RoomKind | undefined;
  text?: string | undefined;
  cursor?: string | undefined;
  limit?: number;
}

export class Api {
  readonly #http: Http;
  readonly #auth: Auth;

  constructor(http: Http, auth: Auth) {
    this.#http = http;
    this.#auth = auth;
  }

  async register(body: Register): Promise<void> {
    this.#auth.accept(await this.#http.send<Session>({ method: "POST", path: "auth/register", body }));
  }

  async login(body: Login): Promise<void> {
    this.#auth.accept(await this.#http.send<Session>({ method: "POST", path: "auth/login", body }));
  }

  me(): Promise<Me> {
    return this.#send({ method: "GET", path: "me" });
  }

  patchMe(body: PatchMe): Promise<Me> {
    return this.#send({ method: "PATCH", path: "me", body });
  }

  rooms(query: RoomQuery, signal?: AbortSignal): Promise<RoomList> {
    return this.#send({ method: "GET", path: "rooms", query: { ...query }, ...(signal ? { signal } : {}) });
  }

  room(idOrSlug: string, signal?: AbortSignal): Promise<Room> {
    return this.#send({ method: "GET", path: roomPath(idOrSlug), ...(signal ? { signal } : {}) });
  }

  createRoom(body: CreateRoom): Promise<Room> {
    return this.#send({ method: "POST", path: "rooms", body });
  }

  patchRoom(idOrSlug: string, body: PatchRoom): Promise<Room> {
    return this.#send({ method: "PATCH", path: roomPath(idOrSlug), body });
  }

  join(idOrSlug: string, body: Join): Promise<JoinAnswer> {
    return this.#send({ method: "POST", path: `${roomPath(idOrSlug)}/join`, body });
  }

  messages(idOrSlug: string, page: { before?: Seq; after?: Seq; limit?: number }): Promise<Messages> {
    return this.#send({ method: "GET", path: `${roomPath(idOrSlug)}/messages`, query: page });
  }

  wsTicket(): Promise<WsTicket> {
    return this.#send({ method: "POST", path: "ws-ticket" });
  }

  async #send<T>(request: HttpRequest): Promise<T> {
    const bearer = await this.#auth.token();
    try {
      return await this.#http.send<T>({ ...request, bearer });
    } catch (error) {
      const stale = error instanceof Refused && (error.code === "token_expired" || error.code === "unauthorized");
      if (!stale || bearer === undefined) throw error;
      await this.#auth.refresh();
      return this.#http.send<T>({ ...request, bearer: await this.#auth.token() });
    }
  }
}

function roomPath(idOrSlug: string): string {
  return `rooms/${encodeURIComponent(idOrSlug)}`;
}
