/**
 * Devices as menu entries.
 *
 * **Invariant:** the chosen device is always one of the entries, even when the browser hides the names.
 */
import type { Catalogue } from "../../app/i18n";
import type { DeviceInfo } from "../../client";
import type { MenuChoice } from "../../ui/menu";

export function choicesOf(list: readonly DeviceInfo[], chosen: string, text: Catalogue): MenuChoice[] {
  const named = list
    .filter((device) => device.id !== "default")
    .map((device, i) => ({ value: device.id, label: device.label || text.prejoin.unnamed(i + 1) }));
  const missing = chosen !== "" && !named.some((choice) => choice.value === chosen);
  return [{ value: missing ? chosen : "", label: text.prejoin.defaultDevice }, ...named];
}

export function chosenLabel(list: readonly DeviceInfo[], chosen: string, text: Catalogue): string {
  return choicesOf(list, chosen, text).find((choice) => choice.value === chosen)?.label ?? text.prejoin.defaultDevice;
}
