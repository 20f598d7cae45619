// Builds the one page into `dist/`, which the gateway serves.
//
// Invariant: nothing that is built needs an inline script, an inline style or another origin.
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const gateway = process.env["ROOKERY_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: "es2022",
    // Inlined assets would be data: addresses, which the content security policy refuses.
    assetsInlineLimit: 0,
    manifest: "manifest.json",
    sourcemap: false,
    // What the first load may weigh is held by scripts/budget.mjs, gzipped.
    chunkSizeWarningLimit: 700,
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/api": { target: gateway },
      "/ws": { target: gateway, ws: true },
    },
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
  },
} as Parameters<typeof defineConfig>[0]);
