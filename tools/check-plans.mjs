/**
 * Samples layouts of a model on a cluster and sets what `plimsoll plan` says beside the whole engine:
 *   node tools/check-plans.mjs CONFIG.json GPU GPUS GLOBAL_BATCH SEQUENCE [SAMPLES]
 * - the bound is never above the allocated peak; - the figures of a simulated plan are those of `estimate` for its flags, all
 * stages and micro-batches computed. Also prints how many layouts are weighed in a second.
 */
import { readFileSync } from "node:fs";
import { estimate, readModel } from "../dist/index.js";
import { clusterOf, spaceOf, weighAll } from "../dist/plan.js";
import { checkPlanOptions } from "../dist/plan-options.js";
import { optionsOf, simulate } from "../dist/plan-simulated.js";

const [file = "", gpu = "h100", gpus = "8", globalBatch = "16", sequence = "512", samples = "50"] =
  process.argv.slice(2);
const model = await readModel(readFileSync(file), { name: "config.json" });
const question = checkPlanOptions({ gpu, gpus: Number(gpus), globalBatch, sequence: Number(sequence) });
const shared = {
  optimizer: "adamw:fused",
  allocatorConf: "expandable_segments:True",
  ...question.options,
};
const cluster = clusterOf(question, "H100-80GB");
const space = spaceOf(model, { question, shared, cluster });
weighAll(space, cluster);
let [rounds, spent] = [0, 0];
let all = weighAll(space, cluster);
while (spent < 2000) {
  const start = performance.now();
  all = weighAll(space, cluster);
  spent += performance.now() - start;
  rounds++;
}
console.log(`${all.length} layouts, ${Math.round((rounds * all.length) / (spent / 1000))} a second`);

/** Always the same ones. */
let seed = 12345;
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};
const counts = { sampled: 0, refused: 0, boundHeld: 0, equal: 0 };
const shares = [];
for (let i = 0; i < Number(samples); i++) {
  const candidate = all[Math.floor(random() * all.length)];
  if (!candidate) break;
  const { layout, weighed } = candidate;
  const simulated = simulate(model, layout, { shared, confidence: 0.9 });
  if (!simulated) {
    counts.refused++;
    continue;
  }
  const { peak } = estimate(model, optionsOf(layout, shared));
  counts.sampled++;
  const ratio = weighed.boundBytes / simulated.allocatedBytes;
  shares.push(ratio);
  if (ratio <= 1) counts.boundHeld++;
  else console.log("bound above", ratio.toFixed(4), JSON.stringify(layout));
  if (peak.allocatedBytes === simulated.allocatedBytes && peak.reservedBytes === simulated.reservedBytes)
    counts.equal++;
  else
    console.log(
      "differs",
      peak.allocatedBytes,
      simulated.allocatedBytes,
      peak.reservedBytes,
      simulated.reservedBytes,
      JSON.stringify(layout),
    );
}
shares.sort((a, b) => a - b);
console.log(
  JSON.stringify(counts),
  "bound over peak: median",
  shares[shares.length >> 1]?.toFixed(3),
  "least",
  shares[0]?.toFixed(3),
);
