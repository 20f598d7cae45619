/**
 * One request to the REST interface, with its failure as a `Refused`.
 *
 * **Invariant:** every request names its method, carries the custom header that the server checks against forgery when
 * it changes something, and goes to this page's origin only.
 */
import { backoffMs } from "../backoff";
import { heardServer, now, wait } from "../clock";
import { Refused } from "../errors";
import type { Problem } from "../protocol/generated";

const BASE = "/api/v1";
/** The `Date` of an answer is cut to whole seconds. */
const DATE_STEP_MS = 1_000;
/** Longer than the slowest answer that is still useful to a person; password hashing under load takes seconds. */
const TIMEOUT_MS = 15_000;
/** A request that changes nothing is repeated this often when nothing came back. */
const IDEMPOTENT_ATTEMPTS = 3;
const IDEMPOTENT_BACKOFF = { baseMs: 300, capMs: 2_000 };

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

export interface HttpRequest {
  method: Method;
  path: string;
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  bearer?: string | undefined;
  signal?: AbortSignal;
}

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export class Http {
  readonly #fetch: Fetch;

  constructor(fetchFn: Fetch = (input, init) => fetch(input, init)) {
    this.#fetch = fetchFn;
  }

  /** Sends it, and repeats it after a lost connection if it is idempotent (RFC 9110, 9.2.2: GET here). */
  async send<T>(request: HttpRequest): Promise<T> {
    const attempts = request.method === "GET" ? IDEMPOTENT_ATTEMPTS : 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once<T>(request);
      } catch (error) {
        const again = error instanceof Refused && error.code === "unreachable" && attempt < attempts;
        if (!again || request.signal?.aborted) throw error;
        await wait(backoffMs(attempt, IDEMPOTENT_BACKOFF), request.signal);
      }
    }
  }

  async #once<T>(request: HttpRequest): Promise<T> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    const askedAt = now();
    let response: Response;
    try {
      response = await this.#fetch(address(request), init(request, signal));
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new Refused(timeout.aborted ? "timeout" : "unreachable");
    }
    heardServer(Date.parse(response.headers.get("Date") ?? ""), askedAt, DATE_STEP_MS);
    return read<T>(response);
  }
}

function address(request: HttpRequest): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(key, String(value));
  const text = query.toString();
  return `${BASE}/${request.path}${text ? `?${text}` : ""}`;
}

function init(request: HttpRequest, signal: AbortSignal): RequestInit {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (request.method !== "GET") headers["X-Rookery-Csrf"] = "1";
  if (request.body !== undefined) headers["Content-Type"] = "application/json";
  if (request.bearer) headers["Authorization"] = `Bearer ${request.bearer}`;
  return {
    method: request.method,
    headers,
    signal,
    credentials: "same-origin",
    cache: "no-store",
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  };
}

async function read<T>(response: Response): Promise<T> {
  const text = await response.text().catch(() => "");
  const body = parse(text);
  if (response.ok) return body as T;
  if (isProblem(body)) throw Refused.fromProblem(body);
  // A proxy in between answered, not Rookery: 502 to 504 mean that it could not reach us.
  throw new Refused(response.status >= 502 && response.status <= 504 ? "unreachable" : "internal");
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && typeof (body as Problem).code === "string";
}
