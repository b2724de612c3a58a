/**
 * `npm run accuracy`: every recorded training step that the engine can express, through the public API.
 *
 * Prints exact matches and relative errors per group and writes docs/ACCURACY.md and docs/accuracy.json. With
 * --check nothing is written: it fails when a figure of docs/accuracy.json got worse. The recordings lie beside the
 * repository (../shared, or PLIMSOLL_SHARED); without them it says so and checks nothing.
 */
import { existsSync, mkdirSync, openSync, readFileSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { estimate, readModel } from "../dist/index.js";
import { readCases } from "./accuracy/cases.mjs";
import { compareCase, regressions, summarize } from "./accuracy/figures.mjs";
import { printTable, writeReport } from "./accuracy/report.mjs";

/** @import { ImportedModel } from "../dist/index.js" */
/** @import { Compared, RecordedCase, Results, Section } from "./accuracy/types.js" */

const root = join(import.meta.dirname, "..");
const shared = process.env["PLIMSOLL_SHARED"] ?? join(root, "../shared");
const check = process.argv.includes("--check");
if (!existsSync(join(shared, "oracle/pytorch/cases.jsonl"))) {
  console.log(`accuracy: no recordings at ${shared}; nothing to compare`);
  process.exit(0);
}

/** @type {Section[]} */
const sections = [];
for (const results of /** @type {Results[]} */ (["results", "results-cudnn"])) {
  /** @type {Map<string, { cases: Compared[], skipped: RecordedCase[], failed: { name: string, message: string }[] }>} */
  const groups = new Map();
  /** @type {Map<string, ImportedModel>} */
  const models = new Map();
  for (const one of readCases(join(shared, "oracle/pytorch"), join(shared, "models/pt2"), results)) {
    const group = groups.get(one.group) ?? { cases: [], skipped: [], failed: [] };
    groups.set(one.group, group);
    if (one.why) {
      group.skipped.push(one);
      continue;
    }
    try {
      const model = models.get(one.model) ?? (await readModel(source(one.model)));
      models.set(one.model, model);
      group.cases.push({ name: one.name, ...compareCase(estimate(model, one.options), one.recorded) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      group.failed.push({ name: one.name, message: message.split("\n")[0] ?? "" });
    }
  }
  sections.push({
    results,
    groups: [...groups].map(([name, group]) => ({ name, ...group, rows: summarize(group.cases) })),
  });
}

for (const section of sections) printTable(section);
const figures = Object.fromEntries(
  sections.map(({ results, groups }) => [
    results,
    Object.fromEntries(groups.filter(({ cases }) => cases.length > 0).map(({ name, rows }) => [name, rows])),
  ]),
);
const file = join(root, "docs/accuracy.json");
if (check) {
  const baseline = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const worse = sections.flatMap(({ results, groups }) =>
    groups.flatMap(({ name, rows }) => regressions(`${results} ${name}`, rows, baseline[results]?.[name])),
  );
  for (const line of worse) console.log(`worse: ${line}`);
  process.exit(worse.length > 0 ? 1 : 0);
}
mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(file, `${JSON.stringify(figures, null, 1)}\n`);
writeFileSync(join(root, "docs/ACCURACY.md"), writeReport(sections));
console.log("wrote docs/ACCURACY.md and docs/accuracy.json");

/**
 * A file as a Source, read by ranges.
 * @param {string} path
 */
function source(path) {
  const descriptor = openSync(path, "r");
  const { size } = statSync(path);
  return {
    name: path.split("/").at(-1) ?? path,
    size,
    /** @type {(start: number, end: number) => Promise<Uint8Array>} */
    read: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      readSync(descriptor, bytes, 0, bytes.length, start);
      return bytes;
    },
  };
}
