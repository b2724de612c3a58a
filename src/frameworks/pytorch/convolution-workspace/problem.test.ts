import { expect, test } from "vitest";
import { dense } from "../../../ir/tensor.js";
import { type Convolution, problemOf } from "./problem.js";

const base = { stride: [2, 2], padding: [1, 1], groups: 1, transposed: false, channelsLast: false } as const;

/** 8 -> 32 channels, 10 x 10 -> 5 x 5. */
const plain: Convolution = {
  ...base,
  input: dense([4, 8, 10, 10], "float16"),
  weight: dense([32, 8, 3, 3], "float16"),
  output: dense([4, 32, 5, 5], "float16"),
};

test("operands are counted in bytes, channels by group", () => {
  const { X, Y, W, inChannels, outChannels, taps } = problemOf("forward", plain);
  expect([X, Y, W]).toEqual([4 * 8 * 100 * 2, 4 * 32 * 25 * 2, 32 * 8 * 9 * 2]);
  expect([inChannels, outChannels, taps]).toEqual([8, 32, 9]);
});

test("a transposed convolution runs the input gradient of the one that leads back", () => {
  const back: Convolution = { ...plain, transposed: true, input: plain.output, output: plain.input };
  expect(problemOf("forward", back)).toEqual(problemOf("input gradient", plain));
  expect(problemOf("input gradient", back)).toEqual(problemOf("forward", plain));
  expect(problemOf("weight gradient", back)).toEqual(problemOf("weight gradient", plain));
});

test("one dimension is a row of two", () => {
  const row = problemOf("forward", {
    ...base,
    stride: [2],
    padding: [1],
    input: dense([4, 8, 10], "float32"),
    weight: dense([32, 8, 3], "float32"),
    output: dense([4, 32, 5], "float32"),
  });
  expect([row.height, row.taps, row.inPositions, row.width, row.longest]).toEqual([1, 3, 10, 10, 12]);
});

test("only 1 x 1 with unit strides and no padding is pointwise", () => {
  const one = { ...plain, weight: dense([32, 8, 1, 1], "float16"), stride: [1, 1], padding: [0, 0] };
  expect(problemOf("forward", one).pointwise).toBe(true);
  expect(problemOf("forward", { ...one, stride: [2, 2] }).pointwise).toBe(false);
  expect(problemOf("forward", { ...one, padding: [1, 1] }).pointwise).toBe(false);
});
