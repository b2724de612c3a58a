/** Distances and likenesses of vectors, and the losses that are made of them. */
import type { Attributes } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { broadcastAll, flag, int, type OpTable, op, ShapeError } from "./rule.js";

/** One number per vector along `dim`. */
function along(operands: readonly TensorSpec[], dim: number, keep: boolean): TensorSpec {
  const shape = broadcastAll(operands);
  const at = dim < 0 ? dim + shape.length : dim;
  const rest = keep ? shape.map((size, i) => (i === at ? 1 : size)) : shape.filter((_, i) => i !== at);
  return dense(rest, (operands[0] as TensorSpec).dtype);
}

/** The mean or sum over samples, or all of them. `reduction` as in loss.ts */
const perSample = (samples: TensorSpec, attributes: Attributes): TensorSpec =>
  int(attributes, "reduction", 1) === 0 ? samples : dense([], samples.dtype);

export const distances = {
  pairwiseDistance: op({
    inputs: ["x1", "x2"],
    outputs: ["result"],
    infer: ({ x1, x2 }, attributes) => along([x1, x2], -1, flag(attributes, "keepdim")),
    backward: { x1: ["x1", "x2", "result"], x2: ["x1", "x2", "result"] },
  }),
  cosineSimilarity: op({
    inputs: ["x1", "x2"],
    outputs: ["result"],
    infer: ({ x1, x2 }, attributes) => along([x1, x2], int(attributes, "dim", 1), false),
    backward: { x1: ["x1", "x2"], x2: ["x1", "x2"] },
  }),
  /** Every row of one with every row of the other: [… P, M], [… R, M] → [… P, R]. */
  cdist: op({
    inputs: ["x1", "x2"],
    outputs: ["result"],
    infer: ({ x1, x2 }) => {
      if (x1.shape.length < 2 || x2.shape.length < 2 || x1.shape.at(-1) !== x2.shape.at(-1))
        throw new ShapeError("two matrices with rows of one length", `[${x1.shape}] and [${x2.shape}]`);
      const batch = broadcastAll([x1, x2].map((spec) => ({ ...spec, shape: spec.shape.slice(0, -2) })));
      return dense([...batch, x1.shape.at(-2) as number, x2.shape.at(-2) as number], x1.dtype);
    },
    backward: { x1: ["x1", "x2", "result"], x2: ["x1", "x2", "result"] },
  }),
  cosineEmbeddingLoss: op({
    inputs: ["input1", "input2", "target"],
    outputs: ["result"],
    infer: ({ input1, target }, attributes) => perSample(dense(target.shape, input1.dtype), attributes),
    backward: { input1: ["input1", "input2", "target"], input2: ["input1", "input2", "target"] },
  }),
  tripletMarginLoss: op({
    inputs: ["anchor", "positive", "negative"],
    outputs: ["result"],
    infer: ({ anchor, positive }, attributes) => perSample(along([anchor, positive], -1, false), attributes),
    backward: {
      anchor: ["anchor", "positive", "negative"],
      positive: ["anchor", "positive"],
      negative: ["anchor", "negative"],
    },
  }),
  hingeEmbeddingLoss: op({
    inputs: ["self", "target"],
    outputs: ["result"],
    infer: ({ self, target }, attributes) =>
      perSample(dense(broadcastAll([self, target]), self.dtype), attributes),
    backward: { self: ["self", "target"] },
  }),
  softMarginLoss: op({
    inputs: ["self", "target"],
    outputs: ["result"],
    infer: ({ self, target }, attributes) =>
      perSample(dense(broadcastAll([self, target]), self.dtype), attributes),
    backward: { self: ["self", "target"] },
  }),
  multilabelMarginLoss: op({
    inputs: ["self", "target"],
    outputs: ["result", "is_target"],
    infer: ({ self }, attributes) => [
      perSample(dense(self.shape.slice(0, -1), self.dtype), attributes),
      dense(self.shape, self.dtype),
    ],
    backward: { self: ["self", "target", "is_target"] },
  }),
} satisfies OpTable;
