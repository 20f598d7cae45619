/**
 * A node for each file (a file may have its own settings), and people who are gone when their test is.
 *
 * **Invariant:** no page may have failed by itself in any test.
 */
import { expect, test as base } from "@playwright/test";

import { meet, type Arrive, type Pair, type PairOptions } from "./meet";
import { RookeryNode, type NodeOptions } from "./node";
import { Person } from "./person";

interface Each {
  /** A node for this test only; it ends after the people who are there. */
  another: (options: NodeOptions) => Promise<RookeryNode>;
  /** `at` is another address than the file's node has. */
  person: Arrive;
  /** Ada, who has an account and starts a meeting, and Ben, who comes by its link. */
  pair: (options?: PairOptions) => Promise<Pair>;
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
  pair: async ({ person }, use) => use((options) => meet(person, options)),
});

export { expect };
