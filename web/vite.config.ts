/** Builds the page of the server and the element into `../server/page`; `--mode lab` the parts for the browser tests. */

import { resolve } from "node:path";
import { defineConfig } from "vite";

const here = import.meta.dirname;
const tests = resolve(here, "../tests/e2e/browser");

export default defineConfig(({ mode }) => ({
  root: here,
  base: "./",
  logLevel: "warn",
  publicDir: mode === "lab" ? false : resolve(here, "package"),
  build: {
    target: "es2022",
    minify: mode !== "lab",
    outDir: mode === "lab" ? resolve(tests, "built") : resolve(here, "../server/page"),
    emptyOutDir: true,
    modulePreload: false,
    chunkSizeWarningLimit: 2000,
    assetsInlineLimit: 0,
    rollupOptions: {
      input:
        mode === "lab"
          ? { lab: resolve(here, "test/lab.ts"), rival: resolve(here, "bench/rival.ts") }
          : { index: resolve(here, "index.html"), "neudash-player": resolve(here, "src/element/index.ts") },
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
}));
