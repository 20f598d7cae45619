/**
 * Two people who can reach each other by a TURN server only: with the node's credentials they can, with wrong ones they meet by
 * the server.
 *
 * **Invariant:** the TURN server is a real one, and the browsers are told to use nothing else for the link between them.
 */
import { createHmac } from "node:crypto";

import { expect, test } from "./support/fixtures";
import type { RookeryNode } from "./support/node";
import type { Person } from "./support/person";
import { TurnServer } from "./support/turn";
import { ways } from "./support/ways";

const SECRET = "a secret of two";

async function couple(node: RookeryNode, person: (name: string, options: { at: string }) => Promise<Person>): Promise<[Person, Person]> {
  const [ada, ben] = [await person("Ada", { at: node.url }), await person("Ben", { at: node.url })];
  for (const one of [ada, ben]) {
    await one.context.addInitScript(() => localStorage.setItem("rookery.relay", "1"));
    await one.signUp();
  }
  const path = await ada.startMeeting();
  await ben.join(path);
  await ben.live();
  await Promise.all([ada.sees(1), ben.sees(1)]);
  return [ada, ben];
}

test("relay-only people are connected by a TURN server with credentials that the node made", async ({ another, person }) => {
  const turn = await TurnServer.start(SECRET);
  try {
    const node = await another({ settings: { "media.ice_servers": turn.url, "media.turn_secret": SECRET } });
    const [ada, ben] = await couple(node, person);
    for (const one of [ada, ben]) {
      await expect
        .poll(async () => {
          const { direct, server, remote } = await ways(one.page);
          return { seen: direct.frames > 0, heard: direct.packets > 0, server: server.packets, way: remote && [remote.local, remote.kind] };
        }, { timeout: 20_000 })
        .toEqual({ seen: true, heard: true, server: 0, way: ["relay", "relay"] });
    }
    await Promise.all([ada.sees(1), ben.sees(1)]);
    // What the browser was given is the account and an end, signed with the secret, which itself never left.
    const [{ username, credential }] = await ada.page.evaluate(() => {
      const { connections } = (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery;
      return (connections.get("direct")?.getConfiguration().iceServers ?? []) as { username: string; credential: string }[];
    }) as [{ username: string; credential: string }];
    const [ends, who] = username.split(":");
    const lifetime = Number(ends) - Date.now() / 1_000;
    expect(lifetime).toBeGreaterThan(3_600);
    expect(lifetime).toBeLessThanOrEqual(12 * 3_600);
    expect(who).toMatch(/^[0-9a-f-]{36}$/);
    expect(credential).toBe(createHmac("sha1", SECRET).update(username).digest("base64"));
    expect(turn.log).toContain(`user <${username}>`);
    console.log(`figure turn lifetime ${Math.round(lifetime)} s, ${turn.log.match(/new, realm/g)?.length ?? 0} sessions`);
  } finally {
    await turn.stop();
  }
});

test("a TURN server that refuses the credentials leaves both with the server", async ({ another, person }) => {
  const turn = await TurnServer.start("another secret");
  try {
    const node = await another({ settings: { "media.ice_servers": turn.url, "media.turn_secret": SECRET } });
    const [ada, ben] = await couple(node, person);
    for (const one of [ada, ben]) {
      await expect
        .poll(async () => {
          const { server, link } = await ways(one.page);
          return { seen: server.frames > 0, heard: server.packets > 0, link };
        }, { timeout: 20_000 })
        .toEqual({ seen: true, heard: true, link: false });
    }
    expect(turn.log).toMatch(/401|Unauthorized|wrong|check_stun_auth/i);
  } finally {
    await turn.stop();
  }
});
