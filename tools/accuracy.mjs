/**
 * `npm run accuracy`: what Plimsoll says, through the public API, beside what was recorded, published and ruled by thumb.
 *
 * Writes docs/ACCURACY.md and docs/accuracy.json. With --check nothing is written: it fails when a figure of
 * docs/accuracy.json got worse. Published rows and other tools take minutes, so --check leaves them out; their figures
 * are only as fresh as the last full run. The recordings lie beside the repository (../shared, or PLIMSOLL_SHARED);
 * without them it says so and checks nothing.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { estimate } from "../dist/index.js";
import { layerSpecOf, NO_FILE, readCases } from "./accuracy/cases.mjs";
import { compareCase, countRight, lostCounts, regressions, summarize } from "./accuracy/figures.mjs";
import { frameworkDetails } from "./accuracy/frameworks.mjs";
import { openModels } from "./accuracy/models.mjs";
import { isPeerGroup, PeerScores, readClaims } from "./accuracy/peers.mjs";
import { readPublished } from "./accuracy/published.mjs";
import { printPublished, printTable, writeReport } from "./accuracy/report.mjs";

/** @import { Compared, ImportedModel, Published, RecordedCase, Results, Section } from "./accuracy/types.js" */

const root = join(import.meta.dirname, "..");
const shared = process.env["PLIMSOLL_SHARED"] ?? join(root, "../shared");
const check = process.argv.includes("--check");
if (!existsSync(join(shared, "oracle/pytorch/cases.jsonl"))) {
  console.log(`accuracy: no recordings at ${shared}; nothing to compare`);
  process.exit(0);
}

const exported = join(shared, "models/pt2");
const models = openModels(exported, join(root, "catalogue"));
const peers = new PeerScores();

/** @type {Section[]} */
const sections = [];
const folders = /** @type {const} */ (["results", "results-cudnn", "results-compile", "results-benchmark"]);
for (const results of folders) {
  const section = await compareFolder(results);
  sections.push(section);
  printTable(section);
}

const counts = Object.fromEntries(sections.map((section) => [section.results, section.counts]));
const figures = Object.fromEntries(
  sections.map(({ results, groups }) => [
    results,
    Object.fromEntries(groups.filter(({ cases }) => cases.length > 0).map(({ name, rows }) => [name, rows])),
  ]),
);
const file = join(root, "docs/accuracy.json");
if (check) {
  const baseline = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const worse = sections.flatMap(({ results, groups, counts }) => [
    ...lostCounts(results, counts, baseline.counts?.[results]),
    ...groups.flatMap(({ name, rows }) => regressions(`${results} ${name}`, rows, baseline[results]?.[name])),
  ]);
  for (const line of worse) console.log(`worse: ${line}`);
  console.log("published rows and other tools: not part of --check");
  process.exit(worse.length > 0 ? 1 : 0);
}

const published = await readPublished(shared, models);
printPublished(published);
const rules = peers.rows();
mkdirSync(join(root, "docs"), { recursive: true });
const all = { ...figures, counts, published: publishedCounts(published), peers: rules };
writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`);
const frameworks = await frameworkDetails(shared);
const report = writeReport({ sections, published, rules, claims: readClaims(shared), frameworks });
writeFileSync(join(root, "docs/ACCURACY.md"), report);
console.log("wrote docs/ACCURACY.md and docs/accuracy.json");

/**
 * @param {Results} results
 * @returns {Promise<Section>}
 */
async function compareFolder(results) {
  /** @type {Map<string, { cases: Compared[], skipped: RecordedCase[], failed: { name: string, message: string }[] }>} */
  const groups = new Map();
  for (const one of readCases(join(shared, "oracle/pytorch"), exported, results)) {
    const group = groups.get(one.group) ?? { cases: [], skipped: [], failed: [] };
    groups.set(one.group, group);
    try {
      const model = await modelOf(one);
      if (!model) {
        group.skipped.push(one);
        continue;
      }
      const first =
        results === "results-benchmark" ? estimate(model, { ...one.options, step: "first" }) : undefined;
      const compared = compareCase(estimate(model, one.options), one.recorded, first);
      group.cases.push({ name: one.name, ...compared });
      if (!check && results === "results-cudnn" && isPeerGroup(one.group)) peers.add(one, model, compared);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      group.failed.push({ name: one.name, message: message.split("\n")[0] ?? "" });
    }
  }
  const listed = [...groups].map(([name, group]) => ({ name, ...group, rows: summarize(group.cases) }));
  const counts = countRight(
    listed.flatMap(({ cases }) => cases),
    results,
  );
  return { results, groups: listed, counts };
}

/**
 * The model of a case that can be expressed, else null. What was not exported may be in the catalogue or a layer spec.
 * @param {RecordedCase} one
 * @returns {Promise<ImportedModel | null>}
 */
async function modelOf({ why, model, config, recorded: { spec } }) {
  if (why === null && config !== null) return models.config(config);
  if (why === null) return models.file(model);
  if (why !== NO_FILE || spec.model_kwargs) return null;
  const text = layerSpecOf(spec);
  if (text) return models.spec(text);
  if (spec.model === undefined) return null;
  return models.catalogued(`${spec.source}/${spec.model}`);
}

/** @param {Published} published */
function publishedCounts({ fits, measured }) {
  return {
    timm: {
      rows: fits.length,
      equal: fits.filter(({ rungs }) => rungs === 0).length,
      withinOne: fits.filter(({ rungs }) => Math.abs(rungs) <= 1).length,
    },
    measured: measured.map(({ id, pair: [ours, theirs] }) => ({ id, error: ours / theirs - 1 })),
  };
}
