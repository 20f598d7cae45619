/**
 * How late people see and hear each other, by both ways, and how late they would without us: one page connected to itself.
 *
 * Camera to screen is from before a frame is drawn to when the browser expects it on the display: handing over, encoding, pacing,
 * network, jitter buffer, decoding, composition. Not in it: a real camera's exposure and read-out, a real display's own delay.
 * Tone to ear is from the tone's first sample on the sender's audio thread to when the receiver's track gives the first loud one to
 * be played: Opus' frames of 20 ms and its lookahead, network, jitter buffer, decoding. Not in it: the buffers of sound cards, and
 * the echo canceller, which the browser has for real microphones alone.
 *
 * **Invariant:** which way media goes is checked before and after; a call that changed its way meanwhile measures nothing.
 */
import { test } from "../support/fixtures";
import { meet, type Arrive } from "../support/meet";
import { byServer, directCouple, directly } from "../support/moves";
import type { Person } from "../support/person";
import { beginTaking, equip, NUMBERS_MS, taken, TONES_MS, type Equipped, type Taken } from "./support/instruments";
import { delays, spread } from "./support/spread";

const SETTLED_MS = 8_000;
const TAKEN_MS = 45_000;
/** Of three quarters of a minute of pictures and tones, less what a machine may lose. */
const FRAMES_LEAST = 600;
const TONES_LEAST = 40;

const goes = { direct: directly, server: byServer };
const meeting = { direct: directCouple, server: membersOf };

/** Two members, who do not yet see each other. */
async function membersOf(person: Arrive): Promise<[Person, Person]> {
  const { ada, ben } = await meet(person, { members: true });
  return [ada, ben];
}

function print(way: string, sent: Taken, came: Taken, part = 1): void {
  const whole = delays(sent.drawn, came.shown, NUMBERS_MS);
  const arrivals = came.shown.flatMap(({ number, received }) => (received === undefined ? [] : [{ number, at: received }]));
  spread(`camera_to_screen_${way}`, whole, "ms", part * FRAMES_LEAST);
  spread(`camera_to_arrival_${way}`, delays(sent.drawn, arrivals, NUMBERS_MS), "ms", 0);
  const tones = (times: number[]) => times.map((at) => ({ number: 0, at }));
  spread(`tone_to_ear_${way}`, delays(tones(sent.begun), tones(came.heard), TONES_MS.least), "ms", part * TONES_LEAST);
}

for (const way of ["direct", "server"] as const) {
  test(`camera to screen and tone to ear, ${way}`, async ({ another, person }) => {
    const node = await another({ settings: { "media.direct": String(way === "direct") } });
    // What Ada sends is measured at Ben's place.
    const arrive = async (name: string): Promise<Person> => {
      const one = await person(name, { at: node.url, bypassCSP: true });
      await equip(one.context, name === "Ada" ? "both" : "none");
      return one;
    };
    const [ada, ben] = await meeting[way](arrive);
    await Promise.all([ada, ben].map((one) => goes[way](one)));
    await ben.page.waitForTimeout(SETTLED_MS);
    await beginTaking(ben.page);
    await ben.page.waitForTimeout(TAKEN_MS);
    const [sent, came] = await Promise.all([taken(ada.page), taken(ben.page)]);
    await Promise.all([ada, ben].map((one) => goes[way](one)));
    print(way, sent, came);
  });
}

test("camera to screen and tone to ear, within one page", async ({ person }) => {
  const ada = await person("Ada", { bypassCSP: true });
  await equip(ada.context, "none");
  await ada.page.goto("/sign-in");
  await ada.page.evaluate(async () => {
    const { __bench } = window as unknown as Equipped;
    const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
    from.onicecandidate = ({ candidate }) => void to.addIceCandidate(candidate ?? undefined);
    to.onicecandidate = ({ candidate }) => void from.addIceCandidate(candidate ?? undefined);
    to.ontrack = ({ track }) => {
      const element = document.createElement(track.kind === "video" ? "video" : "audio");
      element.autoplay = true;
      element.srcObject = new MediaStream([track]);
      if (element instanceof HTMLVideoElement) {
        element.muted = true;
        element.dataset["peer"] = "self";
      } else element.dataset["slot"] = "0";
      document.body.append(element);
    };
    const stream = new MediaStream([__bench.camera(), await __bench.microphone()]);
    for (const track of stream.getTracks()) from.addTrack(track, stream);
    await from.setLocalDescription();
    await to.setRemoteDescription(from.localDescription!);
    await to.setLocalDescription();
    await from.setRemoteDescription(to.localDescription!);
  });
  await ada.page.waitForTimeout(SETTLED_MS);
  await beginTaking(ada.page);
  await ada.page.waitForTimeout(TAKEN_MS / 2);
  const both = await taken(ada.page);
  print("within_one_page", both, both, 0.5);
});
