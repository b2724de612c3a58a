/** Losses. `reduction` 1 is the mean, 2 the sum, 0 none (aten/src/ATen/core/Reduction.h). */
import type { Attributes } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { iterate } from "./layout.js";
import { broadcastAll, int, type OpRule, type OpTable, op } from "./rule.js";

const reduces = (attributes: Attributes) => int(attributes, "reduction", 1) !== 0;

/** A loss of two tensors of one shape. */
function pointwise(reads: {
  self: readonly ("self" | "target")[];
  target?: readonly ("self" | "target")[];
}): OpRule {
  return op({
    inputs: ["self", "target"],
    outputs: ["result"],
    infer: ({ self, target }, attributes) =>
      reduces(attributes) ? dense([], self.dtype) : iterate([self, target], self.dtype),
    backward: { self: reads.self, target: reads.target ?? reads.self },
  });
}

/** The dims a class loss keeps without reduction: all but the classes. */
function perSample(self: TensorSpec): readonly number[] {
  return self.shape.length === 1 ? [] : [self.shape[0] as number, ...self.shape.slice(2)];
}

export const losses = {
  crossEntropy: op({
    inputs: ["self", "target", "weight?"],
    outputs: ["result"],
    infer: ({ self }, attributes) => dense(reduces(attributes) ? [] : perSample(self), self.dtype),
    backward: { self: ["self", "target", "weight"] },
  }),
  nllLoss: op({
    inputs: ["self", "target", "weight?"],
    outputs: ["result", "total_weight"],
    infer: ({ self }, attributes) => [
      dense(reduces(attributes) ? [] : perSample(self), self.dtype),
      dense([], self.dtype),
    ],
    backward: { self: ["self", "target", "weight", "total_weight"] },
  }),
  nllLoss2d: op({
    inputs: ["self", "target", "weight?"],
    outputs: ["result", "total_weight"],
    infer: ({ self }, attributes) => [
      dense(reduces(attributes) ? [] : perSample(self), self.dtype),
      dense([], self.dtype),
    ],
    backward: { self: ["self", "target", "weight", "total_weight"] },
  }),
  /** Connectionist temporal classification of [T, B, V], a loss per sample. */
  ctcLoss: op({
    inputs: ["log_probs", "targets"],
    outputs: ["result", "log_alpha"],
    infer: ({ log_probs }, attributes) => {
      const [T, B] = log_probs.shape as readonly [number, number, number];
      const states = 2 * int(attributes, "max_target_length", 0) + 1; // a blank around each letter
      return [dense([B], log_probs.dtype), dense([B, T, states], log_probs.dtype)];
    },
    backward: { log_probs: ["log_probs", "targets", "result", "log_alpha"] },
  }),
  /** The product with the head's weight and its cross-entropy, a few rows at a time; `kind` is whose code. [T, D], [V, D], [T] */
  linearLoss: op({
    inputs: ["input", "weight", "bias?", "target"],
    outputs: ["result"],
    infer: ({ input }, attributes) => dense([], attributes.kind === "linear" ? input.dtype : "float32"),
    backward: { input: ["weight"], weight: ["input"], bias: [] },
  }),
  /** A loss whose gradients were made along with it: backward hands them out. */
  givenGradients: op({
    inputs: ["loss", "input", "weight?", "toInput?", "toWeight?"],
    outputs: ["result"],
    infer: ({ loss }) => loss,
    backward: { input: ["toInput"], weight: ["toWeight"] },
    aliases: "loss",
  }),
  mseLoss: pointwise({ self: ["self", "target"] }),
  l1Loss: pointwise({ self: ["self", "target"] }),
  smoothL1Loss: pointwise({ self: ["self", "target"] }),
  huberLoss: pointwise({ self: ["self", "target"] }),
  binaryCrossEntropy: op({
    inputs: ["self", "target", "weight?"],
    outputs: ["result"],
    infer: ({ self, target }, attributes) =>
      reduces(attributes) ? dense([], self.dtype) : iterate([self, target], self.dtype),
    backward: { self: ["self", "target", "weight"], target: ["self", "target", "weight"] },
  }),
  binaryCrossEntropyWithLogits: op({
    inputs: ["self", "target", "weight?", "pos_weight?"],
    outputs: ["result"],
    infer: ({ self, target }, attributes) =>
      reduces(attributes) ? dense([], self.dtype) : dense(broadcastAll([self, target]), self.dtype),
    backward: {
      self: ["self", "target", "weight", "pos_weight"],
      target: ["self", "target", "weight", "pos_weight"],
    },
  }),
  poissonNllLoss: pointwise({ self: ["self", "target"] }),
  marginRankingLoss: op({
    inputs: ["input1", "input2", "target"],
    outputs: ["result"],
    infer: ({ input1, input2, target }, attributes) =>
      reduces(attributes)
        ? dense([], input1.dtype)
        : dense(broadcastAll([input1, input2, target]), input1.dtype),
    backward: { input1: ["target"], input2: ["target"] },
  }),
  multiMarginLoss: op({
    inputs: ["self", "target", "weight?"],
    outputs: ["result"],
    infer: ({ self }, attributes) => dense(reduces(attributes) ? [] : self.shape.slice(0, -1), self.dtype),
    backward: { self: ["self", "target", "weight"] },
  }),
  klDiv: pointwise({ self: ["target"], target: ["self", "target"] }),
} satisfies OpTable;
