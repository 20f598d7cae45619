/**
 * Debian's Chromium with devices of its own making.
 *
 * **Invariant:** nothing is downloaded; the browser is the system's (`CHROMIUM` names another one).
 */
import { resolve } from "node:path";

import type { LaunchOptions } from "@playwright/test";

import type { Clips } from "./clip";

/** With the clips as camera and microphone, or with Chromium's own test picture and beep. */
export function chromium(clips?: Clips): LaunchOptions {
  return {
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      "--allow-loopback-in-peer-connection",
      "--autoplay-policy=no-user-gesture-required",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
      ...(clips ? [`--use-file-for-fake-video-capture=${clips.video}`, `--use-file-for-fake-audio-capture=${clips.audio}`] : []),
    ],
  };
}

/** Where pictures and logs are kept. */
export const artifacts = process.env["ARTIFACTS"] ?? resolve(import.meta.dirname, "../../../../artifacts");
