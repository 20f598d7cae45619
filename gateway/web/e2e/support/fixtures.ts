/**
 * A node for each file (a file may have its own settings), and people who are gone when their test is.
 *
 * **Invariant:** no page may have failed by itself in any test.
 */
import { expect, test as base } from "@playwright/test";

import { RookeryNode, type NodeOptions } from "./node";
import { Person, type PersonOptions } from "./person";

interface Each {
  /** A node for this test only; it ends after the people who are there. */
  another: (options: NodeOptions) => Promise<RookeryNode>;
  /** `at` is another address than the file's node has. */
  person: (name: string, options?: PersonOptions & { at?: string }) => Promise<Person>;
  /** Ada, who has an account and starts a meeting, and Ben, who comes by its link. */
  pair: (options?: PairOptions) => Promise<Pair>;
}
/** Two in a meeting. */
export interface Pair {
  ada: Person;
  ben: Person;
  /** Of the meeting. */
  path: string;
}

interface PairOptions extends PersonOptions {
  at?: string;
  /** Ben has an account as well, so that they may be connected directly; he is a guest otherwise. */
  members?: boolean;
  /** Done to both before their pages begin. */
  prepare?: (one: Person) => Promise<unknown>;
}

interface File {
  settings: Record<string, string>;
  node: RookeryNode;
}

export const test = base.extend<Each, File>({
  settings: [{}, { scope: "worker", option: true }],
  node: [
    async ({ settings }, use) => {
      const node = await RookeryNode.start({ settings });
      await use(node);
      await node.stop();
    },
    { scope: "worker" },
  ],
  another: async ({}, use) => {
    const nodes: RookeryNode[] = [];
    await use(async (options) => {
      const node = await RookeryNode.start(options);
      nodes.push(node);
      return node;
    });
    for (const node of nodes) await node.stop();
  },
  // `another` is asked for to be taken down later than people are.
  person: async ({ browser, node, another: _later }, use) => {
    const people: Person[] = [];
    await use(async (name, options) => {
      const person = await Person.arrive(browser, options?.at ?? node.url, name, options);
      people.push(person);
      return person;
    });
    const errors = people.flatMap((person) => person.errors.map((error) => `${person.name}: ${error}`));
    for (const person of people) await person.leave();
    expect(errors).toEqual([]);
  },
  pair: async ({ person }, use) => {
    await use(async ({ members = false, prepare, ...options } = {}) => {
      const [ada, ben] = [await person("Ada", options), await person("Ben", options)];
      for (const one of [ada, ben]) await prepare?.(one);
      await ada.signUp();
      if (members) await ben.signUp();
      const path = await ada.startMeeting();
      await ben.join(path);
      await ben.live();
      return { ada, ben, path };
    });
  },
});

export { expect };
