/**
 * Looks at every screen over the scripted server of `mock/`: axe in both themes, pictures kept.
 *
 * **Invariant:** no retries; what fails once has failed.
 */
import { defineConfig } from "@playwright/test";

import { artefacts, chromium } from "./chromium";

export default defineConfig({
  testDir: ".",
  testMatch: "looks.spec.ts",
  outputDir: `${artefacts}/looks-results`,
  workers: 1,
  retries: 0,
  timeout: 20_000,
  reporter: [["list"]],
  use: {
    baseURL: "http://127.0.0.1:5199",
    launchOptions: chromium,
    permissions: ["camera", "microphone", "clipboard-read", "clipboard-write"],
  },
  webServer: {
    command: "npx vite build --config mock/vite.config.ts && npx vite preview --config mock/vite.config.ts",
    cwd: "..",
    url: "http://127.0.0.1:5199",
    reuseExistingServer: true,
    timeout: 120_000,
  },
});
