/**
 * STUN and TURN servers as they were last told, and fresh credentials before the present ones run out.
 *
 * **Invariant:** what is used is what was told last; nothing is asked for while the line is down, since whoever attaches is
 * told.
 */
import type { IceServer } from "../protocol/generated";
import type { Signal } from "./signal";

/** Asked for again when this much of their life is over. */
const RENEW_AT = 0.8;
/** After a refusal. */
const RETRY_MS = 30_000;
/** The longest that a timer of a browser can wait. */
const TIMER_MAX = 2 ** 31 - 1;

export class IceServers {
  readonly #signal: Signal;
  readonly #renewed: (servers: readonly IceServer[]) => void;
  #servers: readonly IceServer[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `renewed`: there are fresh ones, for connections that there are already. */
  constructor(signal: Signal, renewed: (servers: readonly IceServer[]) => void) {
    this.#signal = signal;
    this.#renewed = renewed;
  }

  get servers(): readonly IceServer[] {
    return this.#servers;
  }

  /** As they were told just now. */
  take(servers: readonly IceServer[]): void {
    this.#servers = servers;
    const lifetimes = servers.flatMap(({ lifetimeMs }) => (lifetimeMs === undefined ? [] : [lifetimeMs]));
    this.stop();
    if (lifetimes.length > 0) this.#renewIn(Math.min(...lifetimes) * RENEW_AT);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #renewIn(ms: number): void {
    this.#timer = setTimeout(() => void this.#renew(), Math.min(ms, TIMER_MAX));
  }

  async #renew(): Promise<void> {
    try {
      const { iceServers } = await this.#signal.request<"ice_servers">({ type: "ice_servers" });
      this.take(iceServers);
      this.#renewed(iceServers);
    } catch {
      this.#renewIn(RETRY_MS);
    }
  }
}
