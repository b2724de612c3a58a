import { describe, expect, test } from "vitest";
import { reimagedSize } from "./reimage.js";

const MAPS = new Map<string, readonly [number, number]>([
  ["28x28", [40, 32]],
  ["14x14", [20, 16]],
]);

/** From a map of 28x28 or 14x14, now 40x32 or 20x16. */
function reshape(from: readonly number[], to: readonly number[], target: readonly number[], given = target) {
  return reimagedSize({ given, target, from, to, maps: MAPS });
}

describe("a reshape at another image size", () => {
  test("shuffles channels of the new map", () => {
    expect(reshape([2, 116, 28, 28], [2, 116, 40, 32], [2, 2, 58, 28, 28])).toEqual([2, 2, 58, 40, 32]);
  });
  test("flattens the new map into tokens", () => {
    expect(reshape([2, 64, 28, 28], [2, 64, 40, 32], [2, 64, 784])).toEqual([2, 64, 1280]);
  });
  test("makes a map of tokens that were one", () => {
    expect(reshape([2, 196, 64], [2, 320, 64], [2, 14, 14, 64])).toEqual([2, 20, 16, 64]);
  });
  test("splits tokens into heads", () => {
    expect(reshape([2, 784, 192], [2, 1280, 192], [2, 784, 6, 32])).toEqual([2, 1280, 6, 32]);
  });
  test("leaves open what the file leaves open", () => {
    expect(reshape([2, 64, 28, 28], [2, 64, 40, 32], [2, 64, 784], [2, 64, -1])).toEqual([2, 64, -1]);
  });
  test("keeps what does not depend on the image", () => {
    expect(reshape([2, 512, 1, 1], [2, 512, 1, 1], [2, 512])).toEqual([2, 512]);
  });
  test("does not guess how a dim splits into windows, or a grid", () => {
    expect(reshape([2, 28, 28, 96], [2, 42, 42, 96], [2, 4, 7, 4, 7, 96])).toEqual([2, 4, 7, 4, 7, 96]);
  });
  test("does not take a map whose size was not seen, or that has another number of tokens", () => {
    expect(reshape([2, 256, 64], [2, 320, 64], [2, 16, 16, 64])).toEqual([2, 16, 16, 64]);
    expect(reshape([2, 196, 64], [2, 321, 64], [2, 14, 14, 64])).toEqual([2, 14, 14, 64]);
  });
  test("keeps sizes it cannot match", () => {
    expect(reshape([2, 0], [2, 0], [0, 7])).toEqual([0, 7]);
    expect(reshape([2, 6], [2, 6], [3, 5])).toEqual([3, 5]);
  });
});
