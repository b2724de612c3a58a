/** Operators that only PyTorch's dispatcher knows: what its composite operators are made of. */
import { dense } from "../../ir/tensor.js";
import { iterate } from "../../ops/layout.js";
import { int, ints, joint, type OpTable, op } from "../../ops/rule.js";
import { distances } from "../../ops/distances.js";
import { fouriers } from "../../ops/fourier.js";
import { normalizations } from "../../ops/normalization.js";
import { reductions } from "../../ops/reduction.js";
import { randoms } from "../../ops/random.js";
import { cellPrimitives } from "./recurrent-cells.js";
import { recurrentPrimitives } from "./recurrent.js";
import { views } from "../../ops/views.js";

/** log-sum-exp rows are padded to this for the backward kernel. mem_eff_attention/kernel_forward.h kAlignLSE. */
const ROW_ALIGNMENT = 32;

export const PRIMITIVES = {
  ...recurrentPrimitives,
  ...cellPrimitives,
  cudnnBatchNorm: normalizations.batchNorm,
  /** Without cuDNN the statistics are kept in evaluation too. */
  nativeBatchNorm: op({
    inputs: ["input", "weight?", "bias?", "running_mean?", "running_var?"],
    outputs: ["result", "save_mean", "save_var"],
    infer: ({ input }) => {
      const saved = dense([input.shape[1] as number], "float32");
      return [input, saved, saved];
    },
    backward: joint(
      ["input", "weight", "bias"],
      ["input", "weight", "running_mean", "running_var", "save_mean", "save_var"],
    ),
  }),
  /** Rows that are masked out altogether give zeros. */
  safeSoftmax: reductions.softmax,
  plainSoftmax: reductions.softmax,
  plainLogSoftmax: reductions.logSoftmax,
  nativeDropout: randoms.dropout,
  /** A transform of complex numbers, over all dims at once. */
  complexTransform: fouriers.fft,
  /** Overlapping windows of the last dim: [… T] → [… windows, size]. */
  frames: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const [size, hop] = [int(attributes, "size", 1), int(attributes, "hop", 1)];
      const last = self.strides.at(-1) as number;
      const count = 1 + Math.floor(((self.shape.at(-1) as number) - size) / hop);
      return {
        shape: [...self.shape.slice(0, -1), count, size],
        strides: [...self.strides.slice(0, -1), hop * last, last],
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  /** Euclidean distances of rows by a matrix product, and any others one by one: [… P, M], [… R, M] → [… P, R]. */
  euclideanDistances: op({
    inputs: ["x1", "x2"],
    outputs: ["result"],
    infer: ({ x1, x2 }) => dense([...x1.shape.slice(0, -1), x2.shape.at(-2) as number], x1.dtype),
    backward: joint(["x1", "x2"], ["x1", "x2", "result"]),
  }),
  rowDistances: distances.cdist,
  /** Slopes of what is below zero are drawn into the noise. */
  rreluWithNoise: op({
    inputs: ["self", "noise"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], self.dtype),
    backward: { self: ["noise", "self"] },
  }),
  unsafeView: views.view,
  asStrided: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => ({ ...self, strides: ints(attributes, "stride", self.strides) }),
    backward: { self: [] },
    aliases: "self",
  }),
  efficientAttention: op({
    inputs: ["query", "key", "value", "attn_mask?"],
    outputs: ["output", "log_sumexp", "philox_seed", "philox_offset"],
    infer: ({ query, value }, attributes) => {
      const [B, H, L] = query.shape as [number, number, number];
      const E = value.shape[3] as number;
      const [Hs, Ls] = [E, H * E];
      const result = { shape: [B, H, L, E], strides: [L * Ls, Hs, Ls, 1], dtype: query.dtype };
      // made only for backward: attention.cpp should_compute_logsumexp
      const rows = attributes.compute_log_sumexp === false ? 0 : Math.ceil(L / ROW_ALIGNMENT) * ROW_ALIGNMENT;
      const sums = dense([B, H, rows], "float32");
      const counter = dense([], "int64");
      // with dropout the random state stays on the host; without it, two unused counters are made on the device
      return typeof attributes.dropout_p === "number" && attributes.dropout_p > 0
        ? [result, sums]
        : [result, sums, counter, counter];
    },
    backward: joint(
      ["query", "key", "value", "attn_mask"],
      ["query", "key", "value", "attn_mask", "output", "log_sumexp", "philox_seed", "philox_offset"],
    ),
  }),
  cudnnAttention: op({
    inputs: ["query", "key", "value", "attn_mask?"],
    outputs: ["output", "logsumexp", "philox_seed", "philox_offset"],
    infer: ({ query, value }) => {
      const [B, H, L] = query.shape as [number, number, number];
      // the query's order of dims. cudnn/MHA.cpp alloc_with_matching_layout
      const out = iterate([{ ...query, shape: [B, H, L, value.shape[3] as number] }], query.dtype);
      const counter = dense([], "int64");
      return [out, dense([B, H, L, 1], "float32"), counter, counter];
    },
    backward: joint(
      ["query", "key", "value", "attn_mask"],
      ["query", "key", "value", "attn_mask", "output", "logsumexp", "philox_seed", "philox_offset"],
    ),
  }),
  flashAttention: op({
    inputs: ["query", "key", "value"],
    outputs: ["output", "logsumexp", "rng_state", "unused"],
    infer: ({ query }) => {
      const out = iterate([query], query.dtype);
      const sums = dense(query.shape.slice(0, 3), "float32");
      return [out, sums, dense([2], "uint64"), dense([], "uint64")];
    },
    backward: joint(
      ["query", "key", "value"],
      ["query", "key", "value", "output", "logsumexp", "rng_state", "unused"],
    ),
  }),
} satisfies OpTable;
