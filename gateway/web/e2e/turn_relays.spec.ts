/**
 * Two people who can reach each other by a TURN server only: with the node's credentials they can, with wrong ones they meet by
 * the server.
 *
 * **Invariant:** the TURN server is a real one, and the browsers are told to use nothing else for the link between them.
 */
import { createHmac } from "node:crypto";

import { expect, test } from "./support/fixtures";
import { couple, directCouple } from "./support/moves";
import type { RookeryNode } from "./support/node";
import type { Person } from "./support/person";
import { TurnServer } from "./support/turn";
import { beginNoticing, noticed, ways } from "./support/ways";

const SECRET = "a secret of two";

/** Two who are told to use a relay only. */
const arriving =
  (node: RookeryNode, person: (name: string, options: { at: string }) => Promise<Person>) =>
  async (name: string): Promise<Person> => {
    const one = await person(name, { at: node.url });
    await one.context.addInitScript(() => localStorage.setItem("rookery.relay", "1"));
    return one;
  };

test("relay-only people are connected by a TURN server with credentials that the node made", async ({ another, person }) => {
  const turn = await TurnServer.start(SECRET);
  try {
    const node = await another({ settings: { "media.ice_servers": turn.url, "media.turn_secret": SECRET } });
    const [ada, ben] = await directCouple(arriving(node, person));
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
    const [ada, ben] = await couple(arriving(node, person));
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

/** The servers that the page would use now, by its link. */
const serversOf = (person: Person): Promise<RTCIceServer[]> =>
  person.page.evaluate(() => (window as unknown as { __rookery: { connections: Map<string, RTCPeerConnection> } }).__rookery.connections.get("direct")?.getConfiguration().iceServers ?? []);

/** Whether a browser gets an address of the relay by these. */
const relays = (person: Person, iceServers: RTCIceServer[]): Promise<boolean> =>
  person.page.evaluate(async (servers) => {
    const connection = new RTCPeerConnection({ iceServers: servers, iceTransportPolicy: "relay" });
    connection.createDataChannel("x");
    const found = new Promise<boolean>((resolve) => {
      connection.onicecandidate = ({ candidate }) => candidate && resolve(true);
      connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve(false);
    });
    await connection.setLocalDescription();
    const relayed = await found;
    connection.close();
    return relayed;
  }, iceServers);

test("a call that outlasts its credentials goes on by fresh ones", async ({ another, person }) => {
  const turn = await TurnServer.start(SECRET);
  try {
    const node = await another({ settings: { "media.ice_servers": turn.url, "media.turn_secret": SECRET, "media.turn_lifetime": "8s" } });
    const [ada, ben] = await directCouple(arriving(node, person));
    const direct = async (): Promise<void> => {
      for (const one of [ada, ben])
        await expect
          .poll(async () => {
            const { direct, server, remote } = await ways(one.page);
            return { seen: direct.frames > 0, heard: direct.packets > 0, server: server.packets, way: remote && [remote.local, remote.kind] };
          }, { timeout: 20_000 })
          .toEqual({ seen: true, heard: true, server: 0, way: ["relay", "relay"] });
    };
    await direct();
    const first = await serversOf(ada);
    expect(await relays(ada, first), "they are good").toBe(true);
    await Promise.all([beginNoticing(ada.page), beginNoticing(ben.page)]);
    // Three lifetimes.
    await ada.page.waitForTimeout(24_000);
    for (const one of [ada, ben]) {
      const { pictureGapMs, soundGapMs, pictures } = await noticed(one.page);
      console.log(`figure credentials_renewed_${one.name}: picture gap ${Math.round(pictureGapMs)} ms, sound gap ${Math.round(soundGapMs)} ms, ${pictures} pictures`);
      expect(pictureGapMs).toBeLessThan(5 * 200);
      expect(soundGapMs).toBeLessThan(5 * 100);
    }
    await direct();
    expect(await relays(ada, first), "the first ones are of no use any more").toBe(false);
    const now = await serversOf(ada);
    expect(now[0]?.username).not.toBe(first[0]?.username);
    expect(await relays(ada, now)).toBe(true);
    // A new link, long after what was told at the beginning has run out.
    await ben.page.reload();
    await ben.live();
    await direct();
  } finally {
    await turn.stop();
  }
});
