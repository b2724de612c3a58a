/**
 * Compares what JAX keeps and XLA stores with what Plimsoll says, a line each: for the one who writes a rule.
 *
 * usage: node tools/compare-jax.mjs [PROGRAMS [RESULTS]]
 *
 * PROGRAMS has NAME.fwd_jaxpr.txt, as oracle/record_jax.py writes them (default: shared/models/jax, which has five); RESULTS has NAME.json
 * (default: shared/oracle/jax/results). Kept bytes are the residuals of jax.vjp, literals left out; the step's are arguments, outputs that
 * are no arguments, and temporaries of the compiled program. Where NAME.cpu_optimized_hlo.txt and NAME.stablehlo.mlir lie beside, they too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readModel } from "../dist/index.js";
import { resolveSetup } from "../dist/resolve-setup.js";
import { runPipeline } from "../dist/run-pipeline.js";

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../shared");
const [programs = join(shared, "models/jax"), results = join(shared, "oracle/jax/results")] =
  process.argv.slice(2);
/** Parts of the whole that peaks are counted within. */
const WITHIN = [0.05, 0.1];
/** @type {Record<string, { kept: number; ofKept: number; steps: number; near: number[] }>} */
const counts = {};

for (const file of readdirSync(results).sort()) {
  if (!file.endsWith(".json")) continue;
  const name = file.slice(0, -".json".length);
  const recorded = JSON.parse(readFileSync(join(results, file), "utf8"));
  for (const form of ["fwd_jaxpr.txt", "jaxpr.txt", "stablehlo.mlir", "cpu_optimized_hlo.txt"]) {
    const path = join(programs, `${name}.${form}`);
    if (existsSync(path)) await compare(name, form, path, recorded);
  }
}
for (const [form, { kept, ofKept, steps, near }] of Object.entries(counts))
  console.log(
    `${form}: ${ofKept > 0 ? `kept bytes equal ${kept}/${ofKept}, ` : ""}steps within ${WITHIN.map((part, i) => `${100 * part} % ${near[i]}/${steps}`).join(", ")}`,
  );

/**
 * @param {string} name
 * @param {string} form
 * @param {string} path
 * @param {any} recorded
 */
async function compare(name, form, path, recorded) {
  const model = await readModel(new Uint8Array(readFileSync(path)), { name: `${name}.${form}` });
  const isLoss = form === "fwd_jaxpr.txt";
  /** @type {import("../dist/index.js").Options} */
  const options = {
    ...(isLoss && { optimizer: recorded.optimizer === "momentum" ? "sgd:momentum=0.9" : recorded.optimizer }),
    ...(recorded.donate === false && { noDonate: true }),
  };
  const row = counts[form] ?? { kept: 0, ofKept: 0, steps: 0, near: WITHIN.map(() => 0) };
  counts[form] = row;
  const kept = recorded.vjp_closure && recorded.vjp_closure.bytes - (recorded.residuals.constant?.[1] ?? 0);
  const { step, tape } = planned(model, options);
  const saved = keptBytes(tape);
  if (isLoss && kept !== undefined) {
    row.ofKept += 1;
    row.kept += Number(saved === kept);
  }
  const memory = recorded.memory_analysis;
  const size = (/** @type {string} */ part) => memory[`${part}_size_in_bytes`];
  const whole = size("argument") + size("output") - size("alias") + size("temp");
  const off = plainPeak(step) / whole - 1;
  row.steps += 1;
  row.near = row.near.map((near, i) => near + Number(Math.abs(off) <= (WITHIN[i] ?? 0)));
  const said =
    isLoss && kept !== undefined ? `kept ${saved === kept ? "equal" : `${saved - kept} B of ${kept}`}` : "";
  console.log(`${name.padEnd(28)} ${form.padEnd(22)} ${said.padEnd(28)} step ${(100 * off).toFixed(2)} %`);
}

/**
 * @param {import("../dist/index.js").ImportedModel} model
 * @param {import("../dist/index.js").Options} options
 */
function planned(model, options) {
  return runPipeline(model, resolveSetup(options, model));
}

/**
 * Every residual, parameters too.
 * @param {import("../dist/ir/tape.js").Tape} tape
 */
function keptBytes({ events, storages }) {
  const ids = new Set(events.filter(({ kind }) => kind === "save").map(({ storage }) => storage));
  return [...ids].reduce((sum, id) => sum + (storages[id]?.bytes ?? 0), 0);
}

/**
 * Most plain bytes alive in a step, what it is given included.
 * @param {import("../dist/ir/step.js").Step} step
 */
function plainPeak({ blocks, resident, steady }) {
  let [alive, most] = [0, 0];
  for (const { actions } of [resident, ...steady])
    for (const action of actions) {
      const bytes = blocks[Math.abs(action) - 1]?.bytes ?? 0;
      alive += action > 0 ? bytes : -bytes;
      most = Math.max(most, alive);
    }
  return most;
}
