/**
 * The browser's part of `make bench`: a real node (`ROOKERY_BIN`), real Chromium, figures instead of verdicts.
 *
 * **Invariant:** one at a time and never twice, so that nothing else has the machine and no figure is picked.
 */
import { join } from "node:path";

import { defineConfig } from "@playwright/test";

import { artifacts, chromium } from "../support/chromium";
import { makeClips } from "../support/clip";

export default defineConfig({
  testDir: ".",
  testMatch: /\.bench\.ts$/,
  outputDir: join(artifacts, "bench-results"),
  workers: 1,
  retries: 0,
  timeout: 300_000,
  reporter: [["list"]],
  use: { launchOptions: chromium(makeClips(join(artifacts, "clips"))) },
});
