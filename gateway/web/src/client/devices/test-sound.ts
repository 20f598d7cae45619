/**
 * Two soft tones on the chosen speaker.
 *
 * **Invariant:** everything made for the sound is released when it ends.
 */
import { audioContext, releaseAudio } from "./meter";

const TONES_HZ = [523.25, 783.99];
const TONE_S = 0.35;

/** Resolves when the sound is over; rejects if it cannot be played. */
export async function playTestSound(speaker: string): Promise<void> {
  const context = audioContext();
  if (!context) throw new Error("no audio output");
  const element = new Audio();
  try {
    await context.resume();
    const out = context.createMediaStreamDestination();
    TONES_HZ.forEach((hz, i) => tone(context, out, hz, context.currentTime + 0.1 + i * TONE_S));
    element.srcObject = out.stream;
    if (speaker && "setSinkId" in element) await (element as { setSinkId(id: string): Promise<void> }).setSinkId(speaker);
    await element.play();
    await new Promise((resolve) => setTimeout(resolve, (TONES_HZ.length * TONE_S + 0.4) * 1_000));
  } finally {
    element.pause();
    element.srcObject = null;
    releaseAudio();
  }
}

function tone(context: AudioContext, out: AudioNode, hz: number, at: number): void {
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = hz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.25, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at + TONE_S);
  oscillator.connect(gain).connect(out);
  oscillator.start(at);
  oscillator.stop(at + TONE_S);
}
