/**
 * What the person chose last time: devices, and whether to come in muted.
 *
 * **Invariant:** a store that is full, forbidden or holds nonsense is as good as none.
 */
export interface Choices {
  microphone: string;
  camera: string;
  speaker: string;
  microphoneOn: boolean;
  cameraOn: boolean;
}

export type KeyValue = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const KEY = "rookery.devices";
const DEFAULTS: Choices = { microphone: "", camera: "", speaker: "", microphoneOn: true, cameraOn: true };

export function loadChoices(store: KeyValue): Choices {
  const read = loadJson(store, KEY) as Partial<Choices> | undefined;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const flag = (value: unknown): boolean => (typeof value === "boolean" ? value : true);
  if (!read) return DEFAULTS;
  return {
    microphone: text(read.microphone),
    camera: text(read.camera),
    speaker: text(read.speaker),
    microphoneOn: flag(read.microphoneOn),
    cameraOn: flag(read.cameraOn),
  };
}

export function saveChoices(store: KeyValue, choices: Choices): void {
  saveJson(store, KEY, choices);
}

export function loadJson(store: KeyValue, key: string): unknown {
  try {
    const text = store.getItem(key);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function saveJson(store: KeyValue, key: string, value: unknown): void {
  try {
    store.setItem(key, JSON.stringify(value));
  } catch {
    // Private windows and full stores: the choice holds for this visit only.
  }
}
