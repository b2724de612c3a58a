/**
 * `npm run check`: every check, in order, all of them even when one fails, so that one run tells everything.
 * With PLIMSOLL_CHECK_REPORT set, the failed steps are also written there as JSON (read by .ci/run).
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

/** The recordings lie beside the repository; without them the accuracy step says so and passes. */
const STEPS = [
  "browser",
  "build",
  "format",
  "lint",
  "types",
  "layers",
  "dead",
  "test",
  "budgets",
  "accuracy",
  "docs",
];
/** @type {Readonly<Record<string, string[]>>} */
const COMMANDS = {
  accuracy: ["node", "tools/accuracy.mjs", "--check"],
  browser: ["node", "tools/find-browser.mjs"],
};

/** @type {string[]} */
const failed = [];
for (const step of STEPS) {
  console.log(`\n── ${step}`);
  const [command = "npm", ...rest] = COMMANDS[step] ?? ["npm", "run", "--silent", step];
  const { status } = spawnSync(command, rest, { stdio: "inherit" });
  if (status !== 0) failed.push(step);
}

const report = process.env["PLIMSOLL_CHECK_REPORT"];
if (report) writeFileSync(report, JSON.stringify({ steps: STEPS.length, failed }));
console.log(failed.length === 0 ? "\ncheck: all steps passed" : `\ncheck: failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
