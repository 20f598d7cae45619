/**
 * What the scripted server knows: one account, some rooms, some people. Chosen by the address: `?mock=guest,people=6`.
 *
 * **Invariant:** the same address makes the same world.
 */
import type { Allowed, ChatMessage, Me, PeerInfo, Room } from "../src/client";

const options = new Map(
  (sessionStorage.getItem("mock") ?? new URLSearchParams(location.search).get("mock") ?? "")
    .split(",")
    .filter(Boolean)
    .map((part) => [part.split("=")[0] ?? "", part.split("=")[1] ?? "1"]),
);

export const option = (name: string): string | undefined => options.get(name);

export const me: Me = { id: uuid(900), email: "ada@example.org", username: "ada", displayName: "Ada Kovács" };
export const signedIn = { now: option("guest") === undefined };

const now = Date.now();

export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

const names = [
  "Noor Haddad", "Tomás Barrenechea", "Ingrid", "Kwame Mensah", "Yuki", "Łucja Wiśniewska-Brzęczyszczykiewicz von und zu Hohenstein",
  "שירה לוי", "Bo", "Amara Okafor", "Jun Park", "Sofia Rossi", "Liam O'Brien", "Mei Chen", "Diego Luna", "Freya Dahl", "Omar Farouk",
  "Priya Nair", "Hugo Blanc", "Zoë Smit", "Ivan Petrov", "Lena Vogel", "Tariq Aziz", "Nina Kos", "Pavel Novák", "Rosa Díaz", "Aki Mori", "Eli Stone",
];

export interface Person {
  info: PeerInfo;
  camera: boolean;
  microphone: boolean;
}

export const people: Person[] = names.slice(0, Number(option("people") ?? 5)).map((displayName, i) => ({
  info: { peer: uuid(100 + i), displayName, role: i === 2 ? "guest" : "member", joinedAt: now - 3_600_000 + i * 60_000, reconnecting: false },
  camera: ![1, 3].includes(i % 5),
  microphone: ![1, 4].includes(i % 5),
}));

export const SELF = uuid(1);
export const role = option("host") ? "host" : "member";

/** What those who are not its host may send in the first room; `barred=camera.screen` says what not. */
export const allowed: { now: Allowed } = {
  now: Object.fromEntries(["microphone", "camera", "screen"].map((what) => [what, !(option("barred") ?? "").split(".").includes(what)])) as unknown as Allowed,
};

let seq = 0;
const text = (displayName: string, words: string, minutesAgo: number, i = 0): ChatMessage => {
  seq += 1;
  return { seq, nonce: uuid(5_000 + seq), peer: uuid(100 + i), displayName, text: words, at: now - minutesAgo * 60_000 };
};

export const messages: ChatMessage[] = [
  ...Array.from({ length: Number(option("history") ?? 30) }, (_, i) => text("Ingrid", `Older message ${i + 1}`, 60 * 26 - i, 2)),
  text("Noor Haddad", "New flow is on the board: https://rookery.example/b/41.", 12, 0),
  text("Tomás Barrenechea", "Second step feels **long**. Could `prejoin` hold the name field?", 11, 1),
  text("Tomás Barrenechea", "Otherwise it reads well.", 11, 1),
];

export function addMessage(message: Omit<ChatMessage, "seq">): ChatMessage {
  seq += 1;
  const stored = { ...message, seq };
  messages.push(stored);
  return stored;
}

const room = (n: number, fields: Partial<Room>): Room => ({
  id: uuid(n),
  slug: `${"abcdefghij"[n % 10]}bc-defg-hij`,
  url: "",
  name: "Room",
  description: "",
  kind: "meeting",
  hasPassword: false,
  maxPeers: 100,
  public: false,
  allowed: { microphone: true, camera: true, screen: true },
  createdAt: now - n * 86_400_000,
  role: "member",
  inside: { peers: 0, names: [] },
  unread: 0,
  ...fields,
});

const last = (displayName: string, words: string, minutes: number): ChatMessage => ({ ...messages[0]!, displayName, text: words, at: now - minutes * 60_000 });

export const rooms: Room[] =
  option("empty") !== undefined
    ? []
    : [
        room(0, {
          name: "Design review",
          allowed: allowed.now,
          role: signedIn.now ? role : undefined,
          hasPassword: option("password") !== undefined,
          inside: { peers: people.length, names: people.slice(0, 8).map((p) => p.info.displayName) },
        }),
        room(1, { name: "Ops on call", kind: "chat", unread: 2, lastMessage: last("Kwame", "drained node 3, nothing dropped", 140) }),
        room(2, { name: "Friday film", unread: 120, lastMessage: last("Yuki", "see you tomorrow", 60 * 24 * 3) }),
        room(3, { name: "A room with a very long name that does not fit into the line that it was given here", description: "Planning" }),
        room(4, { name: "Launch retrospective", closedAt: now, lastMessage: last("Ingrid", "thanks all", 60 * 24 * 30) }),
      ].map((r) => ({ ...r, url: `${location.origin}/r/${r.slug}` }));
