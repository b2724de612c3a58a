import { expect, test } from "vitest";
import { MiB } from "../../../base/units.js";
import type { DType } from "../../../base/dtype.js";
import { dense } from "../../../ir/tensor.js";
import { type Direction, problemOf } from "./problem.js";
import { scratchOf } from "./rules.js";

/** Sizes of a square convolution that keeps its image, as cuDNN is asked for it. */
interface Sizes {
  readonly batch: number;
  readonly channels: readonly [number, number];
  readonly image: number;
  readonly kernel?: number;
  readonly groups?: number;
  readonly dtype?: DType;
}

function scratch(rule: string, direction: Direction, sizes: Sizes): number {
  const { batch, channels, image, kernel = 3, groups = 1, dtype = "float32" } = sizes;
  const problem = problemOf(direction, {
    input: dense([batch, channels[0], image, image], dtype),
    weight: dense([channels[1], channels[0] / groups, kernel, kernel], dtype),
    output: dense([batch, channels[1], image, image], dtype),
    stride: [1, 1],
    padding: [kernel >> 1, kernel >> 1],
    groups,
    transposed: false,
    channelsLast: false,
  });
  return scratchOf(rule, problem);
}

// recorded sizes are those of cuDNN 9.24's plans for an A100; they round each part up to 16 bytes

test("copies are as large as the operands: recorded 6,570,000 bytes", () => {
  const sizes = { batch: 8, channels: [64, 64], image: 56 } as const;
  expect(scratch("XW", "forward", sizes)).toBe(6_570_000 - 16);
  expect(scratch("-", "forward", sizes)).toBe(0);
});

test("padded copies round channels up to vectors of 16 bytes", () => {
  const sizes = { batch: 1, channels: [3, 64], image: 16, dtype: "float16" } as const;
  expect(scratch("Xv", "forward", sizes)).toBe(8 * 16 * 16 * 2);
  expect(scratch("XYWo", "forward", sizes)).toBe(8 * 16 * 16 * 2 + 64 * 8 * 9 * 2); // 64 channels are whole vectors
});

test("eight groups are copied at a time: recorded 392.28 MiB", () => {
  const sizes = { batch: 64, channels: [1024, 1024], image: 56, groups: 32 } as const;
  expect(scratch("XYWg", "input gradient", sizes) / MiB).toBeCloseTo(392.28, 2);
});

test("slices of a weight gradient keep tiles busy: 256 x 256 x 3 x 3 are 36 tiles, 432 of them 12 slices", () => {
  const sizes = { batch: 8, channels: [256, 256], image: 56 } as const;
  const weight = 256 * 256 * 9 * 4;
  expect(scratch("XYW+432", "weight gradient", sizes)).toBe(2 * 8 * 256 * 56 * 56 * 4 + 13 * weight);
  expect(scratch("-+1", "weight gradient", { ...sizes, dtype: "float16" })).toBe(weight); // summed in float32
});

test("slices of the channels leave whole results: two of a half precision output are four times its bytes", () => {
  const sizes = { batch: 2, channels: [8, 16], image: 4, dtype: "float16" } as const;
  expect(scratch("-*2", "forward", sizes)).toBe(2 * (2 * 16 * 16) * 4);
  expect(scratch("-*1", "input gradient", sizes)).toBe(2 * 8 * 16 * 4);
});

test("a pointwise weight gradient keeps one per sample, in float32", () => {
  const sizes = { batch: 8, channels: [512, 256], image: 28, kernel: 1, dtype: "float16" } as const;
  expect(scratch("N", "weight gradient", sizes)).toBe(8 * 512 * 256 * 4);
});

test("Winograd's transforms: recorded 9.77 MiB of windows, 355.78 MiB of everything", () => {
  const sizes = { batch: 48, channels: [320, 320], image: 36 } as const;
  expect(scratch("winograd-3", "forward", sizes) / MiB).toBeCloseTo(9.77, 2);
  expect(scratch("winograd-4", "weight gradient", sizes) / MiB).toBeCloseTo(355.78, 2);
});

test("spectra of whole images, or of tiles: recorded 792.56 and 102 MiB", () => {
  expect(scratch("fft", "forward", { batch: 64, channels: [128, 128], image: 48 }) / MiB).toBeCloseTo(
    792.56,
    2,
  );
  expect(scratch("fft-tiles", "forward", { batch: 32, channels: [128, 128], image: 22 }) / MiB).toBe(102);
});
