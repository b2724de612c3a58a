import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { estimate, InputError, readModel } from "../../index.js";

const FIXTURES = "src/importers/onnx/fixtures";
const read = async (path: string) => readModel(readFileSync(path), { name: path });
const answer = async (path: string, options: Parameters<typeof estimate>[1] = {}) =>
  estimate(await read(path), { batch: 8, optimizer: "adamw", ...options });

/** The same network from both exporters and opsets: what a step keeps is the exported program's, peak within 1 %. */
test.for([
  ["lenet", "dynamo", 1],
  ["lenet", "opset7", 1],
  ["lenet", "opset20", 1],
  ["encoder", "dynamo", 1],
  ["encoder", "opset14", 1],
  ["encoder", "opset17", 1],
  ["encoder", "opset20", 1],
  ["images", "training", 1],
  // dropout is not in a file for inference: its mask is missing
  ["images", "dynamo", 0.9994],
  ["images", "opset9", 0.9994],
  ["images", "opset13", 0.9994],
  ["images", "opset17", 0.9994],
  // two layers are two operators in ONNX, where cuDNN has one
  ["words", "dynamo", 1],
  ["words", "opset11", 1],
  ["words", "opset17", 1],
] as const)("%s as ONNX (%s) is the exported program again", async ([name, kind, saved]) => {
  const file = await answer(`${FIXTURES}/${name}.${kind}.onnx`);
  const program = await answer(`${FIXTURES}/${name}.pt2`);
  expect(file.model.parameterCount).toBe(program.model.parameterCount);
  for (const part of ["parameterBytes", "bufferBytes", "gradientBytes", "optimizerStateBytes"] as const)
    expect([part, file.totals[part]]).toEqual([part, program.totals[part]]);
  const ratio = file.totals.savedTensorBytes / program.totals.savedTensorBytes;
  expect(ratio).toBeGreaterThanOrEqual(saved);
  expect(ratio).toBeLessThanOrEqual(name === "words" ? 1.06 : 1);
  expect(Math.abs(file.peak.allocatedBytes / program.peak.allocatedBytes - 1)).toBeLessThan(0.01);
});

test("a file for inference says what was put back", async () => {
  const { diagnostics } = await answer(`${FIXTURES}/images.dynamo.onnx`);
  expect(diagnostics).toEqual([
    expect.objectContaining({
      code: "onnx/folded-batch-norm",
      message: expect.stringContaining("(2 times)"),
    }),
    expect.objectContaining({ code: "onnx/inference", severity: "info" }),
  ]);
});

test("a training export says nothing", async () => {
  expect((await answer(`${FIXTURES}/images.training.onnx`)).diagnostics).toEqual([]);
});

test("a batch that the file fixed is moved to the asked one", async () => {
  const fixed = await read(`${FIXTURES}/images.training.onnx`);
  expect(fixed.batch).toBe(4);
  const program = await answer(`${FIXTURES}/images.pt2`, { batch: 32 });
  expect(estimate(fixed, { batch: 32, optimizer: "adamw" }).totals.savedTensorBytes).toBe(
    program.totals.savedTensorBytes,
  );
});

test("--shape sets the open dims of an input", async () => {
  const asked = await answer(`${FIXTURES}/function.onnx`, { batch: 3, shape: { x: [3, 8] } });
  expect(asked.totals.inputBytes).toBe(4 * 3 * 8 + 8 * 3); // the input and a target per row
});

test("a function is written out, a known loop too, and of a branch the longer side counts", async () => {
  const silu = await answer(`${FIXTURES}/function.onnx`, { loss: "none" });
  expect(silu.diagnostics).toEqual([]);
  // x, two matrix products and the input of the second product
  expect(silu.totals.savedTensorBytes).toBe(4 * 8 * (8 + 16 + 16 + 4));
  const loop = await answer(`${FIXTURES}/loop.onnx`, { loss: "none" });
  expect(loop.diagnostics).toEqual([]);
  expect(loop.totals.savedTensorBytes).toBe(4 * 8 * 8 * 4); // the input, and tanh's result of three turns
  const branch = await answer(`${FIXTURES}/branch.onnx`, { loss: "none" });
  expect(branch.diagnostics).toEqual([expect.objectContaining({ code: "onnx/branch" })]);
  expect(branch.model.parameterCount).toBe(64);
});

test.for(["quantized", "unknown"])("operators without a rule are bounded, and named (%s)", async (name) => {
  const { diagnostics } = await answer(`${FIXTURES}/${name}.onnx`);
  expect(diagnostics.length).toBeGreaterThan(0);
  for (const one of diagnostics)
    expect(one).toMatchObject({
      code: "ops/unknown",
      severity: "warning",
      message: expect.stringMatching(/bounded by/),
    });
});

test("a shape of the wrong rank is a complaint", async () => {
  const model = await read(`${FIXTURES}/function.onnx`);
  expect(() => estimate(model, { batch: 2, shape: { x: [2, 8, 1] } })).toThrow(InputError);
});

const SHARED = ["../shared", process.env["PLIMSOLL_SHARED"] ?? ""].find(
  (folder) => folder !== "" && existsSync(`${folder}/models/onnx/resnet18_ext.onnx`),
);
test.skipIf(!SHARED)(
  `ResNet-18 with its weights elsewhere${SHARED ? "" : " (skipped: shared/models/onnx/resnet18_ext.onnx is absent)"}`,
  async () => {
    const file = await answer(`${SHARED}/models/onnx/resnet18_ext.onnx`);
    const program = await answer(`${SHARED}/models/pt2/torchvision__resnet18.pt2`);
    expect(file.model.parameterCount).toBe(11_689_512);
    expect(file.totals.bufferBytes).toBe(program.totals.bufferBytes);
    expect(file.totals.savedTensorBytes).toBe(program.totals.savedTensorBytes);
  },
);

test("weights are stepped over: of a gigabyte in the file a few kilobytes are read", async () => {
  const small = readFileSync(`${FIXTURES}/function.onnx`);
  const weights = 2 ** 30;
  // one more initializer at the end of the graph would change its length: a model's unknown field is as good
  const tail = Uint8Array.from([0xfa, 0x3f, ...varint(weights)]);
  const head = new Uint8Array([...small, ...tail]);
  let read = 0;
  const model = await readModel({
    name: "big.onnx",
    size: head.length + weights,
    read: async (start, end) => {
      read += end - start;
      const bytes = new Uint8Array(end - start);
      bytes.set(head.subarray(start, Math.min(end, head.length)));
      return bytes;
    },
  });
  expect(model.format).toBe("onnx");
  expect(read).toBeLessThan(256 * 1024);
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
