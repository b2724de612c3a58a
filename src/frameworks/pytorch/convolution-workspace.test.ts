import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { MiB, NO_BYTES } from "../../base/units.js";
import type { DType } from "../../base/dtype.js";
import { dense } from "../../ir/tensor.js";
import {
  benchmarkWorkspace,
  type Convolution,
  convolutionWorkspace,
  type Direction,
} from "./convolution-workspace.js";
import type { Device } from "./device.js";

const A100: Device = {
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
  cudnn: "default",
};
const H100: Device = { ...A100, computeCapability: [9, 0], multiprocessors: 132 };
const DIRECTIONS: readonly Direction[] = ["forward", "input gradient", "weight gradient"];

/** 32 images of 128 x 56 x 56 to 256 channels: in float32 49 MiB in, 98 MiB out. */
function convolution(
  kernel: number,
  { dtype = "float32" as DType, ...rest }: Partial<Convolution> & { dtype?: DType } = {},
): Convolution {
  return {
    input: dense([32, 128, 56, 56], dtype),
    weight: dense([256, 128, kernel, kernel], dtype),
    output: dense([32, 256, 56, 56], dtype),
    stride: [1, 1],
    padding: [kernel >> 1, kernel >> 1],
    groups: 1,
    transposed: false,
    channelsLast: false,
    ...rest,
  };
}
const scratch = (one: Convolution, device: Device) =>
  DIRECTIONS.map((direction) => convolutionWorkspace(direction, one, device));
const WEIGHT = 256 * 128 * 9 * 4;
const [IN, OUT] = [49 * MiB, 98 * MiB];

describe("a 3 x 3 convolution", () => {
  test("in float32 copies its operands: an Ampere forward all but the output", () => {
    const [forward, inputs] = scratch(convolution(3), A100);
    expect([forward, inputs]).toEqual([IN + WEIGHT, IN + OUT + WEIGHT]);
  });

  test("of half precision stored channels last is what tensor cores want: no copies", () => {
    for (const dtype of ["float16", "bfloat16"] as const)
      for (const device of [A100, H100]) {
        const [forward, inputs] = scratch(convolution(3, { dtype, channelsLast: true }), device);
        expect([forward, inputs]).toEqual([0, 0]);
      }
  });

  test("transposed takes forward what the other takes for its input gradient", () => {
    const plain = convolution(3);
    const back = { ...plain, transposed: true, input: plain.output, output: plain.input };
    expect(convolutionWorkspace("forward", back, A100)).toBe(IN + OUT + WEIGHT);
  });
});

test("a pointwise convolution multiplies operands where they are; each sample's weight gradient is kept apart", () => {
  expect(scratch(convolution(1), A100)).toEqual([0, 0, 32 * 256 * 128 * 4]);
});

test("a step that leaves workspaces out has none", () => {
  expect(scratch(convolution(3), { ...A100, cudnn: "no-workspace" })).toEqual([0, 0, 0]);
});

test("a type that nothing was recorded for has none", () => {
  expect(scratch(convolution(3, { dtype: "float64" }), A100)).toEqual([0, 0, 0]);
});

test("a GPU between two recorded ones counts as the earlier, one before all as the first", () => {
  const on = (major: number, minor: number) =>
    scratch(convolution(3), { ...A100, computeCapability: [major, minor] });
  expect(on(8, 7)).toEqual(on(8, 6));
  expect(on(12, 1)).toEqual(on(12, 0));
  expect(on(6, 1)).toEqual(on(7, 0));
});

test("without TF32 other kernels come first: Winograd's, which transforms 3 x 3 weights to 5 x 5", () => {
  const strict = convolutionWorkspace("input gradient", convolution(3), { ...A100, tf32: false });
  expect(strict).toBe(256 * 128 * 25 * 4);
});

test("only a benchmark tries plans: spectra of whole images are the largest", () => {
  expect(benchmarkWorkspace("forward", convolution(3), A100)).toBe(0);
  const tried = benchmarkWorkspace("forward", convolution(3), { ...A100, cudnn: "benchmark" });
  const spectrum = 64 * 33 * 8; // 64 x 64 holds 56 + 2 rows; one half and a column of complex numbers
  expect(tried).toBe(WEIGHT + 2 * spectrum * (32 * 128 + 128 * 256));
});

// ---------------------------------------------------------------- against recorded plans

interface Row {
  readonly device: Device;
  readonly direction: Direction;
  readonly problem: Convolution;
  readonly first: number;
  readonly largest: number;
}

const CAPABILITY: Record<string, readonly [number, number]> = {
  T4: [7, 5],
  A100: [8, 0],
  RTX3090: [8, 6],
  RTX4090: [8, 9],
  H100: [9, 0],
};
const DTYPE: Record<string, DType> = { tf32: "float32", fp16: "float16", bf16: "bfloat16" };

function rowOf(line: string): Row {
  const cells = line.split(",");
  const [gpu, dtype, layout, direction] = [cells[0], cells[15], cells[16], cells[17]] as string[];
  const [N, C, H, W, K, R, S, sh, sw, ph, pw, dh, dw, G] = cells.slice(1, 15).map(Number) as [
    number,
    ...number[],
  ] &
    number[];
  const side = (size = 0, kernel = 1, stride = 1, pad = 0, dilation = 1) =>
    Math.floor((size + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;
  const type = DTYPE[dtype as string] as DType;
  return {
    device: { ...A100, computeCapability: CAPABILITY[gpu as string] as readonly [number, number] },
    direction: DIRECTIONS[["fwd", "dgrad", "wgrad"].indexOf(direction as string)] as Direction,
    problem: {
      input: dense([N, C, H, W] as number[], type),
      weight: dense([K, (C as number) / (G as number), R, S] as number[], type),
      output: dense([N, K, side(H, R, sh, ph, dh), side(W, S, sw, pw, dw)] as number[], type),
      stride: [sh, sw] as number[],
      padding: [ph, pw] as number[],
      groups: G as number,
      transposed: false,
      channelsLast: layout === "NHWC",
    },
    first: Number(cells[18]),
    largest: Number(cells[19]),
  };
}

describe("a sample of recorded plans", () => {
  const file = new URL("../../../test/fixtures/convolution-plans.csv", import.meta.url);
  const rows = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line))
    .map(rowOf);
  const near = (guess: number, truth: number) => Math.abs(guess - truth) <= Math.max(0.1 * truth, 16 * MiB);

  test("within 10 % or 16 MiB: the first plan in nine of ten", () => {
    const close = rows.filter(({ device, direction, problem, first }) =>
      near(convolutionWorkspace(direction, problem, device), first),
    );
    expect(rows.length).toBe(312);
    expect(close.length / rows.length).toBeGreaterThan(0.9);
  });

  test("within 10 % or 16 MiB: the largest plan in three of four", () => {
    const close = rows.filter(({ device, direction, problem, largest }) =>
      near(benchmarkWorkspace(direction, problem, { ...device, cudnn: "benchmark" }), largest),
    );
    expect(close.length / rows.length).toBeGreaterThan(0.75);
  });
});
