/**
 * How loud an own microphone track is, sixteen times a second.
 *
 * **Invariant:** after `stop` nothing is called and the audio graph is gone.
 */
const EVERY_MS = 60;

let shared: AudioContext | undefined;
let users = 0;

/**
 * One audio context for all meters and the test sound: browsers allow only a few. Each use ends with `releaseAudio`; after
 * the last one it is closed, since whatever was connected to a running context is never given back.
 */
export function audioContext(): AudioContext | undefined {
  if (typeof AudioContext === "undefined") return undefined;
  shared ??= new AudioContext();
  users += 1;
  if (shared.state === "suspended") void shared.resume().catch(() => undefined);
  return shared;
}

export function releaseAudio(): void {
  users -= 1;
  if (users > 0) return;
  void shared?.close().catch(() => undefined);
  shared = undefined;
}

/** Calls back with 0 to 1, on a scale of -60 to -12 dBFS. */
export function meter(track: MediaStreamTrack, onLevel: (level: number) => void): () => void {
  const context = audioContext();
  if (!context) return () => undefined;
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 1_024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const db = 10 * Math.log10(sum / samples.length + 1e-10);
    const level = Math.max(0, Math.min(1, (db + 60) / 48));
    // Up at once, down slowly: a meter that flickers cannot be read.
    shown = level > shown ? level : shown * 0.8;
    onLevel(shown < 0.01 ? 0 : shown);
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    source.disconnect();
    analyser.disconnect();
    releaseAudio();
    onLevel(0);
  };
}
