/**
 * A node for each file, and people who are gone when their test is.
 *
 * **Invariant:** no page may have failed by itself in any test.
 */
import { expect, test as base } from "@playwright/test";

import { RookeryNode } from "./node";
import { Person } from "./person";

interface Each {
  person: (name: string, options?: { codec?: string; theme?: string }) => Promise<Person>;
}
interface File {
  node: RookeryNode;
}

export const test = base.extend<Each, File>({
  node: [
    async ({}, use) => {
      const node = await RookeryNode.start();
      await use(node);
      await node.stop();
    },
    { scope: "worker" },
  ],
  person: async ({ browser, node }, use) => {
    const people: Person[] = [];
    await use(async (name, options) => {
      const person = await Person.arrive(browser, node.url, name, options);
      people.push(person);
      return person;
    });
    const errors = people.flatMap((person) => person.errors.map((error) => `${person.name}: ${error}`));
    for (const person of people) await person.leave();
    expect(errors).toEqual([]);
  },
});

export { expect };
