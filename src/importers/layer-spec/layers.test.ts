import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { elements } from "../../base/shape.js";
import { bytesSource } from "../../base/source.js";
import { verifyGraph } from "../../ir/graph.js";
import { LAYERS } from "./layers.js";
import { readLayerSpec } from "./read.js";
import { layerSpecSchema } from "./schema.js";

const IMAGE = [8, 12, 16];
const SEQUENCE = [6, 16];

type Case = [
  layer: string,
  options: unknown,
  input: readonly number[],
  result: readonly number[],
  parameters: number,
];

/** Every layer on an input of [batch 2, …]: the shape of its result, and its parameters as in torch.nn. */
// biome-ignore format: one row per line
const CASES: readonly Case[] = [
  ["conv",              { filters: 4, kernel: [3, 5], dilation: 2 }, IMAGE,        [2, 4, 8, 8],      484],
  ["conv",              { filters: 4, kernel: 3 },                   SEQUENCE,     [2, 4, 14],        76],
  ["conv1d",            { filters: 4, kernel: 3, stride: 2 },        SEQUENCE,     [2, 4, 7],         76],
  ["conv2d",            { out_channels: 6, kernel_size: 3, groups: 2, use_bias: false }, IMAGE, [2, 6, 10, 14], 216],
  ["conv3d",            { filters: 2, kernel: 2 },                   [3, 4, 5, 6], [2, 2, 3, 4, 5],   50],
  ["convtranspose",     { filters: 4, kernel: 2, stride: 2 },        IMAGE,        [2, 4, 24, 32],    132],
  ["conv_transpose1d",  { filters: 4, kernel: 2, stride: 2 },        SEQUENCE,     [2, 4, 32],        52],
  ["conv_transpose2d",  { filters: 4, kernel: 3, stride: 2, padding: 1, output_padding: 1 }, IMAGE, [2, 4, 24, 32], 292],
  ["conv_transpose3d",  { filters: 2, kernel: 2 },                   [3, 4, 5, 6], [2, 2, 5, 6, 7],   50],
  ["depthwise_conv",    { kernel: 3, padding: "same", multiplier: 2 }, IMAGE,      [2, 16, 12, 16],   160],
  ["separable_conv",    { filters: 4, kernel: 3 },                   IMAGE,        [2, 4, 10, 14],    108],
  ["dense",             { units: 10, activation: "relu" },           [16],         [2, 10],           170],
  ["dense",             10,                                          SEQUENCE,     [2, 6, 10],        170],
  ["embedding",         { size: 4, vocabulary: 100 },                [7],          [2, 7, 4],         400],
  ["position_embedding", null,                                       SEQUENCE,     [2, 6, 16],        96],
  ...["relu", "relu6", "leaky_relu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh", "hardtanh", "hardswish", "hardsigmoid", "hardshrink", "softshrink", "tanhshrink", "softsign", "softplus", "logsigmoid", "threshold", "exponential", "softmax", "softmin", "log_softmax", "dropout", "spatial_dropout", "alpha_dropout", "identity"]
    .map((name): Case => [name, null, IMAGE, [2, 8, 12, 16], 0]),
  ["glu",               { dim: 1 },                                  IMAGE,        [2, 4, 12, 16],    0],
  ["prelu",             8,                                           IMAGE,        [2, 8, 12, 16],    8],
  ["batchnorm",         null,                                        IMAGE,        [2, 8, 12, 16],    16],
  ["batchnorm",         { affine: false, track: false },             [16],         [2, 16],           0],
  ["layernorm",         null,                                        SEQUENCE,     [2, 6, 16],        32],
  ["layernorm",         { shape: [12, 16], bias: false },            IMAGE,        [2, 8, 12, 16],    192],
  ["groupnorm",         4,                                           IMAGE,        [2, 8, 12, 16],    16],
  ["instancenorm",      { affine: true },                            IMAGE,        [2, 8, 12, 16],    16],
  ["rmsnorm",           null,                                        SEQUENCE,     [2, 6, 16],        16],
  ["maxpool",           2,                                           IMAGE,        [2, 8, 6, 8],      0],
  ["maxpool",           { kernel: 2, padding: "same" },              [8, 5, 5],    [2, 8, 3, 3],      0],
  ["max_pool1d",        2,                                           SEQUENCE,     [2, 6, 8],         0],
  ["max_pool2d",        { pool_size: 3, strides: 2, padding: "same" }, IMAGE,      [2, 8, 6, 8],      0],
  ["max_pool3d",        2,                                           [3, 4, 5, 6], [2, 3, 2, 2, 3],   0],
  ["avgpool",           [3, 4],                                      IMAGE,        [2, 8, 4, 4],      0],
  ["avg_pool1d",        2,                                           SEQUENCE,     [2, 6, 8],         0],
  ["avg_pool2d",        2,                                           IMAGE,        [2, 8, 6, 8],      0],
  ["avg_pool3d",        2,                                           [3, 4, 5, 6], [2, 3, 2, 2, 3],   0],
  ["adaptive_avg_pool", [3, 5],                                      IMAGE,        [2, 8, 3, 5],      0],
  ["adaptive_max_pool", 3,                                           IMAGE,        [2, 8, 3, 3],      0],
  ["global_avg_pool",   null,                                        IMAGE,        [2, 8],            0],
  ["global_max_pool",   { keepdim: true },                           IMAGE,        [2, 8, 1, 1],      0],
  ["upsample",          3,                                           IMAGE,        [2, 8, 36, 48],    0],
  ["upsample",          { size: [20, 30], mode: "bilinear" },        IMAGE,        [2, 8, 20, 30],    0],
  ["pad",               [1, 2],                                      IMAGE,        [2, 8, 14, 20],    0],
  ["pad",               { sides: 1, mode: "reflect" },               IMAGE,        [2, 8, 14, 18],    0],
  ["pixel_shuffle",     2,                                           IMAGE,        [2, 2, 24, 32],    0],
  ["pixel_unshuffle",   2,                                           IMAGE,        [2, 32, 6, 8],     0],
  ["flatten",           null,                                        IMAGE,        [2, 1536],         0],
  ["flatten",           { start_dim: 2 },                            IMAGE,        [2, 8, 192],       0],
  ["reshape",           [8, -1],                                     IMAGE,        [2, 8, 192],       0],
  ["permute",           [2, 3, 1],                                   IMAGE,        [2, 12, 16, 8],    0],
  ["mean",              1,                                           SEQUENCE,     [2, 16],           0],
  ["mean",              { dim: [2, 3], keepdim: true },              IMAGE,        [2, 8, 1, 1],      0],
  ["select",            { dim: 1, index: -1 },                       SEQUENCE,     [2, 16],           0],
  ["concat",            ["input", "input"],                          IMAGE,        [2, 16, 12, 16],   0],
  ["concat",            { inputs: ["input", "input"], dim: -1 },     IMAGE,        [2, 8, 12, 32],    0],
  ["add",               ["input", "input", "input"],                 IMAGE,        [2, 8, 12, 16],    0],
  ["subtract",          ["input", "input"],                          IMAGE,        [2, 8, 12, 16],    0],
  ["multiply",          ["input", "input"],                          IMAGE,        [2, 8, 12, 16],    0],
  ["average",           ["input", "input"],                          IMAGE,        [2, 8, 12, 16],    0],
  ["maximum",           ["input", "input"],                          IMAGE,        [2, 8, 12, 16],    0],
  ["matmul",            ["input", "input"],                          [4, 4],       [2, 4, 4],         0],
  ["lstm",              { units: 5, layers: 2, bidirectional: true, return_sequences: true }, SEQUENCE, [2, 6, 10], 1600],
  ["lstm",              5,                                           SEQUENCE,     [2, 5],            460],
  ["gru",               { hidden_size: 5, use_bias: false },         SEQUENCE,     [2, 5],            315],
  ["gru",               { units: 5, return_sequences: true },        SEQUENCE,     [2, 6, 5],         345],
  ["rnn",               { units: 5, activation: "relu", bidirectional: true }, SEQUENCE, [2, 10],     230],
  ["attention",         { heads: 4, causal: true },                  SEQUENCE,     [2, 6, 16],        1088],
  ["transformer",       4,                                           SEQUENCE,     [2, 6, 16],        3280],
  ["transformer",       { heads: 4, norm: "post", norm_kind: "rmsnorm", ffn: 32, dropout: 0.1, activation: "silu" }, SEQUENCE, [2, 6, 16], 2192],
  ["sequential",        ["relu", { dense: 4 }],                      [16],         [2, 4],            68],
  ["repeat",            { times: 3, layers: [{ dense: 16 }] },       [16],         [2, 16],           816],
  ["residual",          [{ dense: 16 }],                             [16],         [2, 16],           272],
  ["branch",            [[{ dense: 4 }], [{ dense: 8 }], []],        [16],         [2, 28],           204],
  ["branch",            { branches: [[{ dense: 16 }], []], join: "add" }, [16],    [2, 16],           272],
];

const document = (layer: string, options: unknown, input: readonly number[]) => ({
  schema: "plimsoll/spec@1",
  input: { shape: input, ...(layer === "embedding" && { dtype: "int64" }) },
  layers: [options === null ? layer : { [layer]: options }],
});

const schema = z.fromJSONSchema(layerSpecSchema() as Parameters<typeof z.fromJSONSchema>[0]);

test.each(CASES)("%s %j", async (layer, options, input, result, parameters) => {
  const spec = document(layer, options, input);
  const model = await readLayerSpec(bytesSource("net.json", new TextEncoder().encode(JSON.stringify(spec))));
  const { graph } = model.bind({ batch: 2 });
  verifyGraph(graph);
  expect(graph.values[graph.outputs[0] as number]?.spec.shape).toEqual(result);
  expect(
    graph.values
      .filter(({ role }) => role === "parameter")
      .reduce((sum, { spec }) => sum + elements(spec.shape), 0),
  ).toBe(parameters);
  expect(schema.safeParse(spec).error).toBeUndefined();
});

test("every layer has a case", () => {
  const tried = new Set(CASES.map(([layer]) => layer));
  expect(Object.keys(LAYERS).filter((name) => !tried.has(name))).toEqual([]);
});

test("no word means two layers", () => {
  const words = Object.entries(LAYERS).flatMap(([name, row]) => [name, ...(row.words ?? [])]);
  expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([]);
});

test("the schema refuses what the reader refuses", () => {
  const layer = (item: unknown) =>
    schema.safeParse({ schema: "plimsoll/spec@1", input: { vector: 4 }, layers: [item] }).success;
  expect([{ dense: 4 }, "relu", { relu: null, name: "a", input: "b" }].map(layer)).toEqual([
    true,
    true,
    true,
  ]);
  expect(["dense", "rellu", { dense: 0 }, { dense: { units: 4, size: 3 } }, { conv: 3 }].map(layer)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});

/** Written anew with `UPDATE_SCHEMA=1 npx vitest run src/importers/layer-spec/layers.test.ts`, then formatted by biome. */
test("the shipped schema is that of the table", () => {
  const file = "schemas/layer-spec.schema.json";
  if (process.env["UPDATE_SCHEMA"]) writeFileSync(file, JSON.stringify(layerSpecSchema(), null, 2));
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(layerSpecSchema());
});
