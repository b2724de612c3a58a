/**
 * Whether `fit` finds what trying every batch finds: a device is chosen so that about `--batch` samples fit, and every
 * batch up to a fifth beyond the answer is planned and run through the allocator.
 *
 * usage: npm run build && node tools/brute-fit.mjs [--every N] [--from N] [--batch N] [--optimizer NAME] [PATTERN]
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { estimate, fit, listModels, readModel } from "../dist/index.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    every: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    batch: { type: "string", default: "12" },
    optimizer: { type: "string", default: "adamw" },
  },
});
const catalogue = { read: (/** @type {string} */ path) => readFile(`catalogue/${path}`) };
const listed = await listModels(catalogue, positionals[0]);
const chosen = listed.filter((_, i) => i % Number(values.every) === Number(values.from));
let [agree, tried] = [0, 0];
for (const { name } of chosen) {
  const model = await readModel(name, { catalogue });
  /** @type {import("../dist/index.js").Options} */
  const options = { optimizer: values.optimizer, ...(model.sequence && { sequence: 128 }) };
  const wanted = estimate(model, { ...options, batch: Number(values.batch), gpu: "a100" });
  const gpu = `a100:${(wanted.peak.deviceTotalBytes / 2 ** 30 + 0.75).toFixed(2)}`;
  const { largestBatch, perGpu } = fit(model, { ...options, gpu });
  let largest = 0;
  /** @type {number[]} */
  const holes = [];
  for (let batch = 1; batch <= Math.ceil(1.2 * (largestBatch ?? 0)) + 2; batch++) {
    const fits = doesFit(model, { ...options, batch, gpu });
    if (fits === null) continue;
    if (!fits) holes.push(batch);
    else largest = batch;
  }
  tried++;
  const real = holes.filter((batch) => batch < largest);
  if (largest === largestBatch) agree++;
  else console.log(`${name} on ${gpu}: fit says ${largestBatch}, trying all ${largest}`);
  if (real.length > 0)
    console.log(
      `${name} on ${gpu}: ${real.join(", ")} of ${largest} do not fit, fit names ${perGpu[0]?.holes.join(", ") || "none"}`,
    );
}
console.log(`${agree} of ${tried} agree`);

/**
 * @param {import("../dist/index.js").ImportedModel} model
 * @param {import("../dist/index.js").Options} options
 * @returns {boolean | null} null where the model cannot take the batch
 */
function doesFit(model, options) {
  try {
    return estimate(model, options).machine?.verdict !== "does-not-fit";
  } catch {
    return null;
  }
}
