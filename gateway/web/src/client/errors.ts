/**
 * Every way in which something asked of the server can fail, as one class.
 *
 * **Invariant:** `code` is either one of the server's stable codes or one of the two below; texts are chosen by it.
 */
import { errorSentences, type ErrorCode, type FieldProblem, type Problem, type Refusal } from "./protocol/generated";

/** `unreachable`: nothing came back. `timeout` is also a server code and means the same here. */
export type ClientCode = ErrorCode | "unreachable";

export class Refused extends Error {
  constructor(
    readonly code: ClientCode,
    message?: string,
    readonly more: { fields?: FieldProblem[]; retryAfterMs?: number; status?: number; requestId?: string } = {},
  ) {
    super(message ?? (code === "unreachable" ? "The server cannot be reached." : errorSentences[code]));
    this.name = "Refused";
  }

  static fromRefusal(refusal: Refusal): Refused {
    const retry = refusal.retryAfterMs;
    return new Refused(refusal.code, refusal.message, retry === undefined ? {} : { retryAfterMs: retry });
  }

  static fromProblem(problem: Problem): Refused {
    return new Refused(problem.code, problem.detail ?? problem.title, {
      status: problem.status,
      ...(problem.fields ? { fields: problem.fields } : {}),
      ...(problem.retryAfterMs === undefined ? {} : { retryAfterMs: problem.retryAfterMs }),
      ...(problem.requestId === undefined ? {} : { requestId: problem.requestId }),
    });
  }

  /** What was thrown, as a refusal. Anything unforeseen is our own fault and says so. */
  static from(error: unknown): Refused {
    return error instanceof Refused ? error : new Refused("internal", error instanceof Error ? error.message : undefined);
  }
}

const PASSING: ReadonlySet<ClientCode> = new Set<ClientCode>([
  "unreachable", "timeout", "unknown", "store_unavailable", "owner_unavailable", "overloaded", "internal", "rate_limited",
  "slow_reader",
]);

/** Whether the same request may succeed a little later. */
export function isPassing(code: ClientCode): boolean {
  return PASSING.has(code);
}

/** Whether a text is one of the server's codes (close reasons of sockets are free text). */
export function asCode(text: string): ErrorCode | undefined {
  return Object.hasOwn(errorSentences, text) ? (text as ErrorCode) : undefined;
}
