import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { checkFlags } from "./check-options.js";
import { verifyGraph } from "./ir/graph.js";
import { blockOf, type Section, verifyStep } from "./ir/step.js";
import { verifyTape } from "./ir/tape.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";

const MODELS = ["test/fixtures", "test/fixtures/models", "examples"].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, "..", folder))
    .filter((file) => /\.(pt2|yaml)$/.test(file))
    .map((file) => `${folder}/${file}`),
);
const SETTINGS: readonly Options[] = [
  { mode: "inference" },
  ...["adamw", "sgd", "sgd:momentum=0.9"].flatMap((optimizer) =>
    (["set-to-none", "keep"] as const).map((zeroGrad) => ({ optimizer, zeroGrad })),
  ),
  { optimizer: "adam:fused=true", accumulate: 3 },
  { optimizer: false, step: "first" },
  { freshInputs: true, zeroGrad: "keep" },
  { precision: "bf16", clipGrad: true },
  { precision: "amp-bf16", checkpointing: "full", zeroGrad: "at-start" },
  { precision: "amp-fp16", channelsLast: true, accumulate: 2, clipGrad: true },
  { precision: "amp-fp16", optimizer: "adam:fused=true", checkpointing: "every=2" },
  { precision: "amp-fp16", mode: "inference" },
  { compile: true },
  { checkpointing: "selective", precision: "amp-fp16", accumulate: 2 },
  { compile: true, precision: "amp-bf16", accumulate: 2, checkpointing: "full" },
];

function aliveAfter(sections: readonly Section[], alive: ReadonlySet<number>): Set<number> {
  const now = new Set(alive);
  for (const action of sections.flatMap(({ actions }) => [...actions])) {
    if (action > 0) now.add(blockOf(action));
    else now.delete(blockOf(action));
  }
  return now;
}

test("the fixtures and examples are all here", () => expect(MODELS.length).toBeGreaterThanOrEqual(9));

describe.each(MODELS)("%s", (path) => {
  test.each(SETTINGS)("keeps its promises at every stage with %j", async (options) => {
    const model = await readFixture(path);
    const { graph, tape, step, timeline } = runPipeline(
      model,
      resolveSetup(checkFlags({ batch: 2, ...options }), model),
    );
    verifyGraph(graph);
    verifyTape(tape);
    verifyStep(step);
    // a step can follow a steady one; what it makes anew takes another's place only between steps
    if (step.carried.length === 0) verifyStep({ ...step, first: [...step.first, ...step.steady] });
    const first = aliveAfter([step.resident, ...step.first], new Set());
    const steady = aliveAfter(step.steady, first);
    for (const { made, before } of step.carried) if (steady.delete(made)) steady.add(before);
    expect(steady).toEqual(first); // a step leaves what it found: nothing leaks
    expect(timeline.reserved).toBeGreaterThanOrEqual(timeline.steady.peak.allocated);
  });
});
