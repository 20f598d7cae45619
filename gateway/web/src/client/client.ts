/**
 * Everything that a page or a script needs of Rookery: the account, the REST interface, and the way into rooms.
 *
 * **Invariant:** a signed-in client has one link for all its rooms; a guest has one for each room.
 */
import type { KeyValue } from "./devices/choices";
import { LocalMedia, type DeviceSource } from "./devices/local-media";
import { Refused } from "./errors";
import { Api } from "./http/api";
import { Auth, type AuthEnvironment } from "./http/auth";
import { Http, type Fetch } from "./http/http";
import { makePeerConnection, type MakePeerConnection } from "./media/peer-connection";
import type { JoinAnswer, Me } from "./protocol/generated";
import { RoomSession } from "./session/session";
import { forgetSeats, GUEST, loadSeat } from "./session/seat-store";
import type { StoredSeat } from "./session/views";
import { Gateways, ownGateway } from "./socket/gateways";
import { Link, type Wire, type WireSocket } from "./socket/link";
import { startTicker } from "./socket/ticker";
import { lasting, ofTab } from "./storage";

/** What a test or another host replaces. */
export interface Environment {
  fetch?: Fetch;
  auth?: AuthEnvironment;
  wire: Wire;
  make: MakePeerConnection;
  location: Pick<Location, "protocol" | "host">;
  devices: DeviceSource | undefined;
  /** Lasts: choices of devices. */
  local: KeyValue;
  /** Of this tab: the seat. */
  session: KeyValue;
}

export interface Entering {
  slug: string;
  local: LocalMedia;
  entry: { answer: JoinAnswer } | { seat: StoredSeat };
  /** Of a guest. */
  displayName: string | null;
  password: string | null;
}

export class RookeryClient {
  readonly auth: Auth;
  readonly api: Api;
  readonly #env: Environment;
  readonly #links = new Map<string, Link>();
  /** Codec to publish pictures in, for tests. */
  codec: string | undefined;
  /** Reach other people by TURN servers only, for tests of them. */
  relayOnly = false;

  constructor(env: Environment) {
    this.#env = env;
    const http = new Http(env.fetch);
    this.auth = new Auth(http, env.auth);
    this.api = new Api(http, this.auth);
    let user = this.#user;
    this.auth.state.subscribe(() => {
      const before = user;
      user = this.#user;
      // Whoever comes next at this browser has nothing of the one before.
      if (before && user?.id !== before.id) forgetSeats(env.session);
    });
  }

  get #user(): Me | undefined {
    const state = this.auth.state.get();
    return state.status === "in" ? state.user : undefined;
  }

  /** The own devices, for one visit to a room. */
  localMedia(): LocalMedia {
    return new LocalMedia(this.#env.devices, this.#env.local);
  }

  /** The seat that this tab had before a reload, of whoever is signed in or of a guest. */
  seatOf(slug: string): StoredSeat | undefined {
    return loadSeat(this.#env.session, this.#user?.id ?? GUEST, slug);
  }

  /** Takes a seat in a room. The session is to be started by the caller. */
  enter({ slug, local, entry, displayName, password }: Entering): RoomSession {
    const member = this.#user;
    const link = this.#link(member ? `user ${member.id}` : `guest ${slug}`);
    return new RoomSession({
      who: member?.id ?? GUEST,
      slug,
      link,
      local,
      entry,
      displayName,
      make: (config, which) => this.#env.make(which === "direct" && this.relayOnly ? { ...config, iceTransportPolicy: "relay" } : config, which),
      store: this.#env.session,
      codec: this.codec,
      rejoin: async () => {
        // A member who was signed out meanwhile is not to come back as a guest.
        if (member && this.auth.state.get().status !== "in") throw new Refused("unauthorized");
        return this.api.join(slug, { ...(member || !displayName ? {} : { displayName }), ...(password ? { password } : {}) });
      },
      allow: (allowed) => this.api.patchRoom(slug, { allowed }),
      openingFor: async (answer) => {
        const ticket = member ? (await this.api.wsTicket()).ticket : answer.ticket;
        return `?ticket=${encodeURIComponent(ticket)}`;
      },
    });
  }

  /** The browser is online again: waits between attempts end. */
  hurry(): void {
    for (const link of this.#links.values()) link.hurry();
  }

  #link(key: string): Link {
    const known = this.#links.get(key);
    if (known) return known;
    const link = new Link(this.#env.wire, new Gateways(ownGateway(this.#env.location)));
    this.#links.set(key, link);
    return link;
  }
}

/** The environment of a page in a browser. */
export function browserEnvironment(): Environment {
  return {
    wire: { open: (url) => new WebSocket(url) as unknown as WireSocket, ticker: startTicker },
    make: makePeerConnection,
    location: window.location,
    devices: navigator.mediaDevices as MediaDevices | undefined,
    local: lasting,
    session: ofTab,
  };
}
