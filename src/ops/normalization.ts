/** Normalizations: statistics are extra outputs that only backward reads. */
import { dense, type TensorSpec } from "../ir/tensor.js";
import { inFormat } from "./views.js";
import { flag, int, ints, joint, type OpTable, op } from "./rule.js";

const statistics = (self: TensorSpec) =>
  self.dtype === "float16" || self.dtype === "bfloat16" ? "float32" : self.dtype;

export const normalizations = {
  /** Training statistics of a channel: mean and inverse deviation. With running statistics only, none. */
  batchNorm: op({
    inputs: ["input", "weight?", "bias?", "running_mean?", "running_var?"],
    outputs: ["result", "save_mean", "save_var"],
    infer: ({ input }, attributes) => {
      const channels = flag(attributes, "training") ? [input.shape[1] as number] : [0];
      const saved = dense(channels, statistics(input));
      return [inFormat(input, "preserve"), saved, saved];
    },
    backward: joint(
      ["input", "weight", "bias"],
      ["input", "weight", "running_mean", "running_var", "save_mean", "save_var"],
    ),
  }),
  layerNorm: op({
    inputs: ["input", "weight?", "bias?"],
    outputs: ["result", "mean", "rstd"],
    infer: ({ input }, attributes) => {
      const normalized = ints(attributes, "normalized_shape", []).length;
      const rows = input.shape.map((size, dim) => (dim < input.shape.length - normalized ? size : 1));
      const saved = dense(rows, statistics(input));
      return [dense(input.shape, input.dtype), saved, saved];
    },
    backward: joint(["input", "weight", "bias"], ["input", "weight", "bias", "mean", "rstd"]),
  }),
  groupNorm: op({
    inputs: ["input", "weight?", "bias?"],
    outputs: ["result", "mean", "rstd"],
    infer: ({ input }, attributes) => {
      const saved = dense([input.shape[0] as number, int(attributes, "num_groups", 1)], input.dtype);
      return [dense(input.shape, input.dtype), saved, saved];
    },
    backward: joint(["input", "weight", "bias"], ["input", "weight", "mean", "rstd"]),
  }),
  /** A weight as direction and length, in one kernel. */
  weightNorm: op({
    inputs: ["v", "g"],
    outputs: ["result", "norms"],
    infer: ({ v, g }) => [dense(v.shape, v.dtype), dense(g.shape, "float32")],
    backward: joint(["v", "g"], ["v", "g", "norms"]),
  }),
  instanceNorm: op({
    inputs: ["input", "weight?", "bias?", "running_mean?", "running_var?"],
    outputs: ["result"],
    infer: ({ input }) => dense(input.shape, input.dtype),
    backward: joint(["input", "weight", "bias"], ["input", "weight"]),
  }),
  rmsNorm: op({
    inputs: ["input", "weight?"],
    outputs: ["result", "rstd"],
    infer: ({ input }, attributes) => {
      const normalized = ints(attributes, "normalized_shape", []).length;
      const rows = input.shape.map((size, dim) => (dim < input.shape.length - normalized ? size : 1));
      return [dense(input.shape, input.dtype), dense(rows, statistics(input))];
    },
    backward: joint(["input", "weight"], ["input", "weight", "rstd"]),
  }),
} satisfies OpTable;
