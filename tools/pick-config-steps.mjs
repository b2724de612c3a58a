/**
 * Copies what the test of models made from configurations compares out of recordings: one line per step.
 *
 * usage: node tools/pick-config-steps.mjs --oracle DIR [--more DIR] > test/fixtures/recorded-config-steps.jsonl
 *        node tools/pick-config-steps.mjs --more DIR [--only PATTERN] > test/fixtures/recorded-zero-steps.jsonl
 *
 * --oracle has cases.jsonl and results/; --more a folder of further recordings of the same recorder (oracle/README.md), of families
 * that the first has none of. Steps that only repeat others at another length are left out.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { expressedCase, readCases } from "./accuracy/cases.mjs";

/** @import { Options, Recorded } from "./accuracy/types.js" */

const {
  oracle,
  more,
  only = ".",
} = parseArgs({
  options: {
    oracle: { type: "string" },
    more: { type: "string", multiple: true },
    only: { type: "string" },
  },
}).values;
if (!oracle && !more)
  throw new Error("usage: pick-config-steps.mjs --oracle DIR [--more DIR] [--only PATTERN]");

/** Lengths, optimizers and cards that other steps of the model stand for. */
const REPEATS = /_sweep|_sgdm?$|_h100|_accum|_loop|_fused|-xl_|-medium_|-large_|7b_b|8b_b|1\.5b_b/;

for (const { name, recorded, config, why, options } of oracle ? readCases(oracle, "", "results") : [])
  if (config !== null && why === null && !REPEATS.test(name)) print(name, config, options, recorded);

for (const folder of more ?? [])
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".json")) continue;
    /** @type {Recorded} */
    const recorded = JSON.parse(readFileSync(join(folder, file), "utf8"));
    const { config, options } = expressedCase(recorded, "results");
    if (recorded.ok && config !== null && new RegExp(only).test(file))
      print(file.slice(0, -".json".length), config, options, recorded);
  }

/**
 * @param {string} name
 * @param {string} config
 * @param {Options} options
 * @param {Recorded} recorded
 */
function print(name, config, options, recorded) {
  const line = {
    name,
    config,
    options,
    parameterBytes: recorded.params.bytes,
    bufferBytes: recorded.buffers.bytes,
    gradientBytes: recorded.grads?.bytes ?? 0,
    optimizerStateBytes: recorded.optimizer_state?.bytes ?? 0,
    savedTensorBytes: recorded.saved?.saved_unique_activation_bytes ?? null, // not recorded with checkpoints
    allocatedBytes: recorded.steps.at(-1)?.peak_allocated,
    reservedBytes: recorded.max_memory_reserved,
  };
  console.log(JSON.stringify(line));
}
