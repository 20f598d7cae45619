/**
 * Devices as menu entries.
 *
 * **Invariant:** an entry is a device that is there; the one in use is among them while the browser names any.
 */
import type { Catalogue } from "../../app/i18n";
import type { DeviceInfo } from "../../client";
import type { MenuChoice } from "../../ui/menu";

/** Names are hidden until permission was given; a number tells the devices apart then. */
export function choicesOf(list: readonly DeviceInfo[], text: Catalogue): MenuChoice[] {
  return list.map((device, i) => ({ value: device.id, label: device.label || text.prejoin.unnamed(i + 1) }));
}

/** Which of them is used: the one that delivers, else the chosen one, else the system's. */
export function inUse(list: readonly DeviceInfo[], chosen: string, track?: MediaStreamTrack | null): string {
  const has = (id: string | undefined): id is string => list.some((device) => device.id === id);
  const delivering = track?.getSettings().deviceId;
  if (has(delivering)) return delivering;
  if (has(chosen)) return chosen;
  return has("default") ? "default" : (list[0]?.id ?? "");
}
