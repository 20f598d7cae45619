/**
 * What the host does not let others send ends at once, is said in words, and stays so until it is lifted.
 *
 * **Invariant:** everything is done by the host's own menu, and judged by what the others see and hear.
 */
import { expect, test } from "./support/fixtures";
import { allow, byServer, directCouple, hostRestricts } from "./support/moves";
import { screenToShare } from "./support/sources";

/** The promises are 200 ms and 100 ms; a busy machine is given five times as much here, `make bench` asserts them. */
const PICTURE_GAP_MS = 5 * 200;
const SOUND_GAP_MS = 5 * 100;

test("a host who does not allow cameras moves both to the server: one picture ends, all else goes on", async ({ person }) => {
  const [ada, ben] = await directCouple(person);
  const { ada: a, ben: b } = await hostRestricts(ada, ben);
  console.log(`figure host_restricts_ben: picture gap ${Math.round(b.pictureGapMs)} ms, sound gap ${Math.round(b.soundGapMs)} ms, heard twice ${Math.round(b.twiceMs)} ms, ${b.pictures} pictures`);
  console.log(`figure host_restricts_ada: sound gap ${Math.round(a.soundGapMs)} ms, heard twice ${Math.round(a.twiceMs)} ms`);
  expect(b.pictureGapMs).toBeLessThan(PICTURE_GAP_MS);
  expect(b.pictures).toBeGreaterThan(20);
  expect(b.back).toBeLessThanOrEqual(1);
  for (const { soundGapMs } of [a, b]) expect(soundGapMs).toBeLessThan(SOUND_GAP_MS);
  // Ben's picture is gone, here and there; Ada's goes on.
  await ada.page.getByRole("figure", { name: "Ben, microphone on, camera off" }).waitFor();
  expect(await ada.others()).toEqual([]);
  await ben.sees(1);
  await Promise.all([ada.hears(1), ben.hears(1)]);
  await ben.page.getByRole("figure", { name: "Ben (you), microphone on, camera off" }).waitFor();
  const camera = ben.page.getByRole("button", { name: "Start camera. The host does not allow cameras." });
  await expect(camera).toHaveAttribute("aria-disabled", "true");
  await expect(ada.page.getByRole("button", { name: "Stop camera" })).toBeVisible();
  // Neither by the key nor by the button.
  await ben.page.keyboard.press("v");
  await expect(ben.page.getByRole("status").filter({ hasText: "The host does not allow cameras." })).toHaveCount(1);
  await camera.click({ force: true });
  await ben.page.waitForTimeout(500);
  expect(await ada.others()).toEqual([]);

  // Lifted: said, not turned on by itself, and through the server from then on.
  await allow(ada, "Cameras", true);
  await ben.page.getByText("Cameras are allowed again.").first().waitFor();
  await ben.page.waitForTimeout(500);
  expect(await ada.others()).toEqual([]);
  await ben.page.getByRole("button", { name: "Start camera", exact: true }).click();
  await ada.sees(1);
  await Promise.all([byServer(ada), byServer(ben)]);
});

test("a guest who may send nothing is told so before joining, sends nothing, and sees and hears the host", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  for (const what of ["Microphones", "Cameras", "Shared screens"] as const) await allow(ada, what, false);
  const ben = await person("Ben");
  await screenToShare(ben.context);
  await ben.page.goto(path);
  await ben.page.getByText("The host does not allow microphones, cameras or shared screens.").waitFor();
  await ben.page.getByLabel("Your name").fill("Ben");
  await ben.page.getByRole("button", { name: "Join now" }).click();
  await ben.live();
  await Promise.all([ben.sees(1), ben.hears(1)]);
  for (const key of ["m", "v", "s", " "]) await ben.page.keyboard.press(key);
  await ada.page.getByRole("figure", { name: "Ben, microphone off, camera off" }).waitFor();
  await ben.page.reload();
  await ben.live();
  await ben.sees(1);
  await ben.page.getByRole("button", { name: "Unmute. The host does not allow microphones." }).waitFor();
  const sent = await ada.page.evaluate(() => {
    type Tracks = { get(): { byId: Map<string, { peer: string }> } };
    type Roster = { get(): { self: string } };
    const { session } = (window as unknown as { __rookery: { session: { tracks: Tracks; roster: Roster } } }).__rookery;
    const { self } = session.roster.get();
    return [...session.tracks.get().byId.values()].filter(({ peer }) => peer !== self).length;
  });
  expect(sent).toBe(0);
});

test("a shared screen that is not allowed any more ends, and so does a member's voice", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  const ben = await person("Ben");
  await screenToShare(ben.context);
  await ben.signUp();
  await ben.join(path);
  await ben.live();
  await ben.page.keyboard.press("s");
  const screens = ada.page.locator("video[data-screen]");
  await expect(screens).toHaveCount(1, { timeout: 20_000 });
  await allow(ada, "Shared screens", false);
  await expect(screens).toHaveCount(0);
  await ben.page.getByText("The host does not allow shared screens, so yours was turned off.").first().waitFor();
  await allow(ada, "Microphones", false);
  await ada.page.getByRole("figure", { name: "Ben, microphone off, camera on" }).waitFor();
  await ada.sees(1);
});
