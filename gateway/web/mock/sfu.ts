/**
 * A media server inside the page: people made of canvases and tones, and slots whose senders change their track.
 *
 * **Invariant:** it negotiates as the real one does: candidates in the description, slots in pairs under one stream id.
 */
import type { MediaKind, SlotPair, SourceKind } from "../src/client";
import { people, type Person } from "./world";

const PAIRS = 8;

let context: AudioContext | undefined;

function camera(person: Person, i: number): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const g = canvas.getContext("2d")!;
  let k = 0;
  const draw = (): void => {
    k += 1;
    const hue = (i * 67) % 360;
    const sky = g.createLinearGradient(0, 0, 0, 360);
    sky.addColorStop(0, `hsl(${hue} 22% 14%)`);
    sky.addColorStop(1, `hsl(${hue} 30% 34%)`);
    g.fillStyle = sky;
    g.fillRect(0, 0, 640, 360);
    g.fillStyle = `hsl(${hue} 30% 62%)`;
    g.beginPath();
    g.arc(320 + Math.sin(k / 20 + i) * 14, 150, 62, 0, 7);
    g.fill();
    g.beginPath();
    g.ellipse(320 + Math.sin(k / 20 + i) * 8, 350, 130, 120, 0, 0, 7);
    g.fill();
  };
  setInterval(draw, 66);
  draw();
  void person;
  return canvas.captureStream(15).getVideoTracks()[0]!;
}

/** A shared screen: a page with a headline, lines and a chart. */
function slide(i: number): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 800;
  const g = canvas.getContext("2d")!;
  let k = 0;
  const draw = (): void => {
    k += 1;
    g.fillStyle = "#f7f8fa";
    g.fillRect(0, 0, 1280, 800);
    g.fillStyle = "#1d2733";
    g.font = "600 54px sans-serif";
    g.fillText(`Joins in the third quarter, ${i + 1}`, 90, 130);
    g.fillStyle = "#8a97a6";
    for (let line = 0; line < 4; line += 1) g.fillRect(90, 190 + line * 34, 480 - line * 60, 12);
    for (let bar = 0; bar < 8; bar += 1) {
      g.fillStyle = bar === 5 ? "#0e8f95" : "#b9c6d2";
      const height = 120 + ((bar * 83) % 260) + Math.sin(k / 15 + bar) * 4;
      g.fillRect(640 + bar * 70, 700 - height, 46, height);
    }
  };
  setInterval(draw, 200);
  draw();
  return canvas.captureStream(5).getVideoTracks()[0]!;
}

function tone(i: number): MediaStreamTrack {
  context ??= new AudioContext();
  const out = context.createMediaStreamDestination();
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  gain.gain.value = 0.02;
  oscillator.frequency.value = 200 + i * 40;
  oscillator.connect(gain).connect(out);
  oscillator.start();
  return out.stream.getAudioTracks()[0]!;
}

const made = new Map<string, MediaStreamTrack>();

/** The track of a person; made when first wanted. */
export function trackOf(i: number, source: SourceKind): MediaStreamTrack {
  const key = `${i} ${source}`;
  const known = made.get(key) ?? (source === "camera" ? camera(people[i]!, i) : source === "screen" ? slide(i) : tone(i));
  made.set(key, known);
  return known;
}

async function gathered(connection: RTCPeerConnection): Promise<string> {
  if (connection.iceGatheringState !== "complete") {
    await new Promise<void>((resolve) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
    });
  }
  return connection.localDescription?.sdp ?? "";
}

export class Sfu {
  #in: RTCPeerConnection | undefined;
  #out: RTCPeerConnection | undefined;
  #senders = new Map<string, RTCRtpSender>();

  async take(sdp: string): Promise<string> {
    this.#in ??= new RTCPeerConnection();
    await this.#in.setRemoteDescription({ type: "offer", sdp });
    await this.#in.setLocalDescription(await this.#in.createAnswer());
    return gathered(this.#in);
  }

  async offer(pairs = PAIRS): Promise<{ sdp: string; slots: SlotPair[] }> {
    const connection = (this.#out ??= new RTCPeerConnection({ bundlePolicy: "max-bundle" }));
    const from = this.#senders.size / 2;
    for (let slot = from; slot < pairs; slot += 1) {
      const stream = new MediaStream();
      for (const kind of ["video", "audio"] as const) {
        this.#senders.set(`${slot}/${kind}`, connection.addTransceiver(kind, { direction: "sendonly", streams: [stream] }).sender);
      }
    }
    await connection.setLocalDescription(await connection.createOffer());
    const sdp = await gathered(connection);
    const mids = connection.getTransceivers().map((t) => t.mid ?? "");
    return { sdp, slots: Array.from({ length: pairs }, (_, slot) => ({ slot, videoMid: mids[slot * 2] ?? "", audioMid: mids[slot * 2 + 1] ?? "" })) };
  }

  async answered(sdp: string): Promise<void> {
    await this.#out?.setRemoteDescription({ type: "answer", sdp });
  }

  async bind(slot: number, kind: MediaKind, track: MediaStreamTrack | null): Promise<void> {
    await this.#senders.get(`${slot}/${kind}`)?.replaceTrack(track);
  }

  close(): void {
    this.#in?.close();
    this.#out?.close();
  }
}
