import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const from = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What the service worker keeps for use without a network: every file of the page. */
const listFiles = {
  name: "list-files",
  generateBundle(_, bundle) {
    const files = Object.keys(bundle).filter((name) => name !== "service-worker.js");
    const statics = readdirSync(from("public"));
    this.emitFile({
      type: "asset",
      fileName: "files.json",
      source: JSON.stringify([...files, ...statics, "index.html"].sort()),
    });
  },
};

export default defineConfig({
  root: from("."),
  base: "./",
  plugins: [listFiles],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  resolve: {
    alias: [
      { find: "plimsoll/present", replacement: from("../dist/present/index.js") },
      { find: /^plimsoll$/, replacement: from("../dist/index.js") },
    ],
  },
  worker: { format: "es" },
  build: {
    outDir: from("../dist/web"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: from("index.html"), "service-worker": from("src/service-worker.ts") },
      output: {
        entryFileNames: ({ name }) =>
          name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js",
      },
    },
  },
});
