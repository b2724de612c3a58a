/** The same module as a layer spec and as torch.export wrote it: one engine, hence the same bytes. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { estimate, type ImportedModel, type Options, readModel } from "../src/index.js";
import { readFixture } from "./read-fixture.js";

// embedding, LSTM, the last step's output, linear
const exported = await readFixture("test/fixtures/lstm.pt2");
const written = await readFixture("test/fixtures/lstm.yaml");
/** With the export's fixed length. */
const shorter = await readModel(
  new TextEncoder().encode(readFileSync("test/fixtures/lstm.yaml", "utf8").replace("200", "128")),
  { name: "lstm.yaml" },
);

function figures(model: ImportedModel, options: Options) {
  const { totals, peak, phases, atPeak, formula } = estimate(model, options);
  const { at: _, ...rest } = peak;
  return { totals, peak: rest, phases, atPeak, pieces: formula.pieces };
}

test.each([
  { batch: 1 },
  { batch: 64, optimizer: "adam" },
  { batch: 33, optimizer: "sgd", step: "first" },
  { batch: 256, gpu: "A100-80GB" },
  { batch: 64, mode: "inference" },
] satisfies Options[])("an LSTM takes the same bytes from either file: %j", (options) => {
  const spec = figures(shorter, options);
  expect(spec.totals.savedTensorBytes > 0).toBe(!("mode" in options));
  expect(spec).toEqual(figures(exported, options));
});

/** Recorded from the same module in torch 2.14.1 on an RTX 3090 (real allocator, Adam, cuDNN workspaces 0). */
test("the LSTM's saved tensors and peaks are those PyTorch recorded", () => {
  const { totals, phases } = estimate(written, {
    batch: 64,
    optimizer: "adam",
    cudnn: "no-workspace",
    gpu: "RTX-3090-24GB",
  });
  expect([
    totals.savedTensorBytes,
    phases.forward.peakAllocatedBytes,
    phases.backward.peakAllocatedBytes,
  ]).toEqual([354_522_116, 596_133_888, 662_200_320]);
});
