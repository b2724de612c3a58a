/**
 * Packs what tools/record-catalogue.py recorded into catalogue/, after seeing for each model that the packed file gives the
 * graph of the exported program, that its free image size agrees with the recorded shapes, and that a step can be planned.
 *
 * usage: npm run build && node tools/pack-catalogue.mjs OUT_DIR [--catalogue DIR] [--only PATTERN] [--new]
 *
 * Models that fail are left out and named, with the reason. With --only, names without PATTERN stay as the catalogue has
 * them; with --new, all that it has.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { bytesSource } from "../dist/base/source.js";
import { packProgram } from "../dist/importers/catalogue/pack-program.js";
import { unpackModel } from "../dist/importers/catalogue/read.js";
import { importProgram, readProgram } from "../dist/importers/torch-export/read.js";
import { estimate } from "../dist/index.js";
import { describeModel } from "./catalogue/families.mjs";
import { agreesAt } from "./catalogue/second-image.mjs";

/** @import { Facts } from "./catalogue/second-image.mjs" */

const FORMAT = "plimsoll/catalogue-list@1";
/** Graphs are compared at the first, steps are planned at both. */
const BATCHES = [8, 64];

const { values, positionals } = parseArgs({
  options: {
    catalogue: { type: "string", default: "catalogue" },
    only: { type: "string" },
    new: { type: "boolean" },
  },
  allowPositionals: true,
});
const { catalogue, only, new: isAddition = false } = values;
const [recorded] = positionals;
if (recorded === undefined)
  throw new Error("usage: pack-catalogue.mjs OUT_DIR [--catalogue DIR] [--only PATTERN]");

/** @param {string} path @returns {Facts[]} */
function readFacts(path) {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  const byName = new Map(lines.map((line) => JSON.parse(line)).map((facts) => [facts.name, facts]));
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The bytes of a model's file and its row in the list. @param {Facts} facts */
async function pack(facts) {
  const { name, image, second } = facts;
  const bytes = readFileSync(join(recorded ?? "", `${name.replace("/", "__")}.pt2`));
  const { program, weights } = await readProgram(bytesSource(name, bytes));
  if (weights.size > 0) throw new Error("the file has weights");
  const exported = importProgram(program, weights, name);
  const packed = JSON.stringify(packProgram(program));
  const row = { name, parameterCount: 0, image, isImageFree: true, description: "", paper: null };
  const model = unpackModel(JSON.parse(packed), row, name);
  const [batch = 1] = BATCHES;
  const { graph, diagnostics } = model.bind({ batch });
  if (JSON.stringify({ graph, diagnostics }) !== JSON.stringify(exported.bind({ batch })))
    throw new Error("the packed model has another graph");
  const input = graph.values.find(({ role }) => role === "input");
  if (input?.spec.shape[0] !== batch) throw new Error("the batch could not be left free");
  for (const { code, message } of diagnostics) console.log(`${name}: ${code}: ${message}`);
  const reports = BATCHES.map((each) => estimate(model, { batch: each }));
  const result = graph.values[graph.outputs[0] ?? 0]?.spec.shape ?? [];
  const isFree = agreesAt(model, second, facts.shapes);
  const { description, paper } = describeModel(facts, result);
  const parameterCount = reports[0]?.model.parameterCount;
  return {
    file: gzipSync(packed, { level: 9 }),
    row: [parameterCount, ...image, isFree ? 1 : 0, description, ...(paper === undefined ? [] : [paper])],
  };
}

const keepsOthers = only !== undefined || isAddition;
const listPath = join(catalogue, "models.json");
/** @type {Record<string, unknown[]>} */
const models = keepsOthers && existsSync(listPath) ? JSON.parse(readFileSync(listPath, "utf8")).models : {};
if (!keepsOthers) rmSync(catalogue, { recursive: true, force: true });
let total = 0;
for (const facts of readFacts(join(recorded, "facts.jsonl"))) {
  if ((only && !facts.name.includes(only)) || (isAddition && Object.hasOwn(models, facts.name))) continue;
  try {
    const { file, row } = await pack(facts);
    const path = join(catalogue, `${facts.name}.json.gz`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file);
    models[facts.name] = row;
    total += file.length;
  } catch (error) {
    console.log(
      `${facts.name}: LEFT OUT: ${error instanceof Error ? error.message.split("\n", 2).join(" ") : error}`,
    );
  }
}
const rows = Object.entries(models)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, row]) => `    ${JSON.stringify(name)}: ${JSON.stringify(row)}`);
writeFileSync(
  listPath,
  `{\n  "format": ${JSON.stringify(FORMAT)},\n  "models": {\n${rows.join(",\n")}\n  }\n}\n`,
);
console.log(`${rows.length} models, ${total} bytes packed now`);
