// The page with a scripted server inside of it, for looking at screens without a node: `npm run mock`.
//
// Invariant: nothing of this folder is part of what is built for people.
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

/** Puts the scripted server before the page's own script. */
const scripted: Plugin = {
  name: "scripted-server",
  transformIndexHtml: {
    order: "pre",
    handler: (html) => html.replace('<script type="module" src="/src/app/main.tsx">', '<script type="module" src="/mock/install.ts"></script>\n    $&'),
  },
};

/** As the gateway sends it, so that a breach is seen here already. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: mediastream:; " +
  "connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  plugins: [scripted, react(), tailwindcss()],
  build: { outDir: "dist-mock", emptyOutDir: true, assetsInlineLimit: 0, target: "es2022" },
  server: { host: "127.0.0.1", port: 5199, strictPort: true },
  preview: { host: "127.0.0.1", port: 5199, strictPort: true, headers: { "Content-Security-Policy": policy } },
});
