/**
 * Which gateways can be dialled, and in which order.
 *
 * **Invariant:** the page's own origin is first: it has just served the page, and no policy stands in its way.
 */
export class Gateways {
  #list: string[];
  #at = 0;

  constructor(own: string, others: readonly string[] = []) {
    this.#list = unique([own, ...others]);
  }

  get current(): string {
    return this.#list[this.#at % this.#list.length] ?? "";
  }

  get all(): readonly string[] {
    return this.#list;
  }

  /** Takes a newer list; the one in use stays in use. */
  learn(others: readonly string[]): void {
    // A server that names none says nothing about the ones known.
    if (others.length === 0) return;
    const current = this.current;
    const next = unique([this.#list[0] ?? "", ...others]);
    this.#list = next.includes(current) ? next : [...next, current];
    this.#at = this.#list.indexOf(current);
  }

  /** Turns to the next one; with only one it is the same again. */
  advance(): void {
    this.#at = (this.#at + 1) % this.#list.length;
  }
}

/** The WebSocket address of the page's own origin. */
export function ownGateway(location: Pick<Location, "protocol" | "host">): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list.map(normal).filter((url) => url !== ""))];
}

/** With scheme ws or wss and a path; a bare origin means its `/ws`. */
function normal(text: string): string {
  try {
    const url = new URL(text.replace(/^http/, "ws"));
    if (url.protocol !== "ws:" && url.protocol !== "wss:") return "";
    return `${url.protocol}//${url.host}${url.pathname === "/" ? "/ws" : url.pathname}`;
  } catch {
    return "";
  }
}
