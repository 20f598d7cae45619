/**
 * How good the two connections are, from the browser's own statistics. Pure.
 *
 * **Invariant:** a verdict changes only after several samples agree, so that a notice does not flicker.
 */
export interface Quality {
  /** What this client sends. */
  upload: "good" | "weak";
  /** What it receives. */
  download: "good" | "weak";
  rttMs: number | null;
}

/** Figures of one moment; counters are since the connection began. */
export interface Sample {
  rttMs: number | null;
  /** Share of own packets that the other side missed, 0 to 1. */
  lossUp: number | null;
  /** The encoder gives up sharpness because the line is narrow. */
  limited: boolean;
  packetsReceived: number;
  packetsLost: number;
}

export const goodQuality: Quality = { upload: "good", download: "good", rttMs: null };

/** Two samples make four seconds: shorter troubles repair themselves. */
const AGREE = 2;
const LOSS_WEAK = 0.08;
const RTT_WEAK_MS = 600;
/** Ten seconds at 20 frames a second: the server's feedback has let an estimate grow to its line's rate by then. */
const GROWN_FRAMES = 200;
/** A picture below this height is called small. */
const SMALL_PX = 300;

export class Judge {
  #before: Sample | undefined;
  #upBad = 0;
  #downBad = 0;

  take(sample: Sample, now: Quality): Quality {
    const before = this.#before;
    this.#before = sample;
    const received = sample.packetsReceived - (before?.packetsReceived ?? sample.packetsReceived);
    const lost = Math.max(0, sample.packetsLost - (before?.packetsLost ?? sample.packetsLost));
    const lossDown = received + lost > 20 ? lost / (received + lost) : 0;
    const slow = (sample.rttMs ?? 0) > RTT_WEAK_MS;
    this.#upBad = step(this.#upBad, sample.limited || slow || (sample.lossUp ?? 0) > LOSS_WEAK);
    this.#downBad = step(this.#downBad, lossDown > LOSS_WEAK);
    const upload = verdict(this.#upBad, now.upload);
    const download = verdict(this.#downBad, now.download);
    const rttMs = sample.rttMs === null ? null : Math.round(sample.rttMs / 10) * 10;
    const same = upload === now.upload && download === now.download && rttMs === now.rttMs;
    return same ? now : { upload, download, rttMs };
  }
}

function step(count: number, bad: boolean): number {
  return Math.max(0, Math.min(2 * AGREE, count + (bad ? 1 : -1)));
}

function verdict(count: number, now: "good" | "weak"): "good" | "weak" {
  if (count >= AGREE) return "weak";
  return count === 0 ? "good" : now;
}

/** The figures of a moment from the reports of both connections. */
export function sampleOf(reports: readonly ReadonlyMap<string, Record<string, unknown>>[]): Sample {
  const sample: Sample = { rttMs: null, lossUp: null, limited: false, packetsReceived: 0, packetsLost: 0 };
  const sent: Record<string, unknown>[] = [];
  for (const report of reports) {
    for (const entry of report.values()) {
      add(sample, entry);
      if (entry["type"] === "outbound-rtp" && entry["kind"] === "video") sent.push(entry);
    }
  }
  // A small picture is what others notice; of several layers the largest that is sent counts. At the start every encoder
  // is limited while the estimate grows, one layer after the other: that is nobody's slow line.
  const running = sent.filter((entry) => figure(entry, "framesPerSecond") > 0);
  const tallest = Math.max(0, ...running.map((entry) => figure(entry, "frameHeight")));
  const grown = running.some((entry) => figure(entry, "framesSent") >= GROWN_FRAMES);
  sample.limited = grown && tallest < SMALL_PX && sent.some((entry) => entry["qualityLimitationReason"] === "bandwidth");
  return sample;
}

function figure(entry: Record<string, unknown>, key: string): number {
  const value = entry[key];
  return typeof value === "number" ? value : 0;
}

function add(sample: Sample, entry: Record<string, unknown>): void {
  if (entry["type"] === "candidate-pair" && entry["nominated"] === true && entry["state"] === "succeeded") {
    sample.rttMs = Math.max(sample.rttMs ?? 0, figure(entry, "currentRoundTripTime") * 1_000);
  } else if (entry["type"] === "inbound-rtp") {
    sample.packetsReceived += figure(entry, "packetsReceived");
    sample.packetsLost += figure(entry, "packetsLost");
  } else if (entry["type"] === "remote-inbound-rtp") {
    sample.lossUp = Math.max(sample.lossUp ?? 0, figure(entry, "fractionLost"));
  }
}
