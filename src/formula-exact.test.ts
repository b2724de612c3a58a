/** The formula against the simulation, drawn at random: equal to the byte before the allocator rounds. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { checkFlags } from "./check-options.js";
import { linearize } from "./closed-form.js";
import { type ImportedModel, type Options, readModel } from "./index.js";
import { bytes } from "./base/units.js";
import { blockOf, type Section, type Step } from "./ir/step.js";
import { linesOf, partnersOf, peakPieces } from "./report/formula.js";
import { peakOf, sequenceForm } from "./report/polynomial.js";
import type { FormulaPiece } from "./report/report.js";
import { resolveSetup } from "./resolve-setup.js";
import { planAtBatch } from "./run-pipeline.js";
import { formInSequence, grids } from "./sequence-form.js";

const read = (config: object) =>
  readModel(new TextEncoder().encode(JSON.stringify({ vocab_size: 1000, ...config })), {
    name: "config.json",
  });
const small = { hidden_size: 128, num_attention_heads: 4, num_hidden_layers: 1, intermediate_size: 256 };
const texts: readonly ImportedModel[] = [
  await read({ model_type: "bert", ...small }),
  await read({ model_type: "llama", num_key_value_heads: 2, ...small }),
  await read({ model_type: "gpt2", n_embd: 128, n_head: 4, n_layer: 1 }),
  await read({ model_type: "t5", d_model: 128, num_heads: 4, num_layers: 1, d_ff: 256, d_kv: 32 }),
];
const others: readonly ImportedModel[] = await Promise.all(
  ["test/fixtures/lenet.pt2", "examples/grayscale-cnn.yaml", "examples/mlp.yaml", "examples/vgg16.yaml"].map(
    readFixture,
  ),
);

/** The highest sum of plain bytes over the steady step: the simulation, without an allocator. */
function plainPeak(step: Step): number {
  let [alive, peak] = [0, 0];
  const walk = ({ actions }: Section, counts: boolean) => {
    for (const action of actions) {
      const { bytes: size } = step.blocks[blockOf(action)] as Step["blocks"][number];
      alive += action > 0 ? size : -size;
      if (counts) peak = Math.max(peak, alive);
    }
  };
  walk(step.resident, false);
  peak = alive;
  for (const section of step.first) walk(section, false);
  for (const section of step.steady) walk(section, true);
  return peak;
}

/** Scratch of kernels follows thresholds: it is in the formula at the asked sizes, and left out of it elsewhere. */
const tensorsOf = (step: Step): Step => ({
  ...step,
  blocks: step.blocks.map((block) =>
    block.category === "workspace" ? { ...block, bytes: bytes(0) } : block,
  ),
});

const at = (pieces: readonly FormulaPiece[], batch: number): number => {
  const piece = pieces.find(({ from, to }) => batch >= from && (to === null || batch <= to)) as FormulaPiece;
  return Math.round(piece.fixedBytes + piece.perBatchBytes * batch);
};

const setups = fc.record({
  optimizer: fc.constantFrom("adamw", "sgd", "sgd:momentum=0.9", "adam:fused=true", "adafactor"),
  precision: fc.constantFrom("fp32", "amp-bf16", "amp-fp16", "bf16"),
  accumulate: fc.constantFrom(1, 2),
  zeroGrad: fc.constantFrom("set-to-none", "keep", "at-start"),
  clipGrad: fc.boolean(),
}) as fc.Arbitrary<Options>;
const textSetups = fc.record({
  checkpointing: fc.constantFrom("none", "full", "selective"),
  attention: fc.constantFrom("sdpa", "eager"),
}) as fc.Arbitrary<Options>;
const batches = fc.integer({ min: 2, max: 64 });
const RUNS = { numRuns: 100, seed: 1876 };

describe("100 draws of model, setup and batch", { timeout: 120_000 }, () => {
  test("the formula made at one batch is the simulated peak at another, scratch aside", () => {
    const draw = fc.tuple(fc.constantFrom(...others), setups, batches, batches);
    fc.assert(
      fc.property(draw, ([model, setup, asked, other]) => {
        const resolved = resolveSetup(checkFlags({ ...setup, batch: asked }), model);
        const [a, b, there] = [asked, asked + 1, other].map((batch) => planAtBatch(model, resolved, batch));
        if (!a || !b || !there) return;
        const step = tensorsOf(a.step);
        const lines = linesOf({ ...a, step }, { ...b, step: tensorsOf(b.step) });
        const pieces = lines && peakPieces(step, lines, "steady", 2);
        expect(pieces && at(pieces, other)).toBe(plainPeak(tensorsOf(there.step)));
      }),
      RUNS,
    );
  });

  test("at the asked batch it is the simulated peak, scratch included", () => {
    const draw = fc.tuple(fc.constantFrom(...others), setups, batches);
    fc.assert(
      fc.property(draw, ([model, setup, batch]) => {
        const resolved = resolveSetup(checkFlags({ ...setup, batch }), model);
        const planned = planAtBatch(model, resolved, batch);
        const linear = linearize(model, resolved, planned);
        const pieces = linear && peakPieces(linear.planned.step, linear.lines, "steady", linear.one ? 2 : 1);
        expect(pieces && at(pieces, batch)).toBe(plainPeak(planned.step));
      }),
      { ...RUNS, numRuns: 40 },
    );
  });
});

describe("draws of model, setup, batch and length", { timeout: 120_000 }, () => {
  /** Lengths of one kind: 128 tokens apart. */
  const lengths = fc.integer({ min: 1, max: 4 });
  const draws = fc.tuple(
    fc.constantFrom(...texts),
    fc.tuple(setups, textSetups),
    fc.tuple(batches, fc.constant(4), fc.integer({ min: 0, max: 127 })),
    fc.tuple(batches, lengths),
  );

  test("the formula made at one batch and length is the simulated peak at others, scratch aside", () => {
    let [compared, formless] = [0, 0];
    fc.assert(
      fc.property(draws, ([model, [setup, more], [batch, tiles, rest], [otherBatch, otherTiles]]) => {
        const sequence = 128 * tiles - rest;
        const length = 128 * otherTiles - rest;
        const resolved = resolveSetup(checkFlags({ ...setup, ...more, batch, sequence }), model);
        const bindings = { ...resolved.bindings, sequence: length };
        const there = planAtBatch(model, { ...resolved, bindings }, otherBatch).step;
        // beyond a threshold the step makes other tensors, and has a formula of its own
        if (!partnersOf(planAtBatch(model, resolved, batch).step, there)) return;
        for (const grid of grids(model, resolved)) {
          const steps = grid.steps.map((row) => row.map(tensorsOf));
          const form = sequenceForm({ ...grid, steps }, "steady");
          if (!form) continue;
          compared++;
          expect(peakOf(form, otherBatch, length)).toBe(plainPeak(tensorsOf(there)));
          return;
        }
        formless++; // thresholds lie all around
      }),
      { ...RUNS, numRuns: 60 },
    );
    expect(compared).toBeGreaterThanOrEqual(20);
    expect(formless).toBeLessThanOrEqual(20);
  });

  test("at the asked batch and length it is the simulated peak, scratch included", () => {
    fc.assert(
      fc.property(draws, ([model, [setup, more], [batch, tiles, rest]]) => {
        const resolved = resolveSetup(
          checkFlags({ ...setup, ...more, batch, sequence: 128 * tiles - rest }),
          model,
        );
        const form = formInSequence(model, resolved);
        if (!form) return;
        expect(peakOf(form, batch, 128 * tiles - rest)).toBe(
          plainPeak(planAtBatch(model, resolved, batch).step),
        );
      }),
      { ...RUNS, numRuns: 20 },
    );
  });
});
