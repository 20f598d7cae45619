/**
 * The chat of a call: sending, failing, marks, emoji, new messages.
 *
 * **Invariant:** the panel is open in each.
 */
import { expect } from "@playwright/test";

import { PHONE, ROOM, chat, enter, mock, pictures, type Look, type Mock } from "./look";

export const chats: Look[] = [
  {
    name: "room-chat",
    path: `${ROOM}?mock=people=5,chatslow=60000`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await chat(page);
      await page.getByPlaceholder("Message everyone").fill("Yes, trying it now.");
      await page.keyboard.press("Enter");
      await page.getByText("Sending…").waitFor();
    },
  },
  {
    name: "room-phone-chat",
    path: `${ROOM}?mock=people=5`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByText("Otherwise it reads well.").waitFor();
    },
  },
  {
    name: "room-chat-failed",
    path: `${ROOM}?mock=people=2,chatfails`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByPlaceholder("Message everyone").fill("Can you read this?");
      await page.keyboard.press("Enter");
      await page.getByText("Not sent.").waitFor();
    },
  },
  {
    name: "room-chat-marks",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByText("Otherwise it reads well.").waitFor();
      await mock(page, (m) => {
        m.say("Noor Haddad", "Plan for *today*:\n1. **Review** the flow\n2. Try `make run`\n- and a https://rookery.example/a_very/long/address/that/has/to/be/broken/somewhere?by=the_panel");
        m.say("Ingrid", "```rust\nfn main() {\n    println!(\"a line of code that is longer than the panel is wide\");\n}\n```");
        m.say("Yuki", "🎉👍");
      });
      await page.getByRole("log").getByText("🎉👍").waitFor();
    },
  },
  {
    name: "room-chat-emoji",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByPlaceholder("Message everyone").fill("Well done ");
      await page.getByRole("button", { name: "Emoji" }).click();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("button", { name: "👍" }).waitFor();
    },
  },
  {
    name: "room-chat-new",
    path: `${ROOM}?mock=people=3,history=300,page=300`,
    ready: async (page) => {
      await enter(page);
      await chat(page);
      await page.getByText("Otherwise it reads well.").waitFor();
      await page.getByRole("log").hover();
      await page.mouse.wheel(0, -900);
      await expect(page.getByText("Otherwise it reads well.")).not.toBeInViewport();
      for (const words of ["One", "Two", "Three"]) await page.evaluate((w) => (window as unknown as { __mock: Mock }).__mock.say("Noor Haddad", w), words);
      await page.getByRole("button", { name: "3 new messages" }).waitFor();
    },
  },
];
