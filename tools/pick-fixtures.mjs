/**
 * Copies what the test of recorded steps compares out of the recordings: one line per step whose model lies under
 * test/fixtures/models.
 *
 * usage: node tools/pick-fixtures.mjs --oracle DIR --models DIR > test/fixtures/recorded-steps.jsonl
 */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { readCases } from "./accuracy/cases.mjs";
import { phasePeaks } from "./accuracy/figures.mjs";

const { oracle, models } = parseArgs({
  options: { oracle: { type: "string" }, models: { type: "string" } },
}).values;
if (!oracle || !models) throw new Error("usage: pick-fixtures.mjs --oracle DIR --models DIR");

for (const { name, recorded, model, why, options } of readCases(oracle, models, "results")) {
  const file = basename(model).replace(/^.*__/, "");
  if (why !== null || !existsSync(join("test/fixtures/models", file))) continue;
  const last = recorded.steps.at(-1);
  console.log(
    JSON.stringify({
      name,
      model: file,
      options,
      parameterBytes: recorded.params.bytes,
      bufferBytes: recorded.buffers.bytes,
      gradientBytes: recorded.grads?.bytes ?? 0,
      optimizerStateBytes: recorded.optimizer_state?.bytes ?? 0,
      savedTensorBytes: recorded.saved?.saved_unique_activation_bytes ?? null, // not recorded with checkpoints
      phases: phasePeaks(recorded),
      allocatedBytes: last?.peak_allocated,
      reservedBytes: recorded.max_memory_reserved,
    }),
  );
}
