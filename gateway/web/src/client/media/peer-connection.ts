/**
 * What the media connections have in common: how they are made, and how their health is told.
 *
 * **Invariant:** a connection that was closed says nothing more.
 */
import type { Connection, IceServer } from "../protocol/generated";

export type Health = "none" | "connecting" | "connected" | "disconnected" | "failed";

/** `direct` is the one to another person. */
export type MakePeerConnection = (config: RTCConfiguration, which: Connection | "direct") => RTCPeerConnection;

export const makePeerConnection: MakePeerConnection = (config) => new RTCPeerConnection(config);

export function configuration(iceServers: readonly IceServer[]): RTCConfiguration {
  return { bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers: iceServers.map((server) => ({ ...server })) };
}

export function healthOf(connection: RTCPeerConnection | undefined): Health {
  switch (connection?.connectionState) {
    case "connected":
      return "connected";
    case "disconnected":
      return "disconnected";
    case "failed":
    case "closed":
      return "failed";
    case "new":
    case "connecting":
      return "connecting";
    default:
      return "none";
  }
}

/** The candidates of a description, and whose credentials they go with. */
const CANDIDATE = /^(a=candidate:\S+ \d+ \S+ )\d+/gm;
const UFRAG = /^a=ice-ufrag:(\S+)/m;

/**
 * Ways of a restart before those of earlier ones. Chromium goes over to a better pair as soon as that works, but keeps an equal or
 * better one for as long as it is not sure (2.5 s) that it is dead. A pair is worth no more than the lesser of its two ends, so
 * the server's end is made the lesser, and more with each restart; among the pairs of one the own end decides, as before.
 */
export class Generations {
  #ufrag: string | undefined;
  #number = 0;

  /** The server's description, as it is to be taken. */
  take(sdp: string): string {
    const ufrag = UFRAG.exec(sdp)?.[1];
    if (ufrag !== this.#ufrag) {
      this.#ufrag = ufrag;
      this.#number += 1;
    }
    return sdp.replace(CANDIDATE, `$1${this.#number}`);
  }
}

/** Work on one connection, one piece after the other; a failure does not stop the next. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Puts one codec first; tests of each codec ask for it. */
export function preferCodec(transceiver: RTCRtpTransceiver, mimeType: string): void {
  const all = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const wanted = all.filter((codec) => codec.mimeType.toLowerCase() === mimeType.toLowerCase());
  const rtx = all.filter((codec) => codec.mimeType.toLowerCase() === "video/rtx");
  if (wanted.length > 0) transceiver.setCodecPreferences([...wanted, ...rtx]);
}
