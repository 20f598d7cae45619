/** The list at home: what a fresh first page does to it. */
import { describe, expect, it } from "vitest";

import type { Room } from "../src/client";
import { freshList } from "../src/screens/home/fresh-list";

const rooms = (ids: string): Room[] => [...ids].map((id) => ({ id }) as Room);
const list = (old: string, page: string, more = true): string =>
  freshList(rooms(old), rooms(page), 4, more)
    .map((room) => room.id)
    .join("");

describe("the list of rooms", () => {
  it("is the page where there is no more than one", () => {
    expect(list("abcd", "ab", false)).toBe("ab");
  });

  it("lists a room once, wherever it has moved", () => {
    expect(list("abcdefgh", "fabc")).toBe("fabcdegh");
    expect(list("abcdefgh", "dcba")).toBe("dcbaefgh");
  });

  it("keeps what new rooms pushed out of the first page", () => {
    expect(list("abcdefgh", "xabc")).toBe("xabcdefgh");
    expect(list("abcdefgh", "xyab")).toBe("xyabcdefgh");
  });

  it("forgets a room that is no longer there", () => {
    expect(list("abcdefgh", "acde")).toBe("acdefgh");
    expect(list("abcd", "acd", false)).toBe("acd");
  });
});
