/**
 * Cameras and screens that a test draws itself, where the browser's fake ones will not do.
 *
 * **Invariant:** they are put in before the page begins, so that the page cannot tell them from real ones.
 */
import type { BrowserContext } from "@playwright/test";

/** A camera of 1280 x 720 that moves, for pictures in several sizes. */
export async function largeCamera(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const real = devices.getUserMedia.bind(devices);
    const camera = (): MediaStreamTrack => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [1_280, 720];
      const g = canvas.getContext("2d")!;
      let k = 0;
      const draw = (): void => {
        k += 1;
        for (let i = 0; i < 12; i += 1) {
          g.fillStyle = `hsl(${(k * 3 + i * 30) % 360} 60% 50%)`;
          g.fillRect(i * 107, 0, 107, 720);
        }
        g.fillStyle = "#fff";
        g.fillRect((k * 17) % 1_280, (k * 11) % 720, 160, 160);
      };
      setInterval(draw, 66);
      draw();
      const [track] = canvas.captureStream(15).getVideoTracks();
      const settings = track!.getSettings.bind(track);
      track!.getSettings = () => ({ ...settings(), width: 1_280, height: 720 });
      return track!;
    };
    devices.getUserMedia = async (wanted) => {
      const stream = wanted?.audio ? await real({ audio: wanted.audio }) : new MediaStream();
      if (wanted?.video) stream.addTrack(camera());
      return stream;
    };
  });
}

/** A screen with a tone, given without a question. */
export async function screenToShare(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [1_280, 800];
      const g = canvas.getContext("2d")!;
      let k = 0;
      setInterval(() => {
        k += 1;
        g.fillStyle = "#eee";
        g.fillRect(0, 0, 1_280, 800);
        g.fillStyle = "#246";
        g.fillRect(100, 100, 100 + ((k * 20) % 900), 80);
      }, 100);
      const stream = canvas.captureStream(10);
      const audio = new AudioContext();
      const out = audio.createMediaStreamDestination();
      const tone = audio.createOscillator();
      tone.connect(out);
      tone.start();
      stream.addTrack(out.stream.getAudioTracks()[0]!);
      return stream;
    };
  });
}

/** A microphone that hears nothing. */
export async function silentMicrophone(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
      const stream = wanted?.video ? await real({ video: wanted.video }) : new MediaStream();
      if (wanted?.audio) stream.addTrack(new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0]!);
      return stream;
    };
  });
}
