/**
 * Scaled dot-product attention of eager PyTorch on CUDA: which kernel is chosen and what it keeps.
 *
 * Source  aten/src/ATen/native/transformers/cuda/sdp_utils.cpp (select_sdp_backend), attention.cu,
 *         attention_backward.cu, mem_eff_attention/kernel_backward.h
 * `B` batch, `H` heads, `L` query length, `S` key length, `E` head size.
 */
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { flag } from "../../ops/rule.js";
import { reductionKernels } from "./reduction.js";
import {
  contiguous,
  elementwise,
  fresh,
  given,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  optional,
  type Traced,
  type Tracer,
  transposed,
} from "./kernel.js";

/** Head columns that one block of the backward kernel accumulates. kernel_backward.h MatmulGradQ::ThreadblockShape::kN */
const GRADIENT_COLUMNS = 64;
/** A block's lock and counter before its accumulator. kernel_backward.h GradQTempStorage */
const GRADIENT_HEADER = 16;

/** Bytes of the float32 accumulators of the query gradient: 128 rows a block for head sizes of 65 to 128, else 64. */
function gradientAccumulator(B: number, H: number, L: number, E: number): number {
  const rows = E > 64 && E <= 128 ? 128 : 64; // cutlassB_f32_aligned_64x64_k64, 128x64_k128, 64x64_k65536
  const blocks = Math.ceil(L / rows) * Math.ceil(E / GRADIENT_COLUMNS);
  return B * H * blocks * (rows * GRADIENT_COLUMNS * 4 + GRADIENT_HEADER);
}

/** attention_backward.cu: "force alignment for the last dim" of grad_bias. */
const GRADIENT_BIAS_ALIGNMENT = 16;

const up = (size: number, to: number) => Math.ceil(size / to) * to;

export const attentionKernels = {
  safeSoftmax: {
    forward: (kernel, { inputs, outputs }) => {
      const self = inputs.self as Held;
      const out = kernel.empty(outputs[0] as TensorSpec);
      const masked = elementwise(kernel, [self], "bool");
      fresh(kernel, [...masked.spec.shape.slice(0, -1), 1], "bool");
      fresh(kernel, [], self.spec.dtype);
      return [out];
    },
    backward: reductionKernels.softmax.backward,
  },
  efficientAttention: {
    forward: (kernel, { outputs }) => {
      const [out, lse, seed, offset] = outputs as readonly TensorSpec[];
      const made: Held[] = [];
      if (seed && offset) made.push(kernel.empty(seed), kernel.empty(offset));
      const [result, sums] = [
        kernel.empty(dense(heads(out as TensorSpec), (out as TensorSpec).dtype)),
        kernel.empty(lse as TensorSpec),
      ];
      return [transposed(result, 1, 2), sums, ...made];
    },
    backward: (kernel, call) => {
      const { query, key, value, output, attn_mask } = call.saved as Record<string, Held>;
      const [q, k, v] = [query as Held, key as Held, value as Held];
      const grad = transposed(call.grads[0] as Held, 1, 2);
      const solid = contiguous(kernel, grad);
      const like = (tensor: Held) => transposed(fresh(kernel, heads(tensor.spec), tensor.spec.dtype), 1, 2);
      const gradients = [like(q), like(k), like(v)];
      const bias = attn_mask && call.needs[3] ? paddedBias(kernel, attn_mask.spec) : null;
      const [B, H, L, E] = q.spec.shape as [number, number, number, number];
      const product = elementwise(kernel, [grad, transposed(output as Held, 1, 2)], "float32");
      const sum = fresh(kernel, [B, L, H], "float32");
      const delta = H > 1 && L > 1 ? fresh(kernel, [B, H, L], "float32") : null;
      if (delta) kernel.free(sum);
      kernel.free(product);
      const scratch = kernel.scratch(gradientAccumulator(B, H, L, E));
      kernel.free(delta ?? sum);
      kernel.free(scratch);
      if (solid !== grad) kernel.free(solid);
      return [...gradients, ...(call.needs.length > 3 ? [bias] : [])].map((tensor, i) =>
        call.needs[i] ? tensor : null,
      );
    },
  },
} satisfies Record<string, KernelRule>;

/** The mask's gradient has rows of a multiple of 16 elements and shows the part that is asked for. */
function paddedBias(kernel: Kernel, { shape, dtype }: TensorSpec): Held {
  const row = shape[shape.length - 1] as number;
  const whole = fresh(kernel, [...shape.slice(0, -1), up(row, GRADIENT_BIAS_ALIGNMENT)], dtype);
  return { spec: { shape, strides: whole.spec.strides, dtype }, storage: whole.storage };
}

/** [B, H, L, E] → [B, L, H, E] */
function heads({ shape }: TensorSpec): number[] {
  const [B, H, L, E] = shape as [number, number, number, number];
  return [B, L, H, E];
}

/** Shapes the fused kernels take: four dims, and a head size the vector loads divide. */
function fits(query: TensorSpec, value: TensorSpec): boolean {
  const aligned = (spec: TensorSpec) =>
    ((spec.shape[spec.shape.length - 1] as number) * 4) % 16 === 0 &&
    spec.strides[spec.strides.length - 1] === 1;
  return query.shape.length === 4 && aligned(query) && aligned(value);
}

export const lowerAttention: Lowering = (trace, inputs, attributes) => {
  const [query, key, value] = [given(inputs, "query"), given(inputs, "key"), given(inputs, "value")];
  const mask = optional(inputs, "attn_mask");
  if (query.spec.shape.length === 3) {
    const open = (tensor: Traced) => trace.call("unsqueeze", { self: tensor }, { dim: 0 });
    const wide = trace.call(
      "scaledDotProductAttention",
      {
        query: open(query),
        key: open(key),
        value: open(value),
        attn_mask: mask && mask.spec.shape.length === 3 ? open(mask) : mask,
      },
      attributes,
    );
    return trace.call("squeeze", { self: wide }, { dim: 0 });
  }
  const dropout = typeof attributes.dropout_p === "number" ? attributes.dropout_p : 0;
  if (!fits(query.spec, value.spec))
    return mathAttention(trace, query, key, value, mask, attributes, dropout);
  const bias = mask ? preparedMask(trace, mask, query, key) : null;
  return trace.call("efficientAttention", { query, key, value, attn_mask: bias }, { dropout_p: dropout });
};

/** A mask becomes a float bias, with rows padded to eight elements and cut back, and is expanded over batch and heads. */
function preparedMask(trace: Tracer, mask: Traced, query: Traced, key: Traced): Traced {
  let bias = mask;
  if (mask.spec.dtype === "bool")
    bias = trace.call("where", { condition: mask, self: scalar(trace, query), other: scalar(trace, query) });
  const S = bias.spec.shape[bias.spec.shape.length - 1] as number;
  if (S % 8 !== 0) {
    const padded = trace.call("pad", { self: bias }, { pad: [0, 8 - (S % 8)] });
    bias = trace.call("slice", { self: padded }, { dim: -1, start: 0, end: S });
  }
  const [B, H, L] = query.spec.shape as [number, number, number];
  return trace.call("expand", { self: bias }, { size: [B, H, L, key.spec.shape[2] as number] });
}

const scalar = (trace: Tracer, like: Traced) =>
  trace.call("create", {}, { size: [], dtype: like.spec.dtype });

/** _scaled_dot_product_attention_math: both operands scaled by the square root, softmax, dropout, product. */
function mathAttention(
  trace: Tracer,
  query: Traced,
  key: Traced,
  value: Traced,
  mask: Traced | null,
  attributes: Parameters<Lowering>[2],
  dropout: number,
): Traced {
  const scale = Math.sqrt(1 / Math.sqrt(query.spec.shape[query.spec.shape.length - 1] as number));
  const q = trace.call("mul", { self: query }, { other: scale });
  const k = trace.call(
    "mul",
    { self: trace.call("transpose", { self: key }, { dim0: -2, dim1: -1 }) },
    { other: scale },
  );
  let scores = trace.call("matmul", { self: q, other: k });
  trace.drop(k); // the scaled key is part of that expression; the scaled query is a local of the function
  if (mask) scores = trace.call("add", { self: scores, other: mask }, { inPlace: true });
  if (flag(attributes, "is_causal"))
    scores = trace.call(
      "maskedFill",
      { self: scores, mask: trace.call("create", {}, { size: scores.spec.shape.slice(-2), dtype: "bool" }) },
      { inPlace: true },
    );
  let weights = trace.call("safeSoftmax", { self: scores }, { dim: -1 });
  trace.drop(scores);
  if (dropout > 0) weights = trace.call("dropout", { input: weights }, { p: dropout, train: true });
  return trace.call("matmul", { self: weights, other: value });
}
