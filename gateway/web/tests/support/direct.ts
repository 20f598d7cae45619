/**
 * The connection to another person with the test as its network.
 *
 * **Invariant:** descriptions are numbered texts; nothing arrives and nothing connects unless the test says so.
 */
import { vi } from "vitest";

import type { MakePeerConnection } from "../../src/client/media/peer-connection";
import { TestTrack } from "./media";

interface TestTransceiver {
  mid: string | null;
  sender: { replaceTrack: ReturnType<typeof vi.fn>; getStats: () => Promise<Map<string, object>> };
  receiver: TestReceiver;
}

export class TestReceiver {
  count = 0;
  readonly track: TestTrack;

  constructor(kind: "audio" | "video") {
    this.track = new TestTrack(kind);
  }

  getStats(): Promise<Map<string, object>> {
    const counts = this.track.kind === "video" ? { framesDecoded: this.count } : { jitterBufferEmittedCount: this.count };
    return Promise.resolve(new Map([["in", { type: "inbound-rtp", ...counts }]]));
  }

  getSynchronizationSources(): object[] {
    return [{ audioLevel: 0.1 }];
  }
}

export class TestChannel {
  readyState = "connecting";
  readonly bufferedAmount = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  readonly sent: string[] = [];

  send(text: string): void {
    this.sent.push(text);
  }

  get last(): { lines: Record<string, string>; shown: string[]; unseen: string[] } {
    return JSON.parse(this.sent.at(-1) ?? "{}") as never;
  }
}

export class TestDirectConnection {
  connectionState: RTCPeerConnectionState = "new";
  signalingState = "stable";
  localDescription: { type: string; sdp: string } | null = null;
  remoteDescription: { type: string; sdp: string } | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onnegotiationneeded: (() => void) | null = null;
  readonly channel = new TestChannel();
  readonly pulse = new TestChannel();
  /** What the statistics say has come in. */
  bytes = 0;
  relayed = false;
  readonly transceivers: TestTransceiver[] = [];
  readonly candidates: unknown[] = [];
  restarts = 0;
  closed = false;
  #made = 0;

  constructor(public config: RTCConfiguration) {}

  createDataChannel(label: string): TestChannel {
    return label === "pulse" ? this.pulse : this.channel;
  }

  getStats(): Promise<Map<string, object>> {
    return Promise.resolve(
      new Map<string, object>([
        ["t", { id: "t", type: "transport", bytesReceived: this.bytes, selectedCandidatePairId: "p" }],
        ["p", { id: "p", type: "candidate-pair", localCandidateId: "l" }],
        ["l", { id: "l", type: "local-candidate", candidateType: this.relayed ? "relay" : "host" }],
      ]),
    );
  }

  getConfiguration(): RTCConfiguration {
    return this.config;
  }

  setConfiguration(config: RTCConfiguration): void {
    this.config = config;
  }

  addTransceiver(track: TestTrack): TestTransceiver {
    const made = { mid: null, sender: { replaceTrack: vi.fn(() => Promise.resolve()), getStats: () => Promise.resolve(new Map()) }, receiver: new TestReceiver(track.kind) };
    this.transceivers.push(made);
    return made;
  }

  getTransceivers(): TestTransceiver[] {
    return this.transceivers;
  }

  setLocalDescription(): Promise<void> {
    const answers = this.signalingState === "have-remote-offer";
    this.signalingState = answers ? "stable" : "have-local-offer";
    this.localDescription = { type: answers ? "answer" : "offer", sdp: `${answers ? "answer" : "offer"} ${(this.#made += 1)}` };
    this.transceivers.forEach((one, i) => (one.mid ??= `own ${i}`));
    return Promise.resolve();
  }

  setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
    return Promise.resolve();
  }

  addIceCandidate(candidate: unknown): Promise<void> {
    this.candidates.push(candidate);
    return Promise.resolve();
  }

  restartIce(): void {
    this.restarts += 1;
  }

  close(): void {
    this.closed = true;
  }

  // ---- what the test does ----

  becomes(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    if (state === "connected" && this.channel.readyState !== "open") {
      this.channel.readyState = this.pulse.readyState = "open";
      this.channel.onopen?.();
    }
    this.onconnectionstatechange?.();
  }

  /** The other end sends these from now on. */
  arrives(...kinds: ("audio" | "video")[]): TestReceiver[] {
    return kinds.map((kind, i) => {
      const receiver = new TestReceiver(kind);
      this.transceivers.push({ mid: `their ${i}`, sender: { replaceTrack: vi.fn(), getStats: () => Promise.resolve(new Map()) }, receiver });
      return receiver;
    });
  }

  /** The other end is heard. */
  beats(): void {
    this.pulse.onmessage?.({ data: "" });
  }

  says(said: unknown): void {
    this.channel.onmessage?.({ data: typeof said === "string" ? said : JSON.stringify(said) });
  }
}

export class TestLinks {
  readonly all: TestDirectConnection[] = [];
  readonly make: MakePeerConnection = (config) => {
    const connection = new TestDirectConnection(config);
    this.all.push(connection);
    return connection as unknown as RTCPeerConnection;
  };

  get last(): TestDirectConnection {
    const last = this.all.at(-1);
    if (!last) throw new Error("no link was made");
    return last;
  }
}
