/**
 * Debian's Chromium with devices of its own making.
 *
 * **Invariant:** nothing is downloaded; the browser is the system's (`CHROMIUM` names another one).
 */
import type { LaunchOptions } from "@playwright/test";

export const chromium: LaunchOptions = {
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    ...(process.env["CLIP"] ? [`--use-file-for-fake-video-capture=${process.env["CLIP"]}`] : []),
  ],
};

export const artefacts = process.env["ARTEFACTS"] ?? "../../../artifacts/browser";
