/**
 * A caller of the REST interface who is no browser, for what the page has no way to ask for.
 *
 * **Invariant:** a refusal fails the test with its text.
 */
import type { CreateRoom, Room, Session } from "../../src/client/protocol/generated";

let count = 0;

export class Caller {
  private constructor(
    private readonly url: string,
    private readonly token: string | undefined,
  ) {}

  /** Whoever can read without an account. */
  static anyone(url: string): Caller {
    return new Caller(url, undefined);
  }

  /** Someone with an account made for this. */
  static async signUp(url: string): Promise<Caller> {
    count += 1;
    const name = `c${Date.now() % 1e9}-${count}`;
    const body = { email: `${name}@example.org`, username: name, password: "a calm crow in the oak" };
    const session = await Caller.anyone(url).send<Session>("POST", "auth/register", body);
    return new Caller(url, session.accessToken);
  }

  createRoom(body: CreateRoom): Promise<Room> {
    return this.send("POST", "rooms", body);
  }

  /** By id or by the last part of its link. */
  room(of: string): Promise<Room> {
    return this.send("GET", `rooms/${of}`);
  }

  async send<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}`, {
      method,
      headers: { ...(body ? { "content-type": "application/json" } : {}), ...(this.token ? { authorization: `Bearer ${this.token}` } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }
}
