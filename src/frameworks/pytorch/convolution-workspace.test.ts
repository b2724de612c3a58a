import { describe, expect, test } from "vitest";
import { MiB, NO_BYTES } from "../../base/units.js";
import type { DType } from "../../base/dtype.js";
import { dense } from "../../ir/tensor.js";
import { type Convolution, convolutionWorkspace, type Direction } from "./convolution-workspace.js";
import type { Device } from "./device.js";

const A100: Device = {
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
  cudnn: "default",
};
const H100: Device = { ...A100, computeCapability: [9, 0], multiprocessors: 132 };
const DIRECTIONS: readonly Direction[] = ["forward", "input gradient", "weight gradient"];

/** 64 images of 64 x 32 x 32 to 128 channels: in float32 16 MiB in, 32 MiB out. */
function convolution(
  kernel: number,
  { dtype = "float32" as DType, ...rest }: Partial<Convolution> & { dtype?: DType } = {},
): Convolution {
  return {
    input: dense([64, 64, 32, 32], dtype),
    weight: dense([128, 64, kernel, kernel], dtype),
    output: dense([64, 128, 32, 32], dtype),
    unitStride: true,
    channelsLast: false,
    ...rest,
  };
}
const WEIGHT = 128 * 64 * 9 * 4;
const scratch = (one: Convolution, device: Device) =>
  DIRECTIONS.map((direction) => convolutionWorkspace(direction, one, device));

describe("a 3 x 3 convolution in float32", () => {
  test("copies its operands: an Ampere forward all but the output, gradients all three", () => {
    const all = 16 * MiB + 32 * MiB + WEIGHT;
    expect(scratch(convolution(3), A100)).toEqual([16 * MiB + WEIGHT, all, all]);
    expect(scratch(convolution(3), H100)).toEqual([all, all, all]);
  });

  test("stored channels last copies only what each direction reads; a Hopper only the weight", () => {
    const stored = convolution(3, { channelsLast: true });
    expect(scratch(stored, A100)).toEqual([16 * MiB + WEIGHT, 32 * MiB + WEIGHT, 48 * MiB]);
    expect(scratch(stored, H100)).toEqual([0, 0, WEIGHT]);
  });
});

describe("a pointwise convolution", () => {
  test("multiplies operands where they are; each sample's weight gradient is kept apart", () => {
    expect(scratch(convolution(1), A100)).toEqual([0, 0, 64 * 128 * 64 * 4]);
  });

  test("copies its operands instead where that is less", () => {
    const tiny = convolution(1, {
      input: dense([64, 64, 4, 4], "float32"),
      output: dense([64, 128, 4, 4], "float32"),
    });
    expect(convolutionWorkspace("weight gradient", tiny, A100)).toBe(64 * (64 + 128) * 16 * 4);
  });

  test("of half precision keeps those gradients in float32", () => {
    const half = convolutionWorkspace("weight gradient", convolution(1, { dtype: "bfloat16" }), A100);
    expect(half).toBe(64 * 128 * 64 * 4);
  });

  test("with a stride is a convolution like any other", () => {
    const strided = convolution(1, { unitStride: false });
    expect(convolutionWorkspace("forward", strided, A100)).toBe(16 * MiB + 128 * 64 * 4);
  });
});

test("half precision stored channels last is what tensor cores want: no scratch in any direction", () => {
  for (const dtype of ["float16", "bfloat16"] as const)
    for (const device of [A100, H100])
      expect(scratch(convolution(3, { dtype, channelsLast: true }), device)).toEqual([0, 0, 0]);
});

test("half precision stored as usual copies all three, at half the size", () => {
  const all = (16 * MiB + 32 * MiB + WEIGHT) / 2;
  expect(scratch(convolution(3, { dtype: "float16" }), A100)).toEqual([all, all, all]);
});

test("a step that leaves workspaces out has none", () => {
  expect(scratch(convolution(3), { ...A100, cudnn: "no-workspace" })).toEqual([0, 0, 0]);
});
