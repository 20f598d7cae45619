/**
 * Two people in a meeting, which most tests begin with.
 *
 * **Invariant:** Ada has an account and started the meeting, so she is its host; Ben came by its link.
 */
import type { Person, PersonOptions } from "./person";

export type Arrive = (name: string, options?: PersonOptions & { at?: string }) => Promise<Person>;

export interface Pair {
  ada: Person;
  ben: Person;
  /** Of the meeting. */
  path: string;
}

export interface PairOptions extends PersonOptions {
  /** Another address than the file's node has. */
  at?: string;
  /** Ben has an account as well, so that they may be connected directly; he is a guest otherwise. */
  members?: boolean;
  /** Done to both before their pages begin. */
  prepare?: (one: Person) => Promise<unknown>;
}

export async function meet(person: Arrive, { members = false, prepare, ...options }: PairOptions = {}): Promise<Pair> {
  const [ada, ben] = [await person("Ada", options), await person("Ben", options)];
  for (const one of [ada, ben]) await prepare?.(one);
  await ada.signUp();
  if (members) await ben.signUp();
  const path = await ada.startMeeting();
  await ben.join(path);
  await ben.live();
  return { ada, ben, path };
}
