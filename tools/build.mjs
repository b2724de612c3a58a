/**
 * Builds dist/: the library as unbundled modules with declarations (consumers tree-shake), and the command
 * line as one split bundle, where every command and importer is a chunk loaded on demand: 250 separate
 * modules would cost 90 ms of start-up.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const CLI = "src/cli/main.ts";

rmSync("dist", { recursive: true, force: true });
const tsc = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

if (existsSync(CLI)) {
  await build({
    entryPoints: { main: CLI, worker: "src/cli/worker.ts" },
    outdir: "dist/cli",
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    minify: true,
    // what `plimsoll serve` alone needs stays in node_modules: a pool finds its own worker file there
    external: [
      "piscina",
      "prom-client",
      "lru-cache",
      "hono",
      "@hono/node-server",
      "@modelcontextprotocol/sdk",
      "@resvg/resvg-js", // optional and native: loaded when a PNG is asked for, if it is there
    ],
    legalComments: "none",
    // CommonJS dependencies (commander) call `require` for Node built-ins; an ES module has none.
    banner: {
      js: 'import{createRequire as createRequireForBundle}from"node:module";const require=createRequireForBundle(import.meta.url);',
    },
    // Under Node this package resolves to CommonJS, which loses named exports through `await import()`.
    alias: { yaml: resolve("node_modules/yaml/browser/index.js") },
    define: { __PLIMSOLL_VERSION__: JSON.stringify(version) },
    logLevel: "warning",
  });
  chmodSync("dist/cli/main.js", 0o755);
  const { build: buildPage } = await import("vite");
  await buildPage({ configFile: "web/vite.config.mjs", logLevel: "warn" });
} else {
  console.log(`build: ${CLI} is not there, no command line was bundled`);
}
