/**
 * Copies what test/recorded-variants.test.ts compares out of recordings of oracle/record_variants.py and record_float8.py: one line per step.
 *
 * usage: node tools/pick-variant-steps.mjs DIR… > test/fixtures/recorded-variants.jsonl      (DIR has NAME.json)
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expressedCase } from "./accuracy/cases.mjs";

/** @import { Recorded } from "./accuracy/types.js" */

const folders = process.argv.slice(2);
if (folders.length === 0) throw new Error("usage: pick-variant-steps.mjs DIR…");

for (const [folder, file] of folders.flatMap((folder) => readdirSync(folder).map((file) => [folder, file]))) {
  if (!folder || !file?.endsWith(".json")) continue;
  /** @type {Recorded} */
  const recorded = JSON.parse(readFileSync(join(folder, file), "utf8"));
  if (!recorded.ok || recorded.spec.source === "file") continue;
  const { config, options } = expressedCase(recorded, "results");
  const { source, model } = recorded.spec;
  const peaks = new Map(
    recorded.phases.filter(({ step }) => step === 2).map(({ phase, peak }) => [phase, peak]),
  );
  const phases = ["forward", "backward", "optimizer", "validation"].flatMap((phase) => {
    const peak = peaks.get(phase);
    return peak === undefined ? [] : [[phase, peak]];
  });
  console.log(
    JSON.stringify({
      name: file.slice(0, -".json".length),
      ...(config === null ? { model: `${source}/${model}` } : { config }),
      options,
      phases: Object.fromEntries(phases),
      reservedBytes: recorded.max_memory_reserved,
    }),
  );
}
