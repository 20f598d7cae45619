/**
 * Doors: passwords, being put out, the end for all, signing in on the way.
 *
 * **Invariant:** each refusal is a sentence at the place where it can be acted on.
 */
import { expect, test } from "./support/fixtures";

test("a room's password is asked for, refused and taken", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.createRoom("Closed circle", { password: "swordfish" });
  const ben = await person("Ben");
  await ben.join(path, { password: "wrong one" });
  await ben.page.getByText("That is not this room's password.").waitFor();
  await ben.page.getByLabel("Room password").fill("swordfish");
  await ben.page.getByRole("button", { name: "Join now" }).click();
  await ben.live();
});

test("whom the host puts out is out", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.startMeeting();
  const ben = await person("Ben");
  await ben.join(path);
  await ben.live();
  await ada.sees(1);
  await ada.page.keyboard.press("p");
  await ada.page.getByRole("button", { name: "What to do with Ben" }).click();
  await ada.page.getByRole("menuitem", { name: "Remove from the room" }).click();
  await ada.page.getByRole("button", { name: "Remove", exact: true }).click();
  await ben.page.getByText("The host has removed you from this room.").waitFor();
  await expect(ada.page.locator("figure")).toHaveCount(1);
});

test("the host ends the room for all in two clicks; what was written stays", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.createRoom("Standup");
  await ada.page.getByRole("button", { name: "Join now" }).click();
  await ada.live();
  const ben = await (await person("Ben")).signUp();
  await ben.join(path);
  await ben.live();
  await ben.openChat();
  await ben.write("for the record");
  await ben.reads("for the record");
  await ada.page.getByRole("button", { name: "Ways to leave" }).click();
  await ada.page.getByRole("menuitem", { name: "End for all" }).click();
  await ben.page.getByText("The host ended this room for everyone.").waitFor();
  await ben.page.goto(path);
  await ben.page.getByText("This room has ended.").waitFor();
  await ben.reads("for the record");
});

test("the page a guest came for is kept over signing in", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.createRoom("Library");
  await ada.page.goto("/");
  await ada.page.getByRole("button", { name: /Account of/ }).click();
  await ada.page.getByRole("menuitem", { name: "Sign out" }).click();
  await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await ada.page.goto(path);
  await ada.page.getByRole("link", { name: "Sign in" }).last().click();
  await ada.page.getByRole("link", { name: "Create one" }).click();
  await ada.page.getByLabel("E-mail").fill(`again-${Date.now()}@example.org`);
  await ada.page.getByLabel("Username").fill(`again-${Date.now() % 1e9}`);
  await ada.page.getByLabel("Password", { exact: true }).fill("another calm crow");
  await ada.page.getByRole("button", { name: "Create account" }).click();
  await ada.page.waitForURL(new RegExp(`${path}$`));
  await ada.page.getByRole("button", { name: "Join now" }).waitFor();
});

test("a text room asks for no device and keeps its messages", async ({ person }) => {
  const ada = await (await person("Ada")).signUp();
  const path = await ada.createRoom("Notes", { kind: "Chat room" });
  await ada.live();
  await ada.write("one");
  await ada.reads("one");
  await expect(ada.page.getByText("Sending…")).toHaveCount(0);
  await ada.page.getByRole("button", { name: "Leave" }).click();
  await ada.page.getByText("Notes").waitFor();
  await expect(ada.page.getByText("Ada: one")).toBeVisible();
  await ada.page.goto(path);
  await ada.reads("one");
});
