/**
 * Browser tests: `looks` over the scripted server of `mock/`, `calls` against real nodes (`ROOKERY_BIN` names the binary).
 *
 * **Invariant:** no retries, one at a time; logs and pictures are kept.
 */
import { join } from "node:path";

import { defineConfig } from "@playwright/test";

import { artifacts, chromium } from "./support/chromium";
import { makeClips } from "./support/clip";

const MOCK = "http://127.0.0.1:5199";

export default defineConfig({
  testDir: ".",
  outputDir: join(artifacts, "browser-results"),
  workers: 1,
  retries: 0,
  reporter: [["list"]],
  projects: [
    {
      name: "looks",
      testMatch: /looks\w*\.spec\.ts$/,
      timeout: 30_000,
      use: { baseURL: MOCK, launchOptions: chromium(), permissions: ["camera", "microphone", "clipboard-read", "clipboard-write"] },
    },
    {
      name: "calls",
      testIgnore: /looks\w*\.spec\.ts$/,
      timeout: 90_000,
      use: { launchOptions: chromium(makeClips(join(artifacts, "clips"))), trace: "retain-on-failure", screenshot: "only-on-failure" },
    },
  ],
  webServer: {
    command: "npx vite build --config mock/vite.config.ts && npx vite preview --config mock/vite.config.ts",
    cwd: "..",
    url: MOCK,
    reuseExistingServer: true,
    timeout: 120_000,
  },
});
