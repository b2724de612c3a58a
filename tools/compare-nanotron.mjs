/**
 * Compares nanotron's published runs with what Plimsoll says: for the one who writes a rule. All 2,068 take three quarters of an hour.
 *
 * usage: node tools/compare-nanotron.mjs [--every N] [--only PATTERN] [--lines]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { estimate } from "../dist/index.js";
import { readCsv } from "./accuracy/csv.mjs";
import { openModels } from "./accuracy/models.mjs";
import { openRun, reservedOfFirst } from "./accuracy/nanotron.mjs";

/** @import { NanotronRun } from "./accuracy/types.js" */

const root = join(import.meta.dirname, "..");
const shared = process.env["PLIMSOLL_SHARED"] ?? join(root, "../shared");
const { values } = parseArgs({
  options: {
    every: { type: "string", default: "1" },
    only: { type: "string", default: "." },
    lines: { type: "boolean", default: false },
  },
});
const GIB = 1024 ** 3;
/** Runs whose figure is so near to the card's are on neither side. */
const BAND = 0.03;

const models = openModels(join(shared, "models/pt2"), join(root, "catalogue"));
const table = readCsv(readFileSync(join(shared, "corpus/llm/nanotron_runs.csv"), "utf8"));
const rows = /** @type {NanotronRun[]} */ (/** @type {unknown} */ (table)).filter(
  ({ name, status }) => status !== "Other" && new RegExp(values.only).test(name),
);
/** @type {Record<string, number[]>} */
const errors = {};
const sides = { right: 0, wrong: 0, band: 0 };

for (let i = 0; i < rows.length; i += Number(values.every)) {
  const run = /** @type {NanotronRun} */ (rows[i]);
  const { model, options } = await openRun(run, models);
  const report = estimate(model, options);
  const ours = reservedOfFirst(report) / GIB;
  const capacity = (report.machine?.capacityBytes ?? 0) / GIB;
  const fits = report.machine?.verdict !== "does-not-fit";
  const total = report.peak.deviceTotalBytes / GIB;
  if (Math.abs(total / capacity - 1) < BAND) sides.band++;
  else sides[fits === (run.status === "Success") ? "right" : "wrong"]++;
  const theirs = Number(run["Mem Res (GB)"]);
  if (run.status === "Success") {
    const group = `tp ${run.tp === "1" ? "1" : "> 1"}, pp ${run.pp === "1" ? "1" : "> 1"}, ZeRO ${run.zero_stage}`;
    errors[group] = [...(errors[group] ?? []), ours / theirs - 1];
  }
  if (values.lines)
    console.log(
      run.name.padEnd(84),
      run.status.padEnd(8),
      theirs.toFixed(1),
      ours.toFixed(1),
      total.toFixed(1),
    );
}

for (const [group, list] of Object.entries(errors).sort()) {
  const sorted = [...list].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const near = list.filter((error) => Math.abs(error) < 0.05).length;
  console.log(
    `${group}: reserved, median ${(100 * median).toFixed(1)} %, ${near} of ${list.length} within 5 %`,
  );
}
console.log(
  `fits or not: ${sides.right} right, ${sides.wrong} wrong, ${sides.band} within ${100 * BAND} % of the card`,
);
