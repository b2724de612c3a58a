/**
 * Layers whose matrices are shared out while sequences are, too: a rank has some tokens of the residual stream, and all tokens of
 * some features inside of a layer. Dim 0 is the tokens'.
 *
 * Source  nanotron 9055c664 (2025-01), parallel/tensor_parallel/functional.py
 */
import type { TensorSpec } from "../ir/tensor.js";
import { dense } from "../ir/tensor.js";
import { int, joint, op, type OpTable } from "./rule.js";

const outOf = ({ shape: [tokens = 1, ...rest], dtype }: TensorSpec, features: number, ranks: number) =>
  dense([tokens * ranks, ...rest.slice(0, -1), features], dtype);

export const collectives = {
  /** Sums over the ranks, of which each gets some tokens; the gradient is gathered. */
  reduceScatter: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const [tokens = 1, ...rest] = self.shape;
      return dense([tokens / int(attributes, "ranks", 1), ...rest], self.dtype);
    },
    backward: { self: [] },
  }),
  /** Gathers the tokens, and gives some features of all. [S / R, …, I], [O / R, I] → [S, …, O / R] */
  columnLinear: op({
    inputs: ["input", "weight"],
    outputs: ["result"],
    infer: ({ input, weight }, attributes) =>
      outOf(input, weight.shape[0] as number, int(attributes, "ranks", 1)),
    backward: joint(["input", "weight"], ["input", "weight"]),
  }),
  /** Sums what the ranks make of their features, of which each gets some tokens. [S, …, I / R], [O, I / R] → [S / R, …, O] */
  rowLinear: op({
    inputs: ["input", "weight"],
    outputs: ["result"],
    infer: ({ input, weight }, attributes) =>
      outOf(input, weight.shape[0] as number, 1 / int(attributes, "ranks", 1)),
    backward: joint(["input", "weight"], ["input", "weight"]),
  }),
  /** Cross-entropy of logits of which every rank has some. [S, B, V / R], [S, B] → [S, B] */
  shardedCrossEntropy: op({
    inputs: ["self", "target"],
    outputs: ["loss", "softmax", "outside", "inside"],
    infer: ({ self, target }) => [
      dense(target.shape, self.dtype),
      dense(self.shape, self.dtype),
      dense(target.shape, "bool"),
      dense([target.shape.reduce((count, size) => count * size, 1)], "int64"),
    ],
    backward: { self: ["softmax", "outside", "inside"] },
  }),
} satisfies OpTable;
