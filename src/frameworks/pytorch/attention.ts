/**
 * Scaled dot-product attention of eager PyTorch on CUDA: which kernel is chosen and what it keeps.
 *
 * Source  aten/src/ATen/native/transformers/cuda/sdp_utils.cpp (select_sdp_backend), attention.cu,
 *         attention_backward.cu, mem_eff_attention/kernel_backward.h
 * `B` batch, `H` heads, `L` query length, `S` key length, `E` head size.
 */
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { iterate } from "../../ops/layout.js";
import { flag } from "../../ops/rule.js";
import { reductionKernels } from "./reduction.js";
import {
  contiguous,
  type Device,
  elementwise,
  fresh,
  given,
  gradOf,
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
    backward: reductionKernels.plainSoftmax.backward,
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
      const grouped = k.spec.shape[1] !== H;
      const shared = grouped ? [k, v].map((tensor) => ungrouped(kernel, tensor, H)) : [];
      const delta = rowProducts(kernel, grad, transposed(output as Held, 1, 2), [B, H, L]);
      const scratch = kernel.scratch(gradientAccumulator(B, H, L, E));
      kernel.free(delta);
      kernel.free(scratch);
      for (const tensor of shared.reverse()) kernel.free(tensor);
      if (solid !== grad) kernel.free(solid);
      return [...gradients, ...(call.needs.length > 3 ? [bias] : [])].map((tensor, i) =>
        call.needs[i] ? tensor : null,
      );
    },
  },
  /** Scratch of the gradient: a float32 query gradient and a number per row. Recorded on compute capability 9.0. */
  cudnnAttention: {
    forward: (kernel, { outputs }) => {
      const [out, lse, seed, offset] = outputs as [TensorSpec, TensorSpec, TensorSpec, TensorSpec];
      const random = [kernel.empty(seed), kernel.empty(offset)];
      return [kernel.empty(out), kernel.empty(lse), ...random];
    },
    backward: (kernel, call) => {
      const { query, key, value } = call.saved as Record<string, Held>;
      const like = (tensor: Held) => kernel.empty(iterate([tensor.spec], tensor.spec.dtype));
      const made = [like(query as Held), like(key as Held), like(value as Held)];
      const [B, H, L, E] = (query as Held).spec.shape as [number, number, number, number];
      kernel.free(kernel.scratch(B * H * L * (E + 1) * 4));
      return call.needs.map((need, i) => (need ? (made[i] ?? null) : null));
    },
  },
  flashAttention: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const [out, lse, state, unused] = outputs as [TensorSpec, TensorSpec, TensorSpec, TensorSpec];
      const dropout = typeof attributes.dropout_p === "number" ? attributes.dropout_p : 0;
      const result = kernel.empty(out);
      const sums = kernel.empty(lse);
      const splits = dropout === 0 ? keySplits(out, (inputs.key as Held).spec, kernel.device) : 1;
      const parts = splits > 1 ? partialResults(kernel, out, splits) : [];
      let random = kernel.empty(state);
      const empty = kernel.empty(unused);
      if (dropout > 0) {
        const next = kernel.empty(state); // made again for the state that dropout reads
        kernel.free(random);
        random = next;
      }
      for (const part of parts) kernel.free(part);
      return [result, sums, random, empty];
    },
    backward: (kernel, call) => {
      const { query, key, value, output } = call.saved as Record<string, Held>;
      const [q, k, v] = [query as Held, key as Held, value as Held];
      const grad = contiguous(kernel, transposed(gradOf(call), 1, 2));
      const out = contiguous(kernel, transposed(output as Held, 1, 2));
      const like = (tensor: Held) =>
        transposed(kernel.empty(iterate([transposed(tensor, 1, 2).spec], tensor.spec.dtype)), 1, 2);
      const gradients = [like(q), like(k), like(v)];
      const [B, H, L, E] = q.spec.shape as [number, number, number, number];
      const rows = up(L, ROWS);
      const delta = fresh(kernel, [B, H, rows], "float32");
      const accumulator = fresh(kernel, [B, rows, H, roundedHead(E)], "float32");
      const shared = k.spec.shape[1] === H ? [] : [k, v].map((tensor) => ungrouped(kernel, tensor, H));
      for (const tensor of shared.reverse()) kernel.free(tensor);
      kernel.free(accumulator);
      kernel.free(delta);
      if (out.storage !== (output as Held).storage) kernel.free(out);
      if (grad.storage !== gradOf(call).storage) kernel.free(grad);
      return gradients.map((tensor, i) => (call.needs[i] ? tensor : null));
    },
  },
} satisfies Record<string, KernelRule>;

/** Query rows of a block of the flash kernels. flash_api.cpp seqlen_q_rounded */
const ROWS = 128;
/** flash_api.cpp head_size_rounded */
const roundedHead = (E: number) => up(E, E <= 128 ? 32 : 64);
/** Query rows of a block when keys are split. flash_api.cpp set_params_splitkv num_m_blocks */
const SPLIT_ROWS = 64;
const MOST_SPLITS = 128;

/** Parts the keys are split into so that few queries still fill the device. flash_api.cpp num_splits_heuristic */
function keySplits(query: TensorSpec, key: TensorSpec, { multiprocessors }: Device): number {
  const [B, H, L, E] = query.shape as [number, number, number, number];
  const columns = E <= 64 ? 256 : E <= 128 ? 128 : 64;
  const blocks = Math.ceil((key.shape[2] as number) / columns);
  const work = B * H * Math.ceil(L / SPLIT_ROWS);
  const processors = 2 * multiprocessors; // blocks of 128 threads
  if (work >= 0.8 * processors) return 1;
  const most = Math.min(MOST_SPLITS, processors, blocks);
  const efficiency: number[] = [];
  for (let splits = 1; splits <= most; splits++) {
    const waves = (work * splits) / processors;
    const eligible = splits === 1 || Math.ceil(blocks / splits) !== Math.ceil(blocks / (splits - 1));
    efficiency.push(eligible ? waves / Math.ceil(waves) : 0);
  }
  const best = Math.max(...efficiency);
  return 1 + efficiency.findIndex((value) => value > 0 && value >= 0.85 * best);
}

function partialResults(kernel: Kernel, { shape }: TensorSpec, splits: number): Held[] {
  const [B, H, L, E] = shape as [number, number, number, number];
  return [
    fresh(kernel, [splits, B, H, L], "float32"),
    fresh(kernel, [splits, B, H, L, roundedHead(E)], "float32"),
  ];
}

/** Gradients of keys or values that several query heads share, one for each query head until they are summed. */
function ungrouped(kernel: Kernel, { spec }: Held, H: number): Held {
  const [B, , S, E] = spec.shape as [number, number, number, number];
  return fresh(kernel, [B, S, H, E], spec.dtype);
}

/** Gradient times output, summed over each row. In 16 bits the backward kernel computes it. kernel_backward.h kKernelComputesDelta */
function rowProducts(
  kernel: Kernel,
  grad: Held,
  output: Held,
  [B, H, L]: readonly [number, number, number],
): Held {
  if (isHalf(grad.spec)) return fresh(kernel, [B, H, L], "float32");
  const product = elementwise(kernel, [grad, output], "float32");
  const sum = fresh(kernel, [B, L, H], "float32");
  const delta = H > 1 && L > 1 ? fresh(kernel, [B, H, L], "float32") : null;
  if (delta) kernel.free(sum);
  kernel.free(product);
  return delta ?? sum;
}

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

/** What a call to attention looks like to the choice of its kernel. */
interface Attention {
  readonly query: TensorSpec;
  readonly key: TensorSpec;
  readonly value: TensorSpec;
  readonly mask: TensorSpec | null;
  readonly causal: boolean;
  readonly dropout: number;
  readonly training: boolean;
}

type Backend = "cudnn" | "flash" | "efficient" | "math";

/** sdp_utils.cpp priority_order, check_prefer_cudnn_attention: Hopper and data-centre Blackwell try cuDNN first. */
function chooseBackend(attention: Attention, [major, minor]: Device["computeCapability"]): Backend {
  if (attention.query.shape.length !== 4) return "math";
  if ((major === 9 || major === 10) && takenByCudnn(attention)) return "cudnn";
  if (takenByFlash(attention, major, minor)) return "flash";
  return takenByEfficient(attention, major) ? "efficient" : "math";
}

const isHalf = ({ dtype }: TensorSpec) => dtype === "float16" || dtype === "bfloat16";
const last = ({ shape }: TensorSpec) => shape[shape.length - 1] as number;
const lastDense = (spec: TensorSpec) => spec.strides[spec.strides.length - 1] === 1 || last(spec) === 1;

/** can_use_flash_attention: 16 bits on Ampere and later, no mask, one head size of at most 256. */
function takenByFlash(
  { query, key, value, mask, causal, dropout, training }: Attention,
  major: number,
  minor: number,
): boolean {
  const E = last(query);
  // check_requires_grad_and_head_dim_gt192_constraints_on_sm86_89_or_120
  const small = (major === 8 && minor >= 6) || major === 12;
  const trains = !small || !training || E <= 192 || (dropout === 0 && E > 224);
  const square = !causal || query.shape[2] === key.shape[2];
  return (
    major >= 8 &&
    isHalf(query) &&
    mask === null &&
    square &&
    E === last(key) &&
    E === last(value) &&
    E <= 256 &&
    trains &&
    [query, key, value].every(lastDense)
  );
}

/** can_use_mem_efficient_attention: rows of whole vector loads. */
function takenByEfficient({ query, key, value, mask }: Attention, major: number): boolean {
  const half = isHalf(query);
  if (half && query.dtype === "bfloat16" && major < 8) return false;
  const tensorCores = major >= 8 || (major >= 7 && half);
  const alignment = Math.max(major >= 8 ? 4 : 1, tensorCores ? (half ? 8 : 4) : 1); // minimum_gemm_alignment
  return (
    last(query) === last(key) &&
    last(query) % alignment === 0 &&
    last(value) % alignment === 0 &&
    [query, key, value, ...(mask ? [mask] : [])].every(({ strides }) => strides[strides.length - 1] === 1)
  );
}

/** can_use_cudnn_attention with cuDNN 9.24: 16 bits, head sizes of whole 16-byte loads, keys of more than one row. */
function takenByCudnn({ query, key, value, mask, dropout, training }: Attention): boolean {
  const [E, V] = [last(query), last(value)];
  const trains = !training || (E <= 128 && V <= 128) || (E === 192 && V === 128) || (E === 256 && V === 256);
  return (
    isHalf(query) &&
    Math.max(E, V) <= 256 &&
    E % 8 === 0 &&
    V % 8 === 0 &&
    trains &&
    key.shape[2] !== 1 &&
    (dropout === 0 || query.shape[2] !== 1) &&
    (dropout * 16) % 1 === 0 && // check_cudnn_dropout: probabilities are multiples of 1/16
    [query, key, value].every(lastDense) &&
    (mask === null || mask.strides[mask.strides.length - 1] === 1)
  );
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
  if (trace.device.attention === "eager")
    return eagerAttention(trace, query, key, value, mask, attributes, dropout);
  if (trace.device.attention === "math")
    return mathAttention(trace, query, key, value, mask, attributes, dropout);
  const backend = chooseBackend(
    {
      query: query.spec,
      key: key.spec,
      value: value.spec,
      mask: mask?.spec ?? null,
      causal: flag(attributes, "is_causal"),
      dropout,
      training: query.edge !== null || key.edge !== null || value.edge !== null,
    },
    trace.device.computeCapability,
  );
  if (backend === "math") return mathAttention(trace, query, key, value, mask, attributes, dropout);
  if (backend === "flash") return flashAttention(trace, query, key, value, dropout);
  const bias = mask ? preparedMask(trace, mask, query, key) : null;
  return trace.call(
    backend === "cudnn" ? "cudnnAttention" : "efficientAttention",
    { query, key, value, attn_mask: bias },
    { dropout_p: dropout },
  );
};

/** Head sizes are padded to whole 16-byte loads and the result is cut back. attention.cpp pad_last_dim<8> */
function flashAttention(trace: Tracer, query: Traced, key: Traced, value: Traced, dropout: number): Traced {
  const E = last(query.spec);
  const missing = up(E, 8) - E;
  const padded = (tensor: Traced) =>
    missing === 0 ? tensor : trace.call("pad", { self: tensor }, { pad: [0, missing] });
  const [q, k, v] = [padded(query), padded(key), padded(value)];
  const out = trace.call("flashAttention", { query: q, key: k, value: v }, { dropout_p: dropout });
  return missing === 0 ? out : trace.call("slice", { self: out }, { dim: -1, start: 0, end: E });
}

/** A mask becomes a float bias, with rows padded to eight elements and cut back, and is expanded over batch and heads. */
function preparedMask(trace: Tracer, mask: Traced, query: Traced, key: Traced): Traced {
  let bias = mask;
  if (mask.spec.dtype === "bool") bias = asBias(trace, mask, query.spec.dtype);
  const S = bias.spec.shape[bias.spec.shape.length - 1] as number;
  if (S % 8 !== 0) {
    const padded = trace.call("pad", { self: bias }, { pad: [0, 8 - (S % 8)] });
    if (bias !== mask) trace.drop(bias);
    bias = trace.call("slice", { self: padded }, { dim: -1, start: 0, end: S });
  }
  const [B, H, L] = query.spec.shape as [number, number, number];
  return trace.call("expand", { self: bias }, { size: [B, H, L, key.spec.shape[2] as number] });
}

const scalar = (trace: Tracer, dtype: Traced["spec"]["dtype"]) =>
  trace.call("create", {}, { size: [], dtype });

/** What models wrote before there was a fused operator: scaled query times keys, softmax, dropout, times values. */
function eagerAttention(
  trace: Tracer,
  query: Traced,
  key: Traced,
  value: Traced,
  mask: Traced | null,
  attributes: Parameters<Lowering>[2],
  dropout: number,
): Traced {
  const scaled = trace.call("mul", { self: query }, { other: 1 / Math.sqrt(last(query.spec)) });
  const columns = trace.call("transpose", { self: key }, { dim0: -2, dim1: -1 });
  let scores = trace.call("matmul", { self: scaled, other: columns });
  const replace = (next: Traced) => {
    trace.drop(scores);
    scores = next;
  };
  if (mask?.spec.dtype === "bool") replace(trace.call("maskedFill", { self: scores, mask }));
  else if (mask) replace(trace.call("add", { self: scores, other: mask }));
  if (flag(attributes, "is_causal")) {
    const hidden = trace.call("create", {}, { size: scores.spec.shape.slice(-2), dtype: "bool" });
    replace(trace.call("maskedFill", { self: scores, mask: hidden }));
  }
  replace(trace.call("softmax", { self: scores }, { dim: -1 }));
  if (dropout > 0) replace(trace.call("dropout", { input: scores }, { p: dropout, train: true }));
  return trace.call("matmul", { self: scores, other: value });
}

/**
 * _scaled_dot_product_attention_math: both operands scaled by the square root, softmax, dropout, product. 16-bit
 * operands are computed in float32 unless the user allows less, and the weights are cast back along with the result.
 */
function mathAttention(
  trace: Tracer,
  query: Traced,
  key: Traced,
  value: Traced,
  given: Traced | null,
  attributes: Parameters<Lowering>[2],
  dropout: number,
): Traced {
  const half = isHalf(query.spec);
  const wide = (tensor: Traced) =>
    half ? trace.call("cast", { self: tensor }, { dtype: "float32" }) : tensor;
  let mask = given?.spec.dtype === "bool" ? asBias(trace, given, query.spec.dtype) : given;
  const wideQuery = wide(query);
  let [wideKey, wideValue] = [wide(key), wide(value)];
  const copies = half ? [wideQuery, wideKey, wideValue] : [];
  const scale = Math.sqrt(1 / Math.sqrt(last(query.spec)));
  const q = trace.call("mul", { self: wideQuery }, { other: scale });
  if (flag(attributes, "is_causal")) mask = causalBias(trace, wideQuery, wideKey);
  const groups = (query.spec.shape[1] as number) / (key.spec.shape[1] as number);
  if (groups > 1) {
    const repeated = (self: Traced) => trace.call("repeatInterleave", { self }, { repeats: groups, dim: -3 });
    [wideKey, wideValue] = [repeated(wideKey), repeated(wideValue)];
    copies.push(wideKey, wideValue);
  }
  const k = trace.call(
    "mul",
    { self: trace.call("transpose", { self: wideKey }, { dim0: -2, dim1: -1 }) },
    { other: scale },
  );
  let scores = trace.call("matmul", { self: q, other: k });
  trace.drop(k); // the scaled key is part of that expression; the scaled query is a local of the function
  if (mask) scores = trace.call("add", { self: scores, other: mask }, { inPlace: true });
  let weights = trace.call("safeSoftmax", { self: scores }, { dim: -1 });
  trace.drop(scores);
  if (dropout > 0) weights = trace.call("dropout", { input: weights }, { p: dropout, train: true });
  if (half) trace.call("cast", { self: weights }, { dtype: query.spec.dtype });
  const out = trace.call("matmul", { self: weights, other: wideValue });
  if (!half) return out;
  const narrow = trace.call("cast", { self: out }, { dtype: query.spec.dtype });
  for (const local of [out, ...copies.reverse()]) trace.drop(local); // the weights are a result, and die later
  return narrow;
}

/** Minus infinity where the mask is false. attention.cpp convert_boolean_attn_mask */
function asBias(trace: Tracer, mask: Traced, dtype: Traced["spec"]["dtype"]): Traced {
  const [zero, minusInfinity] = [scalar(trace, dtype), scalar(trace, dtype)];
  const bias = trace.call("where", { condition: mask, self: zero, other: minusInfinity });
  trace.drop(minusInfinity);
  trace.drop(zero);
  return bias;
}

function causalBias(trace: Tracer, query: Traced, key: Traced): Traced {
  const size = [query.spec.shape.at(-2) as number, key.spec.shape.at(-2) as number];
  const ones = trace.call("create", {}, { size, dtype: "bool" });
  const lower = trace.call("tril", { self: ones });
  trace.drop(ones);
  const bias = asBias(trace, lower, query.spec.dtype);
  trace.drop(lower);
  return bias;
}
