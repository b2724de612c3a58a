/**
 * Compares steps that TensorFlow traced with what Plimsoll says, a line each: for the one who writes a rule.
 *
 * usage: node tools/compare-tensorflow.mjs [PATTERN]
 *
 * Reads shared/oracle/tensorflow/results and shared/models/keras. Saved bytes are those of all values that gradient functions read;
 * peaks are plain bytes above what is resident, in the order the graph was traced.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { estimate, readModel } from "../dist/index.js";
import { resolveSetup } from "../dist/resolve-setup.js";
import { planAtBatch } from "../dist/run-pipeline.js";

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../shared");
const results = join(shared, "oracle/tensorflow/results");
const [pattern = "."] = process.argv.slice(2);
const counts = { steps: 0, parameters: 0, saved: 0, slots: 0, ofSlots: 0, peaks: 0 };

for (const file of readdirSync(results).sort()) {
  const name = file.slice(0, -".json".length);
  const recorded = JSON.parse(readFileSync(join(results, file), "utf8"));
  if (!recorded.configs || !new RegExp(pattern).test(name)) continue;
  const path = join(shared, "models/keras", file);
  const model = await readModel(new Uint8Array(readFileSync(path)), { name: file });
  for (const [key, config] of Object.entries(recorded.configs)) {
    const [, policy, batch, optimizer] = /^(float32|mixed_float16)_b(\d+)(?:_(\w+))?$/.exec(key) ?? [];
    if (!config.saved) continue;
    /** @type {import("../dist/index.js").Options} */
    const options = {
      batch: Number(batch),
      precision: policy === "float32" ? "fp32" : "amp-fp16",
      optimizer: optimizer ? optimizer.toLowerCase() : false,
      ...(name === "MobileNetV3Small" && { image: /** @type {const} */ ([224, 224]) }), // its file leaves them open
    };
    const { totals, model: counted } = estimate(model, options);
    const { step } = planAtBatch(model, resolveSetup(options, model), Number(batch));
    const peak = plainPeak(step);
    const traced = (optimizer ? config.peak_step : config.peak_fwd_bwd).creation.bytes;
    const saved = config.saved.activation + config.saved.weight_cast + config.saved.input;
    counts.steps += 1;
    counts.parameters += Number(counted.parameterCount === recorded.params_total);
    counts.saved += Number(totals.savedTensorBytes === saved);
    counts.peaks += Number(Math.abs(peak / traced - 1) <= 0.03);
    if (config.optimizer_vars) {
      counts.ofSlots += 1;
      counts.slots += Number(totals.optimizerStateBytes === config.optimizer_vars.bytes);
    }
    const difference = totals.savedTensorBytes - saved;
    console.log(
      `${name.padEnd(18)} ${key.padEnd(22)} saved ${difference === 0 ? "equal" : `${difference} B of ${saved}`}`.padEnd(
        72,
      ),
      `peak ${((peak / traced - 1) * 100).toFixed(2)} %`,
    );
  }
}
const { steps, parameters, saved, slots, ofSlots, peaks } = counts;
console.log(
  `parameters ${parameters}/${steps}, slots ${slots}/${ofSlots}, saved ${saved}/${steps}, peaks within 3 % ${peaks}/${steps}`,
);

/**
 * Most plain bytes of the step above what it finds.
 * @param {import("../dist/ir/step.js").Step} step
 */
function plainPeak({ blocks, steady }) {
  let [alive, most] = [0, 0];
  for (const { actions } of steady)
    for (const action of actions) {
      const bytes = blocks[Math.abs(action) - 1]?.bytes ?? 0;
      alive += action > 0 ? bytes : -bytes;
      most = Math.max(most, alive);
    }
  return most;
}
