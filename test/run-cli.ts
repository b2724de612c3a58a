import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The built command as a process of its own. */
const CLI = "dist/cli/main.js";
export const MODEL = "test/fixtures/lenet.pt2";
export const isBuilt = existsSync(CLI);
/** Added to the names of tests that need the build. */
export const because = isBuilt ? "" : " (skipped: dist/ is absent, run `npm run build`)";

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

export function run(args: readonly string[], { input, env = {} }: RunOptions = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", ...env },
    ...(input !== undefined && { input }),
  });
  return { status, stdout, stderr };
}

/** A folder for a test's own files. */
export function createFolder() {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-cli-"));
  return {
    file: (name: string, content: string | Uint8Array): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
