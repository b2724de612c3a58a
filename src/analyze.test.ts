import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { checkFlags } from "./check-options.js";
import { blockOf, type Section, verifyStep } from "./ir/step.js";
import { verifyTape } from "./ir/tape.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";

const MODELS = [
  "test/fixtures/lenet.pt2",
  "test/fixtures/models/resnet18.pt2",
  "test/fixtures/models/vit_base_patch16_224.pt2",
  "examples/grayscale-cnn.yaml",
  "examples/transformer.yaml",
];
const SETTINGS: readonly Options[] = [
  {},
  { mode: "inference" },
  { optimizer: "sgd:momentum=0.9", zeroGrad: "keep" },
  { optimizer: "adam:fused=true", accumulate: 3 },
  { optimizer: false, step: "first" },
];

function aliveAfter(sections: readonly Section[], alive: ReadonlySet<number>): Set<number> {
  const now = new Set(alive);
  for (const action of sections.flatMap(({ actions }) => [...actions])) {
    if (action > 0) now.add(blockOf(action));
    else now.delete(blockOf(action));
  }
  return now;
}

describe.each(MODELS)("%s", (path) => {
  test.each(SETTINGS)("keeps its promises at every stage with %j", async (options) => {
    const model = await readFixture(path);
    const { tape, step, timeline } = runPipeline(
      model,
      resolveSetup(checkFlags({ batch: 2, ...options }), model),
    );
    verifyTape(tape);
    verifyStep(step);
    const first = aliveAfter([step.resident, ...step.first], new Set());
    const steady = aliveAfter(step.steady, first);
    expect(steady).toEqual(first); // a step leaves what it found: nothing leaks
    expect(timeline.reserved).toBeGreaterThanOrEqual(timeline.steady.peak.allocated);
  });
});
