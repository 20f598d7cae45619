/**
 * The seat in a room: getting it by ticket, taking it again by token, and what follows from each refusal.
 *
 * **Invariant:** one attachment is under way at a time, an answer to an older one is not heard, a token or ticket that was
 * refused is not used again, and a seat that is given only after the person left is given back.
 */
import { backoffMs } from "../backoff";
import { wall } from "../clock";
import type { KeyValue } from "../devices/choices";
import { Refused, isPassing, type ClientCode } from "../errors";
import type { JoinAnswer, Joined, LinkNumber, RoomInfo, SrtpProfile } from "../protocol/generated";
import type { Link } from "../socket/link";
import { forgetSeat, saveSeat } from "./seat-store";
import type { EndReason, StoredSeat } from "./views";

const ATTACH_BACKOFF = { baseMs: 250, capMs: 5_000 };

/** Codes after which neither ticket nor token is good any more. */
const SPENT: ReadonlySet<ClientCode> = new Set<ClientCode>(["resume_refused", "ticket_invalid", "ticket_expired", "unauthorized", "token_expired"]);

export interface SeatOptions {
  /** Whose the seat is: the user's id, or `GUEST`. */
  who: string;
  slug: string;
  link: Link;
  store: KeyValue;
  /** A ticket fresh from REST, or the seat of before a reload. */
  entry: { answer: JoinAnswer } | { seat: StoredSeat };
  /** The name of a guest; members have none here. */
  displayName: string | null;
  /** Asks for a seat anew, with what is known in memory (name, password). */
  rejoin: () => Promise<JoinAnswer>;
  /** The query to dial with for a ticket: a member's own, or the guest's join ticket. */
  openingFor: (answer: JoinAnswer) => Promise<string>;
}

export interface SeatHooks {
  /** Sitting (again). `kept`: this client asked for its media connections to be kept, and they were. */
  attached(joined: Joined, kept: boolean): void;
  /** The direct link that there still is. */
  link(): LinkNumber | undefined;
  ended(end: EndReason): void;
}

export class Seat {
  readonly #options: SeatOptions;
  readonly #hooks: SeatHooks;
  #room: RoomInfo;
  #answer: JoinAnswer | undefined;
  #token: string | undefined;
  #srtp: SrtpProfile = "gcm";
  #turn = 0;
  #tries = 0;
  #left = false;
  /** Settles when what was last asked for is answered, or cannot be any more. */
  #asked: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SeatOptions, hooks: SeatHooks) {
    const { entry, link } = options;
    this.#options = options;
    this.#hooks = hooks;
    if ("answer" in entry) {
      this.#answer = entry.answer;
      this.#room = infoOf(entry.answer);
      link.gateways.learn(entry.answer.gateways);
    } else {
      this.#token = entry.seat.token;
      this.#room = entry.seat.room;
      link.gateways.learn(entry.seat.gateways);
    }
  }

  get room(): RoomInfo {
    return this.#room;
  }

  /** Neither ticket nor token: a seat has to be asked for first. */
  get vacant(): boolean {
    return !this.#token && !this.#answer;
  }

  /** The query to dial with. Throws `Refused`. */
  async opening(): Promise<string> {
    if (this.#token) return "";
    const { rejoin, openingFor, link } = this.#options;
    this.#answer ??= await rejoin();
    this.#room = infoOf(this.#answer);
    link.gateways.learn(this.#answer.gateways);
    return openingFor(this.#answer);
  }

  /** Joins or resumes on the open socket. */
  attach(keepMedia: boolean): Promise<void> {
    this.#asked = this.#attach(keepMedia);
    return this.#asked;
  }

  async #attach(keepMedia: boolean): Promise<void> {
    this.stop();
    const turn = this.#turn;
    const { link } = this.#options;
    const onReply = (joined: Joined): void => {
      if (this.#left) link.cast({ type: "leave" }, this.#room.id);
      else if (turn === this.#turn) this.#attached(joined, keepMedia);
    };
    try {
      if (this.#token) {
        const direct = this.#hooks.link();
        await link.request<"resume">({ type: "resume", token: this.#token, srtp: this.#srtp, keepMedia, direct: true, ...(direct === undefined ? {} : { link: direct }) }, { onReply });
      } else {
        const ticket = this.#answer?.ticket ?? "";
        this.#answer = undefined;
        await link.request<"join">({ type: "join", ticket, srtp: this.#srtp, direct: true }, { onReply });
      }
    } catch (error) {
      if (turn === this.#turn) this.#notAttached(Refused.from(error), keepMedia);
    }
  }

  /** The person leaves. Resolves when a seat that is just being asked for is given back, or was not given. */
  leave(): Promise<void> {
    this.#left = true;
    this.stop();
    return this.#asked;
  }

  /** What is under way is not heard any more. */
  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
  }

  /** The socket was closed with this code. */
  lost(code: ClientCode | undefined): void {
    this.stop();
    if (code && endsHere(code)) this.#hooks.ended(endOf(code));
    else if (code && SPENT.has(code)) this.forget();
  }

  /** From now on with the other SRTP profile. False if it is that one already. */
  otherProfile(): boolean {
    if (this.#srtp === "cm") return false;
    this.#srtp = "cm";
    return true;
  }

  /** Takes what every snapshot says of the seat. */
  adopt({ room, gateways, resumeToken }: Joined): void {
    this.#room = room;
    this.#options.link.gateways.learn(gateways);
    this.renew(resumeToken);
  }

  /** The room is called something else now, or lets people send something else. */
  describe(room: RoomInfo): void {
    this.#room = room;
  }

  renew(token: string): void {
    this.#token = token;
    const { store, who, slug, link, displayName } = this.#options;
    saveSeat(store, who, slug, { room: this.#room, token, gateways: [...link.gateways.all], displayName, at: wall() });
  }

  forget(): void {
    this.#token = undefined;
    this.#answer = undefined;
    const { store, who, slug } = this.#options;
    forgetSeat(store, who, slug);
  }

  #attached(joined: Joined, asked: boolean): void {
    this.#tries = 0;
    this.#options.link.settled();
    this.adopt(joined);
    this.#hooks.attached(joined, asked && joined.mediaKept);
  }

  #notAttached(refused: Refused, keepMedia: boolean): void {
    const { code } = refused;
    if (code === "unreachable") return; // The link dials again, and the session attaches then.
    if (SPENT.has(code) || (code === "srtp_profile" && this.otherProfile())) return this.#afresh();
    if (code === "already_joined" || code === "not_joined") return this.#options.link.redial(false);
    if (!isPassing(code)) return this.#hooks.ended(endOf(code));
    this.#tries += 1;
    const ms = refused.more.retryAfterMs ?? backoffMs(this.#tries, ATTACH_BACKOFF);
    // A join ticket is used up by now; a token is not.
    this.#timer = setTimeout(() => (this.#token ? void this.attach(keepMedia) : this.#afresh()), ms);
  }

  /** Neither token nor ticket is good any more: a new ticket on a new socket. */
  #afresh(): void {
    this.forget();
    this.#tries += 1;
    const go = (): void => this.#options.link.redialNow();
    if (this.#tries <= 1) return go();
    this.#timer = setTimeout(go, backoffMs(this.#tries, ATTACH_BACKOFF));
  }
}

function infoOf({ room: { id, slug, name, kind, allowed } }: JoinAnswer): RoomInfo {
  return { id, slug, name, kind, allowed };
}

/** Codes with which a stay ends for good. */
export function endsHere(code: ClientCode): boolean {
  return ["superseded", "banned", "room_closed", "room_expired", "members_only", "forbidden"].includes(code);
}

export function endOf(code: ClientCode): EndReason {
  switch (code) {
    case "banned":
      return { why: "kicked" };
    case "room_closed":
      return { why: "closed", reason: "host" };
    case "room_expired":
      return { why: "closed", reason: "expired" };
    case "superseded":
      return { why: "superseded" };
    case "refresh_refused":
    case "unauthorized":
    case "token_expired":
      return { why: "signed_out" };
    default:
      return { why: "refused", code };
  }
}
