/**
 * The question Plimsoll began with, https://datascience.stackexchange.com/q/12649: 532,752 activations,
 * 19,072,984 parameters, images of 180x50x1, mini-batches of 128. What does training take?
 *
 * Recorded with `FAKE_GPU=A100-80GB run.sh oracle/record_examples.py grayscale-cnn`: torch 2.14.1, Adam, the real
 * caching allocator, cuDNN workspaces 0. The asker's own network is unknown; the example has its two counts.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bytesSource } from "../src/base/source.js";
import { readLayerSpec } from "../src/importers/layer-spec/read.js";
import { estimate, explain, type Options, readModel } from "../src/index.js";
import { rulesOfThumb } from "../src/report/rules-of-thumb.js";

const FILE = "examples/grayscale-cnn.yaml";
const model = await readLayerSpec(bytesSource(FILE, readFileSync(FILE)));
const OPTIONS: Options = { batch: 128, optimizer: "adam", gpu: "A100-80GB", cudnn: "no-workspace" };

test("exact: the counts of the question", () => {
  const { model: counted, layers } = explain(model, OPTIONS);
  expect(counted.parameterCount).toBe(19_072_984);
  // outputs of the layers; the input is not counted, flatten is
  const own = layers.filter(({ activationsPerSample }) => activationsPerSample !== null);
  expect(own.map(({ path, activationsPerSample }) => [path, activationsPerSample])).toEqual([
    ["conv1", 307_584],
    ["maxpool1", 33_984],
    ["conv2", 79_800],
    ["conv3", 66_000],
    ["maxpool2", 16_200],
    ["conv4", 12_000],
    ["flatten1", 12_000],
    ["dense1", 1_024],
    ["dense2", 2_180],
    ["dense3", 1_980],
  ]);
  expect(own.reduce((sum, { activationsPerSample }) => sum + (activationsPerSample ?? 0), 0)).toBe(532_752);
});

test("exact: parameters, gradients, Adam's two states, the mini-batch and its labels", () => {
  expect(estimate(model, OPTIONS).totals).toMatchObject({
    parameterBytes: 76_291_936,
    bufferBytes: 0,
    gradientBytes: 76_291_936,
    optimizerStateBytes: 152_583_872,
    inputBytes: 4_609_024, // 128 x 9,000 x 4 B + 128 labels x 8 B
  });
});

test("recorded: saved tensors, the peak of every phase, reserved bytes", () => {
  const steady = estimate(model, OPTIONS);
  expect(steady.totals.savedTensorBytes).toBe(323_636_228);
  expect(steady.phases.forward.peakAllocatedBytes).toBe(574_644_736);
  expect(steady.phases.backward.peakAllocatedBytes).toBe(800_550_912);
  expect(steady.phases.optimizer.peakAllocatedBytes).toBe(404_806_656);
  expect(steady.peak).toMatchObject({
    allocatedBytes: 800_550_912,
    reservedBytes: 1_021_313_024,
    phase: "backward",
    at: "conv1",
  });
});

test("recorded: the first step has no optimizer states yet", () => {
  expect(estimate(model, { ...OPTIONS, step: "first" }).peak.allocatedBytes).toBe(648_108_032);
});

test("what is alive at the peak adds up to it", () => {
  for (const cudnn of ["no-workspace", "default"] as const) {
    const { atPeak, peak } = estimate(model, { ...OPTIONS, cudnn });
    expect(Object.values(atPeak).reduce((sum, bytes) => sum + bytes, 0)).toBe(peak.allocatedBytes);
    expect(peak.reservedBytes).toBeGreaterThanOrEqual(peak.allocatedBytes);
    expect(peak.deviceTotalBytes).toBeGreaterThan(peak.reservedBytes);
  }
});

test("the thread's two answers, beside what PyTorch takes", () => {
  const MiB = 1024 ** 2;
  const hand = rulesOfThumb({
    activations: 532_752,
    parameters: 19_072_984,
    inputElements: 180 * 50 * 1,
    batch: 128,
    bytesPerElement: 4,
  });
  const mebibytes = (start: string) =>
    ((hand.find(({ name }) => name.startsWith(start))?.bytes ?? 0) / MiB).toFixed(2);
  const { peak } = estimate(model, OPTIONS);
  expect([
    mebibytes("CS231n"),
    mebibytes("the thread's answer"),
    (peak.allocatedBytes / MiB).toFixed(2),
  ]).toEqual(["224.70", "742.93", "763.46"]);
  // the rest is outside the tensors: slack of the allocator, and the CUDA context
  expect(peak.deviceTotalBytes / MiB).toBeGreaterThan(1_000);
});

const KERAS = "test/fixtures/keras/cnn180b.json";
const keras = await readModel(new Uint8Array(readFileSync(KERAS)), { name: KERAS });

test("traced: the same counts as a Keras model, with what TensorFlow 2.21 keeps", () => {
  const report = explain(keras, { batch: 128, optimizer: "adam" });
  expect(report.layers.reduce((sum, { activationsPerSample }) => sum + (activationsPerSample ?? 0), 0)).toBe(
    532_752,
  );
  expect(report.totals).toMatchObject({
    parameterBytes: 76_291_936,
    gradientBytes: 76_291_936,
    optimizerStateBytes: 152_583_884, // two slots, an iteration and a learning rate
    inputBytes: 4_608_512, // 128 x 9,000 x 4 B + 128 labels x 4 B
    savedTensorBytes: 266_625_024 + 4_608_000, // the images are read by the first kernel's gradient
  });
  // 660 MB: variables, slots and images beside a forward and backward pass of 426 MB
  const { allocatedBytes } = report.peak;
  expect(allocatedBytes - 76_291_936 - 152_583_884 - 4_608_512).toBeGreaterThan(426_056_128);
  expect(allocatedBytes - 76_291_936 - 152_583_884 - 4_608_512).toBeLessThan(426_056_128 * 1.001);
});
