import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../base/complaint.js";
import { bytesSource } from "../../base/source.js";
import { printGraph, verifyGraph } from "../../ir/graph.js";
import type { Bindings, ImportedModel } from "../model.js";
import { readLayerSpec } from "./read.js";

const read = (text: string, name = "cnn.yaml"): Promise<ImportedModel> =>
  readLayerSpec(bytesSource(name, new TextEncoder().encode(text)));

/** The graph's lines behind the declarations, with the layers of `list` on an input of `shape`. */
async function lowered(
  list: string,
  shape = "[8, 12, 16]",
  bindings: Bindings = { batch: 2 },
): Promise<string[]> {
  const model = await read(`schema: plimsoll/spec@1\ninput: { shape: ${shape} }\nlayers:\n${list}`);
  const { graph } = model.bind(bindings);
  verifyGraph(graph);
  return printGraph(graph)
    .split("\n")
    .filter((line) => / = \w+\(/.test(line));
}

const CONTRACT = `
schema: plimsoll/spec@1
name: grayscale-cnn
input: { image: [1, 50, 180], dtype: float32 }      # channels, height, width; the batch axis is implied
layers:
  - conv: { filters: 32, kernel: 3, padding: same }
  - relu
  - maxpool: 2
  - repeat: { times: 2, layers: [ { conv: { filters: 64, kernel: 3, padding: same } }, batchnorm, relu ] }
  - flatten
  - dense: 512
  - dropout: 0.5
  - dense: 10
loss: cross-entropy
`;

test("a spec becomes the operators of PyTorch's modules", async () => {
  const model = await read(CONTRACT);
  expect([model.name, model.source, model.format, model.batch]).toEqual([
    "grayscale-cnn",
    "cnn.yaml",
    "layer-spec",
    1,
  ]);
  expect(printGraph(model.bind({ batch: 4 }).graph)).toBe(`graph  grayscale-cnn
input = input float32[4, 1, 50, 180]
conv1.weight = parameter float32[32, 1, 3, 3]
conv1.bias = parameter float32[32]
conv2.weight = parameter float32[64, 32, 3, 3]
conv2.bias = parameter float32[64]
batchnorm1.weight = parameter float32[64]
batchnorm1.bias = parameter float32[64]
batchnorm1.running_mean = buffer float32[64]
batchnorm1.running_var = buffer float32[64]
batchnorm1.num_batches_tracked = buffer int64[]
conv3.weight = parameter float32[64, 64, 3, 3]
conv3.bias = parameter float32[64]
batchnorm2.weight = parameter float32[64]
batchnorm2.bias = parameter float32[64]
batchnorm2.running_mean = buffer float32[64]
batchnorm2.running_var = buffer float32[64]
batchnorm2.num_batches_tracked = buffer int64[]
dense1.weight = parameter float32[512, 144000]
dense1.bias = parameter float32[512]
dense2.weight = parameter float32[10, 512]
dense2.bias = parameter float32[10]
conv1: float32[4, 32, 50, 180] = convolution(input=input, weight=conv1.weight, bias=conv1.bias, stride=[1,1], padding=[1,1], dilation=[1,1], groups=1)  # conv1
relu1: float32[4, 32, 50, 180] = relu(self=conv1)  # relu1
maxpool1: float32[4, 32, 25, 90] = maxPool2d(self=relu1, kernel_size=[2,2], stride=[2,2], padding=[0,0], dilation=[1,1], ceil_mode=false)  # maxpool1
conv2: float32[4, 64, 25, 90] = convolution(input=maxpool1, weight=conv2.weight, bias=conv2.bias, stride=[1,1], padding=[1,1], dilation=[1,1], groups=1)  # conv2
batchnorm1: int64[] = add(self=batchnorm1.num_batches_tracked, other=1, inPlace=true)  # batchnorm1
batchnorm1.batchNorm: float32[4, 64, 25, 90] = batchNorm(input=conv2, weight=batchnorm1.weight, bias=batchnorm1.bias, running_mean=batchnorm1.running_mean, running_var=batchnorm1.running_var, training=true, momentum=0.1, eps=0.00001)  # batchnorm1
relu2: float32[4, 64, 25, 90] = relu(self=batchnorm1.batchNorm)  # relu2
conv3: float32[4, 64, 25, 90] = convolution(input=relu2, weight=conv3.weight, bias=conv3.bias, stride=[1,1], padding=[1,1], dilation=[1,1], groups=1)  # conv3
batchnorm2: int64[] = add(self=batchnorm2.num_batches_tracked, other=1, inPlace=true)  # batchnorm2
batchnorm2.batchNorm: float32[4, 64, 25, 90] = batchNorm(input=conv3, weight=batchnorm2.weight, bias=batchnorm2.bias, running_mean=batchnorm2.running_mean, running_var=batchnorm2.running_var, training=true, momentum=0.1, eps=0.00001)  # batchnorm2
relu3: float32[4, 64, 25, 90] = relu(self=batchnorm2.batchNorm)  # relu3
flatten1: float32[4, 144000] = flatten(self=relu3, start_dim=1, end_dim=-1)  # flatten1
dense1: float32[4, 512] = linear(input=flatten1, weight=dense1.weight, bias=dense1.bias)  # dense1
dropout1: float32[4, 512] = dropout(input=dense1, p=0.5, train=true)  # dropout1
dense2: float32[4, 10] = linear(input=dropout1, weight=dense2.weight, bias=dense2.bias)  # dense2
return dense2
`);
});

test("JSON is read as YAML is", async () => {
  const json = {
    schema: "plimsoll/spec@1",
    input: { vector: 8 },
    layers: ["relu", { dense: 4, name: "head" }],
  };
  const yaml =
    "schema: plimsoll/spec@1\ninput: { vector: 8 }\nlayers:\n  - relu\n  - dense: 4\n    name: head\n";
  const [a, b] = [await read(JSON.stringify(json, null, "\t"), "net.json"), await read(yaml, "net.yaml")];
  expect(printGraph(a.bind({}).graph)).toBe(printGraph(b.bind({}).graph));
});

test("layers refer to earlier ones by name", async () => {
  const list = `
  - { conv: { filters: 8, kernel: 1 }, name: left }
  - { conv: { filters: 4, kernel: 1 }, name: right, input: input }
  - { maxpool: 1, name: same, input: left }
  - concat: [same, right]`;
  expect(await lowered(list)).toEqual([
    "left: float32[2, 8, 12, 16] = convolution(input=input, weight=left.weight, bias=left.bias, stride=[1,1], padding=[0,0], dilation=[1,1], groups=1)  # left",
    "right: float32[2, 4, 12, 16] = convolution(input=input, weight=right.weight, bias=right.bias, stride=[1,1], padding=[0,0], dilation=[1,1], groups=1)  # right",
    "same: float32[2, 8, 12, 16] = maxPool2d(self=left, kernel_size=[1,1], stride=[1,1], padding=[0,0], dilation=[1,1], ceil_mode=false)  # same",
    "concat1: float32[2, 12, 12, 16] = cat(tensors=[same, right], dim=1)  # concat1",
  ]);
});

test("names in a repetition are numbered and mean the last round", async () => {
  const list = `
  - repeat:
      times: 2
      layers:
        - { dense: 8, name: step }
        - relu
  - { identity: , input: step }`;
  expect(await lowered(list, "[8]")).toEqual([
    "step_1: float32[2, 8] = linear(input=input, weight=step_1.weight, bias=step_1.bias)  # step_1",
    "relu1: float32[2, 8] = relu(self=step_1)  # relu1",
    "step_2: float32[2, 8] = linear(input=relu1, weight=step_2.weight, bias=step_2.bias)  # step_2",
    "relu2: float32[2, 8] = relu(self=step_2)  # relu2",
  ]);
});

test("a residual adds its input, or what the shortcut makes of it", async () => {
  const list = `
  - residual:
      layers: [dense: 4, relu: { inplace: true }]
      shortcut: [dense: { units: 4, bias: false }]
      inplace: true`;
  expect(await lowered(list, "[8]")).toEqual([
    "residual1.dense1: float32[2, 4] = linear(input=input, weight=residual1.dense1.weight, bias=residual1.dense1.bias)  # residual1.dense1",
    "residual1.relu1: float32[2, 4] = relu(self=residual1.dense1, inPlace=true)  # residual1.relu1",
    "residual1.shortcut.dense1: float32[2, 4] = linear(input=input, weight=residual1.shortcut.dense1.weight)  # residual1.shortcut.dense1",
    "residual1: float32[2, 4] = add(self=residual1.relu1, other=residual1.shortcut.dense1, inPlace=true)  # residual1",
  ]);
});

test("padding same gives ceil(size / stride) as in Keras, by numbers where they suffice", async () => {
  const shapes = await lowered(
    `
  - conv: { filters: 4, kernel: 3, stride: 2, padding: same }
  - conv: { filters: 4, kernel: 4, stride: 2, padding: same }
  - conv: { filters: 4, kernel: 2, padding: same }
  - convtranspose: { filters: 4, kernel: 3, stride: 2, padding: same }`,
    "[3, 9, 10]",
  );
  expect(shapes.map((line) => line.replace(/weight.*?bias, /, "").replace(/ {2}#.*/, ""))).toEqual([
    "conv1: float32[2, 4, 5, 5] = convolution(input=input, stride=[2,2], padding=[1,1], dilation=[1,1], groups=1)",
    'conv2: float32[2, 4, 8, 8] = pad(self=conv1, pad=[1,2,1,2], mode="constant")',
    "conv2.convolution: float32[2, 4, 3, 3] = convolution(input=conv2, stride=[2,2], padding=[0,0], dilation=[1,1], groups=1)",
    'conv3: float32[2, 4, 3, 3] = convolution(input=conv2.convolution, stride=[1,1], padding="same", dilation=[1,1], groups=1)',
    "convtranspose1: float32[2, 4, 6, 6] = convolution(input=conv3, stride=[2,2], padding=[1,1], output_padding=[1,1], dilation=[1,1], groups=1, transposed=true)",
  ]);
});

test("batch, sequence, image and whole shapes are bound on demand", async () => {
  const image = await read(
    "schema: plimsoll/spec@1\ninput: { image: [3, 32, 32] }\nlayers: [global_avg_pool]",
  );
  const tokens = await read(
    "schema: plimsoll/spec@1\ninput: { tokens: { length: 16, vocabulary: 100 } }\nlayers: [embedding: 8]",
  );
  const input = (model: ImportedModel, bindings: Bindings) => model.bind(bindings).graph.values[0]?.spec;
  expect(input(image, {})?.shape).toEqual([1, 3, 32, 32]);
  expect(input(image, { batch: 8, image: [64, 48] })?.shape).toEqual([8, 3, 64, 48]);
  expect(input(image, { shapes: { input: [2, 3, 8, 8] } })?.shape).toEqual([2, 3, 8, 8]);
  expect(input(tokens, { batch: 2, sequence: 64 })).toEqual({
    shape: [2, 64],
    strides: [64, 1],
    dtype: "int64",
  });
  expect(() => image.bind({ sequence: 4 })).toThrow(
    "the sequence length must fit the spec's inputs [layer-spec/binding]",
  );
  expect(() => tokens.bind({ image: [4, 4] })).toThrow(
    "the image size must fit the spec's inputs [layer-spec/binding]",
  );
  expect(() => image.bind({ shapes: { x: [1, 3, 8, 8] } })).toThrow(
    'expected  one of input\n  got       "x"',
  );
  expect(() => image.bind({ shapes: { input: [3, 8, 8] } })).toThrow(
    "expected  4 dims, the batch first\n  got       3x8x8",
  );
  expect(() => image.bind({ batch: 0 })).toThrow("expected  whole numbers of 1 or more\n  got       0");
  expect(() => image.bind({ batch: 1e300 })).toThrow(InputError);
});

test("parameters have the dtype of the input", async () => {
  const model = await read(
    "schema: plimsoll/spec@1\ninput: { vector: 4, dtype: bfloat16 }\nlayers: [dense: 2]",
  );
  expect(model.bind({}).graph.values.map(({ spec }) => spec.dtype)).toEqual([
    "bfloat16",
    "bfloat16",
    "bfloat16",
    "bfloat16",
  ]);
});

test("several inputs and outputs are named", async () => {
  const model = await read(`
schema: plimsoll/spec@1
inputs: { picture: { vector: 8 }, words: { tokens: 4 } }
layers:
  - { dense: 6, name: seen }
  - { embedding: { size: 6, vocabulary: 50 }, input: words }
  - { mean: 1, name: said }
  - { add: [seen, said], name: both }
outputs: [both, seen]
`);
  const { graph } = model.bind({ batch: 3 });
  expect(graph.outputs.map((id) => graph.values[id]?.name)).toEqual(["both", "seen"]);
  expect(
    graph.values.filter(({ role }) => role === "input").map(({ name, spec }) => [name, spec.shape]),
  ).toEqual([
    ["picture", [3, 8]],
    ["words", [3, 4]],
  ]);
});

test("a stated loss other than cross-entropy is part of the model", async () => {
  const lines = async (loss: string) => {
    const model = await read(
      `schema: plimsoll/spec@1\ninput: { vector: 4 }\nlayers: [dense: 2]\nloss: ${loss}`,
    );
    return printGraph(model.bind({ batch: 2 }).graph)
      .split("\n")
      .slice(4);
  };
  expect(await lines("cross-entropy")).toEqual([expect.stringContaining("= linear("), "return dense1", ""]);
  expect(await lines("none")).toEqual([
    expect.stringContaining("= linear("),
    "sum_1: float32[] = sum(self=dense1)",
    "return sum_1, dense1",
    "",
  ]);
  expect(await lines("mse")).toEqual([
    "target = target float32[2, 2]",
    expect.stringContaining("= linear("),
    "mseLoss_1: float32[] = mseLoss(self=dense1, target=target, reduction=1)",
    "return mseLoss_1, dense1",
    "",
  ]);
});

test("what is legal but surprising is a diagnostic", async () => {
  const model = await read(
    "schema: plimsoll/spec@1\ninput: { image: [3, 8, 8] }\nlayers:\n  - dense: 4\n  - softmax: -1",
  );
  expect(model.bind({}).diagnostics).toEqual([
    {
      code: "layer-spec/no-flatten",
      severity: "warning",
      message: "dense works on the last dim of [3,8,8] only; is a flatten missing before it?",
      where: "cnn.yaml:4:5",
    },
    expect.objectContaining({ code: "layer-spec/softmax", severity: "info", where: "cnn.yaml" }),
  ]);
});

test("variables live to the end of their function", async () => {
  const model = await read(`
schema: plimsoll/spec@1
input: { vector: 4 }
layers:
  - { dense: 4, name: skip }
  - relu
  - { add: [skip, input] }
  - tanh
`);
  const { graph } = model.bind({});
  const skip = graph.values.find(({ name }) => name === "skip");
  expect([skip?.heldUntil, graph.nodes.length - 1]).toEqual([3, 3]);
});

test("two thousand different layers are read, as YAML and as indented JSON", async () => {
  const layers = Array.from({ length: 2000 }, (_, i) => ({
    conv: { filters: 8 + (i % 3), kernel: 3, padding: "same", activation: "relu" },
    name: `layer${i}`,
  }));
  const json = { schema: "plimsoll/spec@1", input: { image: [3, 8, 8] }, layers };
  const yaml = layers.map((layer) => `  - ${JSON.stringify(layer)}\n`).join("");
  const counts = await Promise.all(
    [
      JSON.stringify(json, null, 2),
      `schema: plimsoll/spec@1\ninput: { image: [3, 8, 8] }\nlayers:\n${yaml}`,
    ].map(async (text) => (await read(text)).bind({}).graph.nodes.length),
  );
  expect(counts).toEqual([4000, 4000]);
});

test("text that is broken anywhere gives a complaint or a graph, never a crash", async () => {
  const examples = readdirSync("examples")
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => readFileSync(`examples/${file}`, "utf8"));
  const edit = fc.record({
    text: fc.constantFrom(...examples, CONTRACT),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(12),
  });
  const splice = fc.constantFrom(
    "",
    "-1",
    "0",
    "1.5",
    "1e99",
    "[",
    "{",
    "}",
    ":",
    "- ",
    "null",
    "&a ",
    "*a",
    "relu",
    "'",
    "\t",
    "\u0000",
    "__proto__",
    "constructor",
  );
  await fc.assert(
    fc.asyncProperty(edit, splice, async ({ text, at, cut }, more) => {
      const from = Math.floor(at * text.length);
      try {
        verifyGraph(
          (await read(text.slice(0, from) + more + text.slice(from + cut))).bind({ batch: 2 }).graph,
        );
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
      }
    }),
    { numRuns: 1500 },
  );
}, 60_000);
