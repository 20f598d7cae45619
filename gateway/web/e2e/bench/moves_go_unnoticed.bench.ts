/**
 * Two who are connected directly are joined by a third: for how long a picture stands still and nothing is heard.
 *
 * A gap is between two new pictures, by the number that each carries, and between two loud moments of the voice that is played.
 * In it are the 33 ms between two frames of the camera. The two have cameras of their own: the browser's fake one stands still for a
 * moment while another page sets out to send it.
 *
 * **Invariant:** each move is of a fresh meeting, and both people's gaps count.
 */
import { test } from "../support/fixtures";
import { thirdJoins } from "../support/moves";
import type { Person } from "../support/person";
import { equip } from "./support/instruments";
import { spread } from "./support/spread";

const MOVES = 5;

test("a third comes, and two are moved to the server", async ({ person }) => {
  const [pictures, sounds]: [number[], number[]] = [[], []];
  for (let i = 0; i < MOVES; i += 1) {
    const people: Person[] = [];
    const moved = await thirdJoins(async (name) => {
      const one = await person(name, { bypassCSP: true });
      people.push(one);
      await equip(one.context, name === "Cleo" ? "none" : "camera");
      return one;
    });
    for (const { pictureGapMs, soundGapMs } of [moved.ada, moved.ben]) {
      pictures.push(pictureGapMs);
      sounds.push(soundGapMs);
    }
    for (const one of people) await one.leave();
  }
  spread("move_picture_gap", pictures, "ms", 2 * MOVES);
  spread("move_sound_gap", sounds, "ms", 2 * MOVES);
});
