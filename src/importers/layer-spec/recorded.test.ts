/**
 * Specs beside the same models written in PyTorch: recorded with
 * `FAKE_GPU=A100-80GB run.sh oracle/record_examples.py` (torch 2.14.1, Adam, real allocator, cuDNN workspaces 0).
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { analyze } from "../../analyze.js";
import { bytesSource } from "../../base/source.js";
import type { TrainingSetup } from "../../ir/setup.js";
import { savedStorages } from "../../ir/tape.js";
import { DEFAULT_ALLOCATOR } from "../../memory/default-allocator.js";
import { resolveMachine } from "../../resolve-machine.js";
import { readLayerSpec } from "./read.js";

interface Recorded {
  readonly file: string;
  readonly batch: number;
  readonly savedTensorBytes: number;
  readonly forward: number;
  readonly backward: number;
  readonly optimizer: number;
  readonly reserved: number;
}

// biome-ignore format: one row per line
const RECORDED: readonly Recorded[] = [
  { file: "examples/mlp.yaml",         batch: 256, savedTensorBytes: 3_174_404,     forward: 28_262_912,    backward: 29_817_856,    optimizer: 31_972_352,    reserved: 50_331_648 },
  { file: "examples/vgg16.yaml",       batch: 32,  savedTensorBytes: 2_342_188_292, forward: 4_026_929_664, backward: 4_563_317_248, optimizer: 2_811_848_704, reserved: 5_813_305_344 },
  { file: "examples/transformer.yaml", batch: 4,   savedTensorBytes: 3_267_739_844, forward: 6_081_813_504, backward: 7_730_174_976, optimizer: 4_133_251_584, reserved: 8_101_298_176 },
  { file: "src/importers/layer-spec/fixtures/residual.yaml", batch: 16, savedTensorBytes: 37_497_092, forward: 57_586_688, backward: 57_601_024, optimizer: 19_416_576, reserved: 94_371_840 },
];

test.each(RECORDED)("recorded: $file at batch $batch", async ({ file, batch, ...recorded }) => {
  const model = await readLayerSpec(bytesSource(file, readFileSync(file)));
  const setup: TrainingSetup = {
    mode: "train",
    precision: "fp32",
    batch,
    optimizer: { name: "adam", options: {} },
    accumulate: 1,
    channelsLast: false,
    checkpointing: null,
    attention: "sdpa",
    compile: false,
    clipGradients: false,
    gradScaler: false,
    allocator: DEFAULT_ALLOCATOR,
    loss: "auto",
    zeroGrad: "set-to-none",
    step: "steady",
    cudnn: "no-workspace",
    freeze: [],
  };
  const { tape, timeline } = analyze(model.bind({ batch }).graph, setup, resolveMachine("A100-80GB").machine);
  const peaks = Object.fromEntries(
    timeline.steady.phases.map(({ phase, peakAllocated }) => [phase, peakAllocated]),
  );
  const { forward, backward, optimizer } = peaks;
  const savedTensorBytes = savedStorages(tape)
    .filter(({ resident }) => resident === undefined || tape.graph.values[resident]?.role !== "parameter")
    .reduce((sum, { bytes }) => sum + bytes, 0);
  expect({ savedTensorBytes, forward, backward, optimizer, reserved: timeline.reserved }).toEqual(recorded);
});
