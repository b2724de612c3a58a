/**
 * The fused attention kernels of eager PyTorch on CUDA: what each makes and keeps.
 *
 * Source  aten/src/ATen/native/transformers/cuda/attention.cu, attention_backward.cu, flash_attn/flash_api.cpp,
 *         mem_eff_attention/kernel_backward.h
 * `B` batch, `H` heads, `L` query length, `S` key length, `E` head size.
 */
import { dense, type TensorSpec } from "../../../ir/tensor.js";
import { iterate } from "../../../ops/layout.js";
import {
  contiguous,
  type Device,
  elementwise,
  fresh,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  transposed,
} from "../kernel.js";
import { reductionKernels } from "../reduction.js";
import { isHalf } from "./backend.js";

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
