/** What JAX 0.10.2 keeps of small functions, and what optax 0.2.8 keeps of parameters: oracle/record_jax.py. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Options, readModel } from "../src/index.js";
import type { Step } from "../src/ir/step.js";
import { resolveSetup } from "../src/resolve-setup.js";
import { runPipeline } from "../src/run-pipeline.js";
import { linearize } from "../src/autograd/linearize.js";
import { elements } from "../src/base/shape.js";
import { OPTAX } from "../src/frameworks/jax/optax.js";
import { Lowering } from "../src/importers/jax/lower-jaxpr.js";
import { parseJaxpr } from "../src/importers/jax/parse-jaxpr.js";
import { chooseOptax } from "../src/training/choose-listed.js";

const fixtures = join(import.meta.dirname, "fixtures/jax");
const lines = <T>(file: string): T[] =>
  readFileSync(join(fixtures, file), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

interface RecordedFunction {
  readonly name: string;
  readonly trained: readonly number[];
  readonly jaxpr: string;
  /** Bytes of every residual, literals left out. */
  readonly kept: readonly number[];
}

/** Sizes of what goes from forward to backward. */
function keptBy({ jaxpr: text, trained, name }: RecordedFunction): number[] {
  const printed = parseJaxpr(text, name);
  const roles = printed.jaxpr.inputs.map((_, i) => (trained.includes(i) ? "parameter" : "input"));
  const { graph } = new Lowering(printed).run(printed.jaxpr, roles, "function", name);
  const { events, storages } = linearize(graph, { mode: "train" });
  const sizes = events
    .filter(({ kind }) => kind === "save")
    .map(({ storage }) => storages[storage]?.bytes ?? 0);
  return sizes.sort((a, b) => a - b);
}

const sum = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);

describe("what jax.vjp keeps", () => {
  const recorded = lines<RecordedFunction>("recorded-jax-functions.jsonl");
  test.for(recorded.map((one) => [one.name, one] as const))("%s", ([name, one]) => {
    const kept = keptBy(one);
    expect(sum(kept)).toBe(sum(one.kept));
    if (!name.startsWith("scan")) expect(kept).toEqual(one.kept); // turns are kept in one array
  });
});

test("optimizers of optax keep what was recorded, to the byte", () => {
  const [{ shapes = [] } = {}, ...recorded] = lines<{
    shapes?: number[][];
    optimizer: string;
    bytes: number;
  }>("recorded-optax.jsonl");
  for (const { optimizer, bytes } of recorded) {
    const { name, options } = chooseOptax(optimizer, "--optimizer");
    const row = OPTAX[name];
    const states = shapes.flatMap((shape) =>
      (row?.states(options, shape) ?? []).map((state) => elements(state.shape ?? shape)),
    );
    const sum = states.reduce((a, b) => a + 4 * b, 0) + (row?.counters(options) ?? 0);
    expect([optimizer, sum]).toEqual([optimizer, bytes]);
  }
  expect(recorded).toHaveLength(27);
});

/** Most plain bytes alive in a step, what it is given included. */
function plainPeak({ blocks, resident, steady }: Step): number {
  let [alive, most] = [0, 0];
  for (const { actions } of [resident, ...steady])
    for (const action of actions) {
      const size = blocks[Math.abs(action) - 1]?.bytes ?? 0;
      alive += action > 0 ? size : -size;
      most = Math.max(most, alive);
    }
  return most;
}

/** Arguments, outputs that are no arguments, and temporaries that XLA compiled for a CPU: shared/oracle/jax. */
describe("steps that XLA compiled", () => {
  const cases: readonly (readonly [file: string, compiled: number, options: Options])[] = [
    ["cnn.jaxpr.txt", 148_781_444, { optimizer: "sgd:momentum=0.9" }],
    ["scan-remat.jaxpr.txt", 68_612_040, { optimizer: "adam" }],
    ["mlp.stablehlo.mlir", 6_087_284, {}],
    ["mlp.hlo.txt", 6_087_284, {}],
  ];
  test.for(cases)("%s", async ([file, compiled, options]) => {
    const path = join(import.meta.dirname, "../src/importers/jax/fixtures", file);
    const model = await readModel(new Uint8Array(readFileSync(path)), { name: file });
    const { step } = runPipeline(model, resolveSetup(options, model));
    expect(Math.abs(plainPeak(step) / compiled - 1)).toBeLessThan(0.1);
  });
});
