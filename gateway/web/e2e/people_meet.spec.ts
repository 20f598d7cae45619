/**
 * The main job: people open a browser, come into a room, see and hear each other, and write.
 *
 * **Invariant:** what is asserted is what a person in the room would notice.
 */
import { expectAccessible } from "./support/axe";
import { artifacts } from "./support/chromium";
import { expect, test } from "./support/fixtures";

test("two people meet by a link, see and hear each other, and write", async ({ pair }) => {
  const { ada, ben, path } = await pair();
  expect(await ada.page.evaluate(() => navigator.clipboard.readText())).toContain(path);
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await Promise.all([ada.hears(1), ben.hears(1)]);
  await ada.openChat();
  await ben.openChat();
  await ada.write("Hello, Ben");
  await ben.reads("Hello, Ben");
  await ben.write("Hello, Ada");
  await ada.reads("Hello, Ada");
  expect(await ada.messages()).toEqual(["Hello, Ben", "Hello, Ada"]);
  expect(await ben.messages()).toEqual(["Hello, Ben", "Hello, Ada"]);
  await ada.page.screenshot({ path: `${artifacts}/call-of-two.png` });
  await expectAccessible(ada.page);
});

test("muting is seen by the others, and takes the sound and the picture away", async ({ pair }) => {
  const { ada, ben } = await pair();
  await Promise.all([ben.sees(1), ben.hears(1)]);
  await ada.page.keyboard.press("m");
  await ben.page.getByRole("figure", { name: "Ada, microphone off, camera on" }).waitFor();
  await ben.hears(0);
  await ada.page.keyboard.press("v");
  await ben.page.getByRole("figure", { name: "Ada, microphone off, camera off" }).waitFor();
  await expect.poll(() => ben.others()).toEqual([]);
  await ada.page.keyboard.press("v");
  await ada.page.keyboard.press("m");
  await ben.sees(1);
  await ben.hears(1);
});

test("five people meet", async ({ person }) => {
  test.setTimeout(150_000);
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  const all = [ada];
  for (const name of ["Ben", "Cleo", "Dan", "Eve"]) {
    const next = await person(name);
    await next.join(path);
    await next.live();
    all.push(next);
  }
  for (const one of all) await one.sees(4);
  for (const one of all) await one.hears(4);
  await ada.page.screenshot({ path: `${artifacts}/call-of-five.png` });
});

for (const codec of ["VP8", "H264", "VP9", "AV1"]) {
  test(`a picture in ${codec} is seen`, async ({ pair }) => {
    const { ben } = await pair({ codec: `video/${codec}` });
    await ben.sees(1);
    const inbound = await ben.inbound();
    expect(inbound.filter((f) => f.kind === "video" && f.frames > 0).map((f) => f.codec)).toEqual([`video/${codec}`]);
    expect(inbound.filter((f) => f.kind === "audio" && f.energy > 0).map((f) => f.codec)).toEqual(["audio/opus"]);
  });
}
