/**
 * "VGGNet in detail" of the CS231n notes (cs231n.github.io/convolutional-networks/#case), line by line: memory is the
 * number of activations of one image, weights are without biases. The notes print K and M loosely; here are the products.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bytesSource } from "../src/base/source.js";
import { readLayerSpec } from "../src/importers/layer-spec/read.js";
import { explain } from "../src/index.js";

const FILE = "examples/vgg16.yaml";
const model = await readLayerSpec(bytesSource(FILE, readFileSync(FILE)));
const { layers, model: counted } = explain(model, { batch: 1 });

interface Line {
  readonly notes: string;
  readonly path: string;
  readonly shape: readonly number[];
  readonly memory: number;
  readonly weights: number;
  readonly biases: number;
}

// biome-ignore format: one row per line
const LINES: readonly Line[] = [
  { notes: "CONV3-64  3.2M",          path: "conv1",    shape: [1, 64, 224, 224],  memory: 3_211_264, weights: 1_728,       biases: 64 },
  { notes: "CONV3-64  3.2M",          path: "conv2",    shape: [1, 64, 224, 224],  memory: 3_211_264, weights: 36_864,      biases: 64 },
  { notes: "POOL2     800K",          path: "maxpool1", shape: [1, 64, 112, 112],  memory: 802_816,   weights: 0,           biases: 0 },
  { notes: "CONV3-128 1.6M",          path: "conv3",    shape: [1, 128, 112, 112], memory: 1_605_632, weights: 73_728,      biases: 128 },
  { notes: "CONV3-128 1.6M",          path: "conv4",    shape: [1, 128, 112, 112], memory: 1_605_632, weights: 147_456,     biases: 128 },
  { notes: "POOL2     400K",          path: "maxpool2", shape: [1, 128, 56, 56],   memory: 401_408,   weights: 0,           biases: 0 },
  { notes: "CONV3-256 800K",          path: "conv5",    shape: [1, 256, 56, 56],   memory: 802_816,   weights: 294_912,     biases: 256 },
  { notes: "CONV3-256 800K",          path: "conv6",    shape: [1, 256, 56, 56],   memory: 802_816,   weights: 589_824,     biases: 256 },
  { notes: "CONV3-256 800K",          path: "conv7",    shape: [1, 256, 56, 56],   memory: 802_816,   weights: 589_824,     biases: 256 },
  { notes: "POOL2     200K",          path: "maxpool3", shape: [1, 256, 28, 28],   memory: 200_704,   weights: 0,           biases: 0 },
  { notes: "CONV3-512 400K",          path: "conv8",    shape: [1, 512, 28, 28],   memory: 401_408,   weights: 1_179_648,   biases: 512 },
  { notes: "CONV3-512 400K",          path: "conv9",    shape: [1, 512, 28, 28],   memory: 401_408,   weights: 2_359_296,   biases: 512 },
  { notes: "CONV3-512 400K",          path: "conv10",   shape: [1, 512, 28, 28],   memory: 401_408,   weights: 2_359_296,   biases: 512 },
  { notes: "POOL2     100K",          path: "maxpool4", shape: [1, 512, 14, 14],   memory: 100_352,   weights: 0,           biases: 0 },
  { notes: "CONV3-512 100K",          path: "conv11",   shape: [1, 512, 14, 14],   memory: 100_352,   weights: 2_359_296,   biases: 512 },
  { notes: "CONV3-512 100K",          path: "conv12",   shape: [1, 512, 14, 14],   memory: 100_352,   weights: 2_359_296,   biases: 512 },
  { notes: "CONV3-512 100K",          path: "conv13",   shape: [1, 512, 14, 14],   memory: 100_352,   weights: 2_359_296,   biases: 512 },
  { notes: "POOL2     25K",           path: "maxpool5", shape: [1, 512, 7, 7],     memory: 25_088,    weights: 0,           biases: 0 },
  { notes: "FC        4096",          path: "dense1",   shape: [1, 4096],          memory: 4_096,     weights: 102_760_448, biases: 4_096 },
  { notes: "FC        4096",          path: "dense2",   shape: [1, 4096],          memory: 4_096,     weights: 16_777_216,  biases: 4_096 },
  { notes: "FC        1000",          path: "dense3",   shape: [1, 1000],          memory: 1_000,     weights: 4_096_000,   biases: 1_000 },
];

test.each(LINES)("exact: $path, in the notes $notes", ({ path, shape, memory, weights, biases }) => {
  const layer = layers.find((other) => other.path === path);
  expect(layer?.outputShapes).toEqual([shape]);
  expect(layer?.activationsPerSample).toBe(memory);
  expect(layer?.parameterCount).toBe(weights + biases);
});

test("exact: 138M parameters", () => {
  expect(counted.parameterCount).toBe(138_357_544);
  expect(LINES.reduce((sum, { weights }) => sum + weights, 0)).toBe(138_344_128); // "TOTAL params: 138M", without biases
});

test("exact: the notes' 24M activations are 15.2M, as their own lines add up", () => {
  // 224x224x3 of the input is in the notes' column; flatten, which makes no tensor, is not
  const column = 150_528 + LINES.reduce((sum, { memory }) => sum + memory, 0);
  const counted = layers
    .filter(({ path }) => path !== "flatten1")
    .reduce((sum, { activationsPerSample }) => sum + (activationsPerSample ?? 0), 0);
  expect([column, counted]).toEqual([15_237_608, 15_237_608 - 150_528]);
});

test("the notes' 93 MB per image: 24M x 4 B is 91.6 MiB, their lines are 58.1", () => {
  expect(((24e6 * 4) / 1024 ** 2).toFixed(1)).toBe("91.6");
  expect(((15_237_608 * 4) / 1024 ** 2).toFixed(1)).toBe("58.1");
});
