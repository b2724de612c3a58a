import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elements } from "../../base/shape.js";
import { type RescaleOptions, rescaledSize } from "./rebatch.js";

/** The size argument of a file exported at batch 8, at batch 32. */
const at32 = (options: Omit<RescaleOptions, "batch" | "asked">) =>
  rescaledSize({ batch: 8, asked: 32, ...options });

describe("a reshape written for batch 8, at batch 32", () => {
  test("flattens features: the batch grows, the features do not", () => {
    const size = { target: [8, 400], from: [8, 16, 5, 5], to: [32, 16, 5, 5] };
    expect(at32({ given: [8, 400], ...size })).toEqual([32, 400]);
    expect(at32({ given: [8, -1], ...size })).toEqual([32, -1]);
    expect(at32({ given: [-1, 400], ...size })).toEqual([-1, 400]);
  });

  test("folds the batch into the rows, and unfolds it again", () => {
    expect(at32({ given: [80, 64], target: [80, 64], from: [8, 10, 64], to: [32, 10, 64] })).toEqual([
      320, 64,
    ]);
    expect(at32({ given: [8, 10, 64], target: [8, 10, 64], from: [80, 64], to: [320, 64] })).toEqual([
      32, 10, 64,
    ]);
  });

  test("splits heads: 8 heads are not the batch", () => {
    const heads = { given: [8, 197, 8, 64], target: [8, 197, 8, 64], from: [8, 197, 512] };
    expect(at32({ ...heads, to: [32, 197, 512] })).toEqual([32, 197, 8, 64]);
  });

  test("finds a batch that does not lead", () => {
    const sequence = { given: [10, 64, 64], target: [10, 64, 64], from: [10, 8, 8, 64], to: [10, 32, 8, 64] };
    expect(at32(sequence)).toEqual([10, 256, 64]);
  });

  test("of a tensor without a batch stays, though a dim equals it", () => {
    expect(at32({ given: [8, 8], target: [8, 8], from: [64], to: [64] })).toEqual([8, 8]);
    expect(at32({ given: [1, 64], target: [1, 64], from: [8, 8], to: [8, 8] })).toEqual([1, 64]);
  });
});

describe("other sizes", () => {
  test("an expansion follows the batch in dims it makes, and its input in dims that are there", () => {
    const token = { target: [8, 1, 768], from: [1, 1, 768], to: [1, 1, 768] };
    expect(at32({ given: [8, -1, -1], ...token })).toEqual([32, -1, -1]);
    expect(at32({ given: [8, 1, 768], ...token })).toEqual([32, 1, 768]);
    const mask = { given: [8, 12, 10, 10], target: [8, 12, 10, 10], from: [8, 1, 10, 10] };
    expect(at32({ ...mask, to: [32, 1, 10, 10] })).toEqual([32, 12, 10, 10]);
  });

  test("an expansion that adds dims in front lines up at the back", () => {
    const positions = { given: [8, 8, 64], target: [8, 8, 64], from: [8, 64], to: [8, 64] };
    expect(at32(positions)).toEqual([32, 8, 64]);
  });

  test("a tensor made from nothing follows the batch only where it leads", () => {
    expect(at32({ given: [8, 8], target: [8, 8], from: undefined, to: undefined })).toEqual([32, 8]);
    expect(at32({ given: [2, 8], target: [2, 8], from: undefined, to: undefined })).toEqual([2, 8]);
  });
});

test("a reshape's result has as many elements as its input, whatever it folds", () => {
  const dims = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(dims, fc.nat(), fc.nat(), (features, first, second) => {
      const merged = (shape: readonly number[], at: number): number[] => {
        const cut = at % shape.length;
        return [elements(shape.slice(0, cut + 1)), ...shape.slice(cut + 1)];
      };
      const from = merged([8, ...features], first);
      const to = merged([32, ...features], first);
      const target = merged([8, ...features], second);
      const size = at32({ given: target, target, from, to });
      expect(size).toEqual(merged([32, ...features], second));
    }),
  );
});

test("a batch that does not divide gives whole sizes", () => {
  const shapes = { from: [50, 16, 5, 5], to: [7, 16, 5, 5], target: [50, 400] };
  expect(rescaledSize({ given: [50, 400], ...shapes, batch: 50, asked: 7 })).toEqual([7, 400]);
});
