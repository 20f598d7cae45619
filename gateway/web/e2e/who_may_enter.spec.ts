/**
 * Doors: passwords, being put out, the end for all, signing in on the way.
 *
 * **Invariant:** each refusal is a sentence at the place where it can be acted on.
 */
import type { WsTicket } from "../src/client/protocol/generated";
import { expect, test } from "./support/fixtures";
import { Caller } from "./support/rest";

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

test("whom the host puts out is out", async ({ pair }) => {
  const { ada, ben } = await pair();
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

test("a full room says so, and lets the next one in when somebody leaves", async ({ node, person }) => {
  const host = await Caller.signUp(node.url);
  const { slug } = await host.createRoom({ name: "For two", kind: "meeting", maxPeers: 2 });
  const [ada, ben, cleo] = [await person("Ada"), await person("Ben"), await person("Cleo")];
  for (const one of [ada, ben]) {
    await one.join(`/r/${slug}`);
    await one.live();
  }
  await cleo.join(`/r/${slug}`);
  await cleo.page.getByText("This room is full.").waitFor();
  await expect(ada.page.locator("figure")).toHaveCount(2);
  await ben.page.getByRole("button", { name: "Leave", exact: true }).click();
  await expect(ada.page.locator("figure")).toHaveCount(1);
  await cleo.page.getByRole("button", { name: "Join now" }).click();
  await cleo.live();
  await ada.sees(1);
});

test("a room's time runs out: people inside are told and are out, and so are later visitors", async ({ node, person }) => {
  const host = await Caller.signUp(node.url);
  const { slug, id } = await host.createRoom({ name: "Short", kind: "meeting" });
  const ada = await person("Ada");
  await ada.join(`/r/${slug}`);
  await ada.live();
  await host.send("PATCH", `rooms/${id}`, { expiresAt: Date.now() + 4_000 });
  await expect(ada.page.locator('[data-connection="live"]')).toHaveCount(1);
  await ada.page.getByText("This room's time is over.").waitFor({ timeout: 15_000 });
  await expect(ada.page.locator("figure")).toHaveCount(0);
  await expect(ada.page.getByRole("button", { name: "Join again" })).toHaveCount(0);
  const late = await person("Late");
  await late.page.goto(`/r/${slug}`);
  await late.page.getByText("This room has ended.").waitFor();
  await expect(late.page.getByRole("button", { name: "Join now" })).toHaveCount(0);
});

test("a ticket opens one socket; the second is told why it is closed", async ({ node, person }) => {
  const host = await Caller.signUp(node.url);
  const { ticket } = await host.send<WsTicket>("POST", "ws-ticket");
  const ada = await person("Ada");
  await ada.page.goto("/sign-in");
  const [first, second] = await ada.page.evaluate(async (ticket) => {
    /** What is said first, and the close code where the server hangs up; the socket stays open otherwise. */
    const open = () =>
      new Promise<{ said: string; closed: number | null }>((resolve) => {
        const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?ticket=${encodeURIComponent(ticket)}`);
        let said = "";
        socket.onmessage = ({ data }) => (said ||= String(data));
        socket.onclose = ({ code }) => resolve({ said, closed: code });
        setTimeout(() => socket.readyState === WebSocket.OPEN && resolve({ said, closed: null }), 2_000);
      });
    return [await open(), await open()];
  }, ticket);
  expect(first?.closed).toBeNull();
  expect(second?.closed).toBe(4001);
  expect(second?.said).toContain("ticket_invalid");
});
