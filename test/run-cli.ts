import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { expect } from "vitest";
import { expectReport } from "./expect-report.js";

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
  if (args.includes("--json") && stdout !== "") expectReport(JSON.parse(stdout));
  return { status, stdout, stderr };
}

/** `where: rule [layer/rule]`, then expected, got and hint. */
const FIVE_PARTS =
  /^[^\n]+: [^\n]+ \[[a-z-]+\/[a-z0-9-]+\]\n {2}expected {2}[^\n]+\n {2}got {7}[^\n]+\n {2}hint {6}[^\n]+\n$/;
/** Milliseconds that finding a mistake may take, the start of the process included. */
const PATIENCE = 2000;
/** And on a machine that is busy with other things. */
const LONG_PATIENCE = 60_000;

/** Runs the command, and expects a complaint of five parts that contains `parts`, soon, and nothing else. */
export function expectComplaint(args: readonly string[], parts: readonly string[]): void {
  const { status, stdout, stderr, computed } = timed(args);
  for (const part of parts) expect(stderr).toContain(part);
  expect(stderr).toMatch(FIVE_PARTS);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(computed).toBeLessThan(PATIENCE);
}

/** As `run`, with the milliseconds that all threads of the process computed: other work on the machine is not in them. */
function timed(args: readonly string[]) {
  const report = join(tmpdir(), `plimsoll-cpu-${process.pid}-${threadId}`);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--require", "./test/report-cpu.cjs", CLI, ...args],
    {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", PLIMSOLL_CPU_REPORT: report },
      timeout: LONG_PATIENCE,
    },
  );
  const computed = status === null ? Number.POSITIVE_INFINITY : Number(readFileSync(report, "utf8"));
  rmSync(report, { force: true });
  return { status, stdout, stderr, computed };
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
