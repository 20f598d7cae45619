/**
 * Media connections, tracks and devices that do nothing by themselves.
 *
 * **Invariant:** descriptions are plain texts that say how often they were made.
 */
import { vi } from "vitest";

import type { DeviceSource } from "../../src/client/devices/local-media";
import type { MakePeerConnection } from "../../src/client/media/peer-connection";

let ids = 0;

export class TestTrack {
  readonly id = `track ${(ids += 1)}`;
  enabled = true;
  readyState = "live";
  label = "Test device";
  contentHint = "";
  readonly constraints: MediaTrackConstraints[] = [];
  onended: (() => void) | null = null;

  constructor(readonly kind: "audio" | "video") {}

  stop(): void {
    this.readyState = "ended";
  }

  getSettings(): object {
    return {};
  }

  applyConstraints(wanted: MediaTrackConstraints): Promise<void> {
    this.constraints.push(wanted);
    return Promise.resolve();
  }
}

export class TestSender {
  readonly replaceTrack = vi.fn(() => Promise.resolve());
  parameters: { degradationPreference?: string; encodings: RTCRtpEncodingParameters[] };

  constructor(encodings: RTCRtpEncodingParameters[]) {
    this.parameters = { encodings };
  }

  getParameters(): object {
    return structuredClone(this.parameters);
  }

  setParameters(parameters: TestSender["parameters"]): Promise<void> {
    Object.assign(this.parameters, parameters);
    return Promise.resolve();
  }
}

export class TestConnection {
  connectionState: RTCPeerConnectionState = "new";
  signalingState = "stable";
  onconnectionstatechange: (() => void) | null = null;
  ontrack: (() => void) | null = null;
  closed = false;
  ice: RTCIceServer[] = [];
  offers = 0;
  restarts = 0;
  readonly remote: string[] = [];
  readonly transceivers: { mid: string | null; kind: string; sender: TestSender; receiver: { track: TestTrack } }[] = [];

  constructor(readonly which: string) {}

  addTransceiver(track: TestTrack | string, { sendEncodings }: { sendEncodings?: RTCRtpEncodingParameters[] } = {}): object {
    const kind = typeof track === "string" ? track : track.kind;
    const made = { mid: null, kind, sender: new TestSender(sendEncodings ?? [{}]), receiver: { track: new TestTrack(kind as "audio") } };
    this.transceivers.push(made);
    return made;
  }

  getTransceivers(): object[] {
    return this.transceivers;
  }

  createOffer(options: { iceRestart?: boolean } = {}): Promise<object> {
    this.offers += 1;
    if (options.iceRestart) this.restarts += 1;
    return Promise.resolve({ type: "offer", sdp: `offer ${this.offers}` });
  }

  createAnswer(): Promise<object> {
    return Promise.resolve({ type: "answer", sdp: `answer to ${this.remote.at(-1)}` });
  }

  setLocalDescription(): Promise<void> {
    this.transceivers.forEach((t, i) => (t.mid ??= String(i)));
    return Promise.resolve();
  }

  /** An offer names its m-lines by commas, e.g. `0,1`. */
  setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.remote.push(sdp);
    if (type === "offer") {
      for (const mid of sdp.split(",").slice(this.transceivers.length)) {
        this.addTransceiver(Number(mid) % 2 === 0 ? "video" : "audio");
        this.transceivers.at(-1)!.mid = mid;
      }
    }
    return Promise.resolve();
  }

  getStats(): Promise<Map<string, object>> {
    return Promise.resolve(new Map());
  }

  setConfiguration(config: RTCConfiguration): void {
    this.ice = config.iceServers ?? [];
  }

  close(): void {
    this.closed = true;
    this.connectionState = "closed";
  }

  /** What the test does. */
  becomes(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

export class TestMedia {
  readonly connections: TestConnection[] = [];
  readonly make: MakePeerConnection = (_, which) => {
    const connection = new TestConnection(which);
    this.connections.push(connection);
    return connection as unknown as RTCPeerConnection;
  };

  open(which: "publish" | "subscribe"): TestConnection {
    const found = this.connections.filter((c) => c.which === which && !c.closed).at(-1);
    if (!found) throw new Error(`there is no ${which} connection`);
    return found;
  }
}

/** Devices that are there and allowed. */
export function testDevices(): DeviceSource & { tracks: TestTrack[] } {
  const tracks: TestTrack[] = [];
  return {
    tracks,
    getUserMedia: (constraints) => {
      const made = [constraints?.audio && new TestTrack("audio"), constraints?.video && new TestTrack("video")].filter((t): t is TestTrack => Boolean(t));
      tracks.push(...made);
      const of = (kind: string): TestTrack[] => made.filter((track) => track.kind === kind);
      return Promise.resolve({ getTracks: () => made, getAudioTracks: () => of("audio"), getVideoTracks: () => of("video") } as unknown as MediaStream);
    },
    enumerateDevices: () => Promise.resolve([]),
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  };
}

/** For code that makes streams of tracks. */
export function stubMediaStream(): void {
  vi.stubGlobal(
    "MediaStream",
    class {
      constructor(readonly tracks: unknown[] = []) {}
    },
  );
}

export function memoryStore(): Storage {
  const map = new Map<string, string>();
  return {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  } as Storage;
}
