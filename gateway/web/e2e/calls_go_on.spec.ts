/**
 * What must not end a call: a reload, a node that is started again.
 *
 * **Invariant:** nobody has to do anything.
 */
import { expect, test } from "./support/fixtures";

test("a reload goes on with the same seat", async ({ pair }) => {
  const { ada, ben } = await pair();
  await ada.sees(1);
  const [before] = await ada.others();
  await ben.openChat();
  await ben.write("before the reload");
  await ben.reads("before the reload");
  await ben.page.reload();
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  expect(await ada.others()).toEqual([before]);
  await expect(ada.page.locator("figure")).toHaveCount(2);
  await ben.openChat();
  await ben.reads("before the reload");
});

test("a node that is killed and started again: all are back by themselves, and what was written is there", async ({ node, pair }) => {
  const { ada, ben } = await pair();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await ada.openChat();
  await ada.write("written before");
  await ada.reads("written before");
  await expect(ada.page.getByText("Sending…")).toHaveCount(0);
  const restarted = node.restart();
  await ada.page.locator('[data-connection="reconnecting"]').waitFor();
  await ada.write("written while it was gone");
  await restarted;
  await Promise.all([ada.live(), ben.live()]);
  await Promise.all([ada.sees(1), ben.sees(1)]);
  await Promise.all([ada.hears(1), ben.hears(1)]);
  await ben.openChat();
  await ben.reads("written while it was gone");
  expect(await ben.messages()).toEqual(["written before", "written while it was gone"]);
  expect(await ada.messages()).toEqual(["written before", "written while it was gone"]);
});
