/**
 * Who is signed in. The access token lives in memory only; the refresh token is a cookie that scripts cannot read.
 *
 * Refreshing rotates the cookie, so tabs must not do it at the same time: one holds a Web Lock, and tells the others the
 * result over a channel.
 *
 * **Invariant:** at most one refresh is under way in all tabs of this browser (in this tab only, where Web Locks are
 * missing), and whoever waited for it takes its result instead of refreshing again.
 */
import { serverNow } from "../clock";
import { Refused, isPassing } from "../errors";
import type { Me, Session } from "../protocol/generated";
import { Slice } from "../slice";
import type { Http } from "./http";

export type AuthState = { status: "unknown" } | { status: "out" } | { status: "in"; user: Me };

/** Refresh this long before the token runs out, so that a slow request does not carry a dead one. */
const EARLY_MS = 30_000;
const LOCK = "rookery.refresh";
const CHANNEL = "rookery.auth";

type Told = { session: Session } | { out: true };

/** The parts of the browser that a test replaces. */
export interface AuthEnvironment {
  locked<T>(work: () => Promise<T>): Promise<T>;
  channel(): Pick<BroadcastChannel, "postMessage" | "onmessage"> | undefined;
}

const browser: AuthEnvironment = {
  locked: (work) => (navigator.locks ? (navigator.locks.request(LOCK, work) as ReturnType<typeof work>) : work()),
  channel: () => (typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(CHANNEL)),
};

export class Auth {
  readonly state = new Slice<AuthState>({ status: "unknown" });
  readonly #http: Http;
  readonly #env: AuthEnvironment;
  readonly #channel: Pick<BroadcastChannel, "postMessage" | "onmessage"> | undefined;
  #session: Session | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(http: Http, env: AuthEnvironment = browser) {
    this.#http = http;
    this.#env = env;
    this.#channel = env.channel();
    if (this.#channel) this.#channel.onmessage = (event: MessageEvent<Told>) => this.#told(event.data);
  }

  /** Finds out whether this browser is signed in. */
  async start(): Promise<void> {
    try {
      await this.refresh();
    } catch {
      if (this.state.get().status === "unknown") this.state.set({ status: "out" });
    }
  }

  /** A token good for a request, or nothing when signed out. */
  async token(): Promise<string | undefined> {
    if (!this.#session) return undefined;
    if (this.#session.expiresAt - EARLY_MS < serverNow()) await this.refresh();
    return this.#session?.accessToken;
  }

  /** Takes the answer to register or login. */
  accept(session: Session): void {
    this.#take(session);
    this.#channel?.postMessage({ session } satisfies Told);
  }

  /** Fetches a new access token; signs out when the server says that the cookie is no longer good. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshOnce().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Forgets this browser's session, here and on the server. */
  async signOut(): Promise<void> {
    try {
      await this.#http.send<void>({ method: "POST", path: "auth/logout", bearer: this.#session?.accessToken });
    } finally {
      this.#drop();
      this.#channel?.postMessage({ out: true } satisfies Told);
    }
  }

  async #refreshOnce(): Promise<void> {
    const before = this.#session;
    await this.#env.locked(async () => {
      // Another tab may have refreshed while this one waited for the lock.
      if (this.#session && this.#session !== before) return;
      try {
        const session = await this.#http.send<Session | undefined>({ method: "POST", path: "auth/refresh" });
        // nothing: this browser has no cookie
        if (!session) throw new Refused("refresh_refused");
        this.accept(session);
      } catch (error) {
        const refused = Refused.from(error);
        if (!isPassing(refused.code)) this.#drop();
        throw refused;
      }
    });
  }

  #told(told: Told): void {
    if ("session" in told) this.#take(told.session);
    else this.#drop();
  }

  #take(session: Session): void {
    this.#session = session;
    const state = this.state.get();
    const same = state.status === "in" && JSON.stringify(state.user) === JSON.stringify(session.user);
    if (!same) this.state.set({ status: "in", user: session.user });
  }

  #drop(): void {
    this.#session = undefined;
    if (this.state.get().status !== "out") this.state.set({ status: "out" });
  }
}
