/**
 * Compares recorded steps with what Plimsoll says, a line each: for the one who writes a rule.
 *
 * usage: node tools/compare-steps.mjs DIR [PATTERN] [--events N]
 *
 * DIR has results/NAME.json of the recorder, or those files themselves; PATTERN is a regular expression of names. With --events
 * it has timelines/NAME.json.gz too (recorded with "timeline": true): the first N places where the allocator's events of the last
 * step differ, with the block that Plimsoll allocates there.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { emitStage } from "../dist/emit.js";
import { estimate } from "../dist/index.js";
import { expressedCase, layerSpecOf } from "./accuracy/cases.mjs";
import { openModels } from "./accuracy/models.mjs";

/** @import { ImportedModel, Options, Recorded, Results } from "./accuracy/types.js" */

const root = join(import.meta.dirname, "..");
const shared = process.env["PLIMSOLL_SHARED"] ?? join(root, "../shared");
const { values, positionals } = parseArgs({
  options: { events: { type: "string" } },
  allowPositionals: true,
});
const [folder, pattern = "."] = positionals;
if (!folder) throw new Error("usage: compare-steps.mjs DIR [PATTERN] [--events N]");
const kind = /** @type {Results} */ (/results-\w+/.exec(folder)?.[0] ?? "results");
const results = existsSync(join(folder, "results")) ? join(folder, "results") : folder;
const models = openModels(join(shared, "models/pt2"), join(root, "catalogue"));

for (const file of readdirSync(results).sort()) {
  const name = file.slice(0, -".json".length);
  if (!file.endsWith(".json") || !new RegExp(pattern).test(name)) continue;
  /** @type {Recorded} */
  const recorded = JSON.parse(readFileSync(join(results, file), "utf8"));
  if (!recorded.ok) continue;
  const { config, options } = expressedCase(recorded, kind);
  try {
    const model = await modelOf(recorded, config);
    console.log(`${name.padEnd(52)} ${model ? lineOf(model, options, recorded) : "no model"}`);
    if (model && values.events) printEvents(model, options, name, Number(values.events));
  } catch (error) {
    console.log(`${name.padEnd(52)} ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * @param {Recorded} recorded
 * @param {string | null} config
 */
async function modelOf({ spec }, config) {
  if (config !== null) return models.config(config);
  const source = spec.source === "file" ? "custom" : spec.source;
  const layers = layerSpecOf(spec);
  return (
    (await models.named(`${source}/${spec.model ?? spec.file}`)) ?? (layers ? models.spec(layers) : null)
  );
}

/**
 * Equal states as letters, then the errors of saved bytes, peak and reserved.
 * @param {ImportedModel} model
 * @param {Options} options
 * @param {Recorded} recorded
 */
function lineOf(model, options, recorded) {
  const { totals, peak } = estimate(model, options);
  const states = [
    totals.parameterBytes === recorded.params.bytes ? "P" : "p",
    totals.bufferBytes === recorded.buffers.bytes ? "B" : "b",
    totals.gradientBytes === (recorded.grads?.bytes ?? 0) ? "G" : "g",
    totals.optimizerStateBytes === (recorded.optimizer_state?.bytes ?? 0) ? "O" : "o",
  ].join("");
  const saved = recorded.saved?.saved_unique_activation_bytes;
  const last = recorded.steps.at(-1);
  return [
    states,
    saved ? error(totals.savedTensorBytes, saved) : "       -",
    error(peak.allocatedBytes, last?.peak_allocated ?? 0),
    error(peak.reservedBytes, recorded.max_memory_reserved),
    peak.phase,
    peak.phase.replace("-", "_") === last?.peak_phase ? "" : `(recorded ${last?.peak_phase})`,
  ].join(" ");
}

/** @type {(ours: number, theirs: number) => string} */
function error(ours, theirs) {
  return `${((ours / theirs - 1) * 100).toFixed(3)}%`.padStart(8);
}

/**
 * Allocations and releases of the last step side by side. Blocks are told apart by size: names differ.
 * @param {ImportedModel} model
 * @param {Options} options
 * @param {string} name
 * @param {number} wanted
 */
function printEvents(model, options, name, wanted) {
  if (!folder) return;
  /** @type {(string | number)[][]} */
  const rows = JSON.parse(gunzipSync(readFileSync(join(folder, "timelines", `${name}.json.gz`))).toString());
  const start = rows.findLastIndex(([kind, mark]) => kind === "m" && String(mark).endsWith(":forward"));
  const sizes = new Map(rows.flatMap(([kind, id, size]) => (kind === "a" ? [[id, size]] : [])));
  const theirs = rows.slice(start).flatMap(([kind, id]) => {
    if (kind === "m") return [{ text: `-- ${String(id)}` }];
    if (kind !== "a" && kind !== "f") return [];
    return [{ text: `${kind === "a" ? "+" : "-"}${sizes.get(id)}` }];
  });
  const labels = new Map(
    emitStage(model, options, "step")
      .split("\n")
      .flatMap((line) => {
        const found = /^ {2}\+ #(\d+) \d+ (.*)$/.exec(line);
        return found ? [[found[1], found[2]]] : [];
      }),
  );
  const ours = emitStage(model, options, "timeline")
    .split("\n")
    .flatMap((line) => {
      const found = /^\S+ (allocate|free) #(\d+) (\d+)/.exec(line);
      return found
        ? [{ text: `${found[1] === "allocate" ? "+" : "-"}${found[3]}`, label: labels.get(found[2]) }]
        : [];
    });
  compare(theirs, ours, wanted);
}

/**
 * Walks both lists; where they part, looks for the nearest place at which four events agree again.
 * @param {readonly { text: string }[]} theirs
 * @param {readonly { text: string, label: string | undefined }[]} ours
 * @param {number} wanted
 */
function compare(theirs, ours, wanted) {
  let [i, j, shown] = [0, 0, 0];
  while (i < theirs.length && j < ours.length && shown < wanted) {
    const text = theirs[i]?.text;
    if (text?.startsWith("--")) {
      console.log(`   ${text}`);
      i += 1;
    } else if (text === ours[j]?.text) {
      i += 1;
      j += 1;
    } else {
      const [skip, pass] = meeting(theirs, ours, i, j);
      shown += 1;
      console.log(`   at ${i}/${j}, after ${ours[j - 1]?.text} ${ours[j - 1]?.label}`);
      for (const { text } of theirs.slice(i, i + skip)) console.log(`      recorded ${text}`);
      for (const { text, label } of ours.slice(j, j + pass)) console.log(`      ours     ${text}  ${label}`);
      i += skip;
      j += pass;
    }
  }
  if (shown < wanted) console.log(`   left: ${theirs.length - i} recorded, ${ours.length - j} of ours`);
}

/**
 * @param {readonly { text: string }[]} theirs
 * @param {readonly { text: string }[]} ours
 * @param {number} i
 * @param {number} j
 * @returns {[number, number]} how many of theirs, and of ours, to pass over
 */
function meeting(theirs, ours, i, j) {
  for (let away = 1; away < 400; away++)
    for (let skip = 0; skip <= away; skip++) {
      const pass = away - skip;
      if ([0, 1, 2, 3].every((k) => theirs[i + skip + k]?.text === ours[j + pass + k]?.text))
        return [skip, pass];
    }
  return [theirs.length - i, ours.length - j];
}
