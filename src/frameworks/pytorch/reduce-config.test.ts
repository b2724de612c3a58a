import { describe, expect, test } from "vitest";
import { NO_BYTES } from "../../base/units.js";
import { dense } from "../../ir/tensor.js";
import type { Device } from "./device.js";
import { globalReduction, partialSize } from "./reduce-config.js";

const A100: Device = {
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
  cudnn: "default",
};
const f32 = (...shape: number[]) => dense(shape, "float32");

// biome-ignore format: one line per recorded case
describe("buffers and counters of recorded reductions on an A100 (oracle/recorded/ops-reduction.json)", () => {
  test.each([
    { name: "sum-all-long-rows",           input: f32(3, 200_001),    dims: [0, 1], buffer: 296,     counters: 4 },
    { name: "sum-rows-long-rows",          input: f32(3, 200_001),    dims: [1],    buffer: 300,     counters: 12 },
    { name: "sum-all-square",              input: f32(700, 740),      dims: [0, 1], buffer: 256,     counters: 4 },
    { name: "sum-all-many-short-rows",     input: f32(60_000, 12),    dims: [0, 1], buffer: 352,     counters: 4 },
    { name: "sum-columns-many-short-rows", input: f32(60_000, 12),    dims: [0],    buffer: 22_656,  counters: 8 },
    { name: "sum-rows-few-long-rows",      input: f32(5, 150_000),    dims: [1],    buffer: 380,     counters: 20 },
    { name: "linear-bias-large, backward", input: f32(4000, 80),      dims: [0],    buffer: 655_360, counters: 8 },
    { name: "conv-bias-large, its sum",    input: f32(8, 20, 65, 67), dims: [0, 1, 2, 3], buffer: 344, counters: 4 },
  ])("$name", ({ input, dims, buffer, counters }) => {
    expect(globalReduction({ input, dims }, A100)).toEqual({ buffer, counters });
  });

  test.each([
    { name: "sum-rows-square",             input: f32(700, 740),       dims: [1] },
    { name: "sum-columns-square",          input: f32(700, 740),       dims: [0] },
    { name: "sum-columns-long-rows",       input: f32(3, 200_001),     dims: [0] },
    { name: "sum-rows-many-short-rows",    input: f32(60_000, 12),     dims: [1] },
    { name: "sum-all-64k",                 input: f32(16, 4096),       dims: [0, 1] },
    { name: "global-mean-large",           input: f32(8, 24, 65, 67),  dims: [2, 3] },
    { name: "channel-gradient-large",      input: f32(8, 24, 65, 67),  dims: [0, 2, 3] },
  ])("$name takes none", ({ input, dims }) => {
    expect(globalReduction({ input, dims }, A100)).toBeUndefined();
  });
});

describe("partial results", () => {
  test("with an index they are 16 bytes, counters stay 4: argmax-large", () => {
    const argmax = { input: f32(700, 740), dims: [0, 1], partial: 16 };
    expect(globalReduction(argmax, A100)).toEqual({ buffer: 1024, counters: 4 });
  });

  test("half precision is summed in float32, wider types in their own: sum-all-bf16-large", () => {
    const input = dense([700, 740], "bfloat16");
    expect(globalReduction({ input, dims: [0, 1], partial: partialSize(input) }, A100)).toEqual({
      buffer: 256,
      counters: 4,
    });
    expect([partialSize(dense([1], "int64")), partialSize(dense([1], "bool"))]).toEqual([8, 4]);
  });
});

describe("what decides", () => {
  test("memory order, not the order of the dims: rows of a transposed matrix are columns", () => {
    const { shape, dtype } = f32(12, 60_000);
    const transposed = { shape, strides: [1, 12], dtype };
    expect(globalReduction({ input: transposed, dims: [1] }, A100)).toEqual({ buffer: 22_656, counters: 8 });
  });

  test("dims of one and neighbours that lie together change nothing", () => {
    const split = globalReduction({ input: f32(60, 1, 1000, 12), dims: [0, 1, 2] }, A100);
    expect(split).toEqual({ buffer: 22_656, counters: 8 });
  });

  test("blocks of 2 x 64 threads by the 16 values each reads, or by what the device runs at once", () => {
    const columns = { input: f32(60_000, 12), dims: [0] };
    const buffers = [108, 2, 1].map(
      (multiprocessors) => globalReduction(columns, { ...A100, multiprocessors })?.buffer,
    );
    // 59, 16 and 8 blocks share a group of outputs; each leaves 12 x 8 floats
    expect(buffers).toEqual([22_656, 6144, 3072]);
  });

  test("nothing to reduce and scalars take none", () => {
    for (const input of [f32(0, 12), f32(12, 0), f32()])
      expect(globalReduction({ input, dims: input.shape.map((_, dim) => dim) }, A100)).toBeUndefined();
  });
});
