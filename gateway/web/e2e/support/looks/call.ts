/**
 * A call and how it stands: connecting, weak, reconnecting, moved, ended; alone, two, many.
 *
 * **Invariant:** each state is said in words on the picture.
 */
import { PHONE, ROOM, enter, lossy, mock, pictures, type Look } from "./look";

export const calls: Look[] = [
  {
    name: "room-connecting",
    path: `${ROOM}?mock=people=5,nojoin`,
    ready: async (page) => {
      await page.getByRole("button", { name: "Join now" }).click();
      await page.getByText("Entering the room…").waitFor();
    },
  },
  {
    name: "room-phone",
    path: `${ROOM}?mock=people=5`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await mock(page, (m) => m.say("Noor Haddad", "Are you there?"));
      await page.getByRole("button", { name: /1 unread/ }).waitFor();
    },
  },
  {
    name: "room-people-host",
    path: `${ROOM}?mock=people=9,host`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await page.keyboard.press("p");
      await page.getByRole("list", { name: "People in the room" }).waitFor();
      await page.getByRole("button", { name: "Ways to leave" }).click();
    },
  },
  { name: "room-alone", path: `${ROOM}?mock=people=0`, ready: enter },
  { name: "room-one", path: `${ROOM}?mock=people=1`, ready: enter },
  {
    name: "room-25",
    path: `${ROOM}?mock=people=27`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 8);
    },
  },
  {
    name: "room-away",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await mock(page, (m) => m.event({ type: "peer_updated", peer: { ...m.people[0]!.info, reconnecting: true } }));
      await page.getByText("Reconnecting…").waitFor();
    },
  },
  {
    name: "room-reconnecting",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 3);
      await mock(page, (m) => m.drop());
      await page.getByRole("banner").getByText("Connection lost.").waitFor();
    },
  },
  {
    name: "room-moved",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await mock(page, (m) => m.tell({ type: "reattach", reason: "moved" }));
      await page.getByText("The room moved to another server.").first().waitFor();
    },
  },
  {
    name: "room-weak",
    path: `${ROOM}?mock=people=5`,
    ready: async (page) => {
      await page.evaluate(lossy);
      await enter(page);
      await pictures(page, 3);
      await page.getByText("Your upload is slow. Others may see you less sharp.").waitFor({ timeout: 20_000 });
      await page.getByRole("img", { name: "Bad connection" }).first().waitFor({ timeout: 20_000 });
    },
  },
  {
    name: "room-device-gone",
    path: `${ROOM}?mock=people=3`,
    ready: async (page) => {
      await page.evaluate(() => {
        const devices = navigator.mediaDevices;
        const real = devices.getUserMedia.bind(devices);
        const taken: MediaStreamTrack[] = [];
        devices.getUserMedia = async (wanted) => {
          const stream = await real(wanted);
          taken.push(...stream.getVideoTracks());
          return stream;
        };
        Object.assign(window, {
          unplug: () => {
            const track = taken.pop();
            track?.stop();
            track?.dispatchEvent(new Event("ended"));
          },
        });
      });
      await enter(page);
      await page.keyboard.press("v");
      await page.getByRole("figure", { name: "Ada Kovács (you), microphone on, camera off" }).waitFor();
      await page.keyboard.press("v");
      await page.getByRole("figure", { name: "Ada Kovács (you), microphone on, camera on" }).waitFor();
      await pictures(page, 2);
      await page.evaluate(() => (window as unknown as { unplug: () => void }).unplug());
      await page.getByText(/^Your camera went away\./).first().waitFor();
    },
  },
  {
    name: "room-barred",
    path: `${ROOM}?mock=people=4`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await page.getByRole("figure", { name: "Ada Kovács (you), microphone on, camera on" }).waitFor();
      await mock(page, (m) => m.allow({ camera: false, screen: false }));
      await page.getByText("The host does not allow cameras, so yours was turned off.").first().waitFor();
      await page.getByRole("button", { name: "Start camera. The host does not allow cameras." }).waitFor();
    },
  },
  {
    name: "room-barred-phone",
    path: `${ROOM}?mock=people=4,barred=microphone.screen`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "Share your screen. The host does not allow shared screens." }).waitFor();
    },
  },
  {
    name: "room-allowed-again",
    path: `${ROOM}?mock=people=3,barred=camera.screen`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await mock(page, (m) => m.allow({ camera: true, screen: true }));
      await page.getByText("Cameras and shared screens are allowed again.").first().waitFor();
      await page.getByRole("button", { name: "Start camera", exact: true }).waitFor();
    },
  },
  {
    name: "room-host-allows",
    path: `${ROOM}?mock=people=4,host`,
    ready: async (page) => {
      await enter(page);
      await pictures(page, 2);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "What others may send" }).click();
      await page.getByRole("switch", { name: "Cameras" }).click();
      await page.getByRole("switch", { name: "Cameras", checked: false }).waitFor();
    },
  },
  {
    name: "room-host-allows-phone",
    path: `${ROOM}?mock=people=2,host,patchfails`,
    size: PHONE,
    ready: async (page) => {
      await enter(page);
      await page.getByRole("button", { name: "More" }).click();
      await page.getByRole("menuitem", { name: "What others may send" }).click();
      await page.getByRole("switch", { name: "Shared screens" }).click();
      await page.getByText("Storage cannot be reached at the moment.").waitFor();
      await page.getByRole("switch", { name: "Shared screens", checked: true }).waitFor();
    },
  },
  {
    name: "prejoin-barred",
    path: `${ROOM}?mock=guest,people=2,barred=camera`,
    ready: async (page) => {
      await page.getByText("The host does not allow cameras.").waitFor();
      await page.getByRole("button", { name: "Start camera. The host does not allow cameras." }).waitFor();
    },
  },
  {
    name: "room-ended",
    path: `${ROOM}?mock=people=2,host`,
    ready: async (page) => {
      await enter(page);
      await page.getByRole("button", { name: "Ways to leave" }).click();
      await page.getByRole("menuitem", { name: "End for all" }).click();
      await page.getByText("The host ended this room").waitFor();
    },
  },
];
