/**
 * Normalizations of eager PyTorch on CUDA.
 *
 * Source  aten/src/ATen/native/Normalization.cpp (_batch_norm_impl_index), native/cudnn/BatchNorm.cpp,
 *         native/cuda/Normalization.cu, layer_norm_kernel.cu, group_norm_kernel.cu; recorded in
 *         oracle/recorded/ops-norm.json
 */
import { elements } from "../../base/shape.js";
import { isContiguous, type TensorSpec } from "../../ir/tensor.js";
import { flag, int, ints } from "../../ops/rule.js";
import {
  type BackwardCall,
  contiguous,
  fresh,
  given,
  gradOf,
  inFormatOf,
  inOwnFormat,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  optional,
  seen,
  summed,
} from "./kernel.js";

/** cuDNN's batch norm takes whole affine layers; the rest runs PyTorch's own kernels. */
export function usesCudnn(
  input: TensorSpec,
  affine: boolean,
  statistics: boolean,
  training: boolean,
): boolean {
  const limit = training ? 880_801 : 65_535; // CUDNN_BN_MAX batch, Normalization.cpp
  return affine && (statistics || training) && input.shape.length >= 3 && (input.shape[0] as number) <= limit;
}

const gradientsOf = (kernel: Kernel, call: BackwardCall, channels: number): [Held, Held] => {
  const dtype = call.saved.weight?.spec.dtype ?? "float32";
  return [fresh(kernel, [channels], dtype), fresh(kernel, [channels], dtype)];
};

/** [N, C] and the like: one channel is one element wide in memory. Normalization.cu batch_norm_use_channels_last_kernels */
function channelsInnermost(input: TensorSpec): boolean {
  return isContiguous(input) && input.strides[1] === 1;
}

/** Threads of a block, values a thread reads, and blocks along the rows. Normalization.cuh MAX_BLOCK_SIZE, ELEMENTS_PER_THREAD, MAX_H_BLOCK, OPTIMAL_TILE_W */
const LAUNCH = { threads: 512, values: 16, rows: 128, tile: 32 };
/** Fewer blocks than this along the rows do not meet in memory. flexible_launch_configs */
const FEWEST_BLOCKS = 8;

/** Partial statistics of blocks that share a channel: `parts` numbers each, and a counter per column of blocks. */
function staging(kernel: Kernel, input: TensorSpec, parts: number): void {
  const channels = input.shape[1] as number;
  const rows = elements(input.shape) / Math.max(channels, 1);
  const power = (count: number) => 2 ** Math.floor(Math.log2(Math.max(count, 1)));
  let width = Math.min(power(channels), LAUNCH.tile);
  const height = Math.min(power(Math.ceil(rows / LAUNCH.values)), LAUNCH.threads / width);
  if (width * height !== LAUNCH.threads) width = Math.min(power(channels), LAUNCH.threads / height);
  const blocks = Math.min(Math.ceil(rows / (height * LAUNCH.values)), LAUNCH.rows);
  if (blocks < FEWEST_BLOCKS) return;
  const data = kernel.scratch(parts * channels * blocks * 4);
  const counters = kernel.scratch(4 * Math.ceil(channels / width));
  kernel.free(counters);
  kernel.free(data);
}

/** Rows that one block sums, and the rows from which on blocks keep their sums apart. layer_norm_kernel.cu LaunchGammaBetaBackwardCUDAKernel; rows per block as recorded */
const TALL = { rows: 64 * 1024, perBlock: 32 };

/** Many short rows: gradients of weight and bias are summed by blocks, and the blocks' sums by another kernel into new tensors. */
function sumInBlocks(kernel: Kernel, input: TensorSpec, columns: number, out: (Held | null)[]): void {
  const rows = elements(input.shape) / Math.max(columns, 1);
  if (rows <= TALL.rows || Math.floor(columns / 32) >= Math.floor(kernel.device.multiprocessors / 2)) return;
  const blocks = [1, 2].map((i) =>
    out[i] ? fresh(kernel, [Math.ceil(rows / TALL.perBlock), columns], input.dtype) : null,
  );
  blocks.forEach((block, i) => {
    const before = out[i + 1];
    if (!block || !before) return;
    out[i + 1] = seen(summed(kernel, block, [0]), before.spec);
    kernel.free(before);
  });
  for (const block of blocks.reverse()) if (block) kernel.free(block);
}

/** Gradients nobody asked for are made all the same and dropped. */
function wanted(kernel: Kernel, call: BackwardCall, made: readonly (Held | null)[]): (Held | null)[] {
  return made.map((tensor, i) => {
    if (tensor && !call.needs[i]) kernel.free(tensor);
    return call.needs[i] ? tensor : null;
  });
}

export const normalizationKernels = {
  /** cudnn_batch_norm: one call for all three gradients. */
  cudnnBatchNorm: {
    forward: (kernel, { inputs, outputs }) => {
      const input = inputs.input as Held;
      inOwnFormat(kernel, input);
      return outputs.map((spec) => kernel.empty(spec));
    },
    backward: (kernel, call) => {
      const input = call.saved.input as Held;
      inFormatOf(kernel, gradOf(call), input.spec);
      const channels = input.spec.shape[1] as number;
      const [toInput, ...affine] = call.needs;
      if (call.attributes.training === false && toInput && !affine.includes(true)) {
        // one elementwise kernel with the inverse deviations. cuda/Normalization.cu batch_norm_elementwise_backward_eval
        const inverse = fresh(kernel, [channels], "float32");
        const out = kernel.empty(input.spec);
        kernel.free(inverse);
        return call.needs.map((_, i) => (i === 0 ? out : null));
      }
      return wanted(kernel, call, [kernel.empty(input.spec), ...gradientsOf(kernel, call, channels)]);
    },
  },
  /** native_batch_norm: sums are kept apart when channels are innermost. */
  nativeBatchNorm: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const input = (inputs.input as Held).spec;
      const made = outputs.map((spec) => kernel.empty(spec));
      if (flag(attributes, "training") && channelsInnermost(input)) staging(kernel, input, 4);
      return made;
    },
    backward: (kernel, call) => {
      const input = call.saved.input as Held;
      const channels = input.spec.shape[1] as number;
      const innermost = channelsInnermost(input.spec);
      const sums = innermost
        ? [fresh(kernel, [channels], "float32"), fresh(kernel, [channels], "float32")]
        : [];
      const affine = call.needs.slice(1).map((need) => (need ? fresh(kernel, [channels], "float32") : null));
      if (innermost) {
        staging(kernel, input.spec, 2);
        const out = call.needs[0] ? kernel.empty(input.spec) : null;
        for (const sum of sums.reverse()) kernel.free(sum);
        return [out, ...affine];
      }
      return [call.needs[0] ? kernel.empty(input.spec) : null, ...affine];
    },
  },
  weightNorm: {
    backward: (kernel, call) => {
      const made = call.inputs.map(({ shape, dtype }) => fresh(kernel, shape, dtype));
      return wanted(kernel, call, made);
    },
  },
  layerNorm: {
    forward: (kernel, { inputs, outputs }) => {
      contiguous(kernel, inputs.input as Held);
      return outputs.map((spec) => kernel.empty(spec));
    },
    backward: (kernel, call) => {
      const input = call.saved.input as Held;
      const normalized = ints(call.attributes, "normalized_shape", []);
      contiguous(kernel, input);
      const out = call.needs.map((need, i) => {
        if (!need) return null;
        return i === 0
          ? fresh(kernel, input.spec.shape, input.spec.dtype)
          : fresh(kernel, normalized, input.spec.dtype);
      });
      sumInBlocks(kernel, input.spec, elements(normalized), out);
      if (!isContiguous(gradOf(call).spec))
        kernel.free(fresh(kernel, gradOf(call).spec.shape, input.spec.dtype));
      return out;
    },
  },
  rmsNorm: {
    forward: (kernel, { inputs, outputs }) => {
      contiguous(kernel, inputs.input as Held);
      return outputs.map((spec) => kernel.empty(spec));
    },
    backward: (kernel, call) => {
      const input = call.saved.input as Held;
      const normalized = ints(call.attributes, "normalized_shape", []);
      contiguous(kernel, input);
      return call.needs.map((need, i) =>
        need ? fresh(kernel, i === 0 ? input.spec.shape : normalized, input.spec.dtype) : null,
      );
    },
  },
  groupNorm: {
    forward: (kernel, { inputs, outputs }) => {
      const input = inputs.input as Held;
      const made = outputs.map((spec) => kernel.empty(spec));
      contiguous(kernel, input);
      const [N, C] = input.spec.shape as [number, number];
      const pixels = elements(input.spec.shape.slice(2));
      // statistics are computed in float32 and then rounded
      if (input.spec.dtype !== "float32")
        for (const { shape } of outputs.slice(1)) fresh(kernel, shape, "float32");
      // scale and shift per sample and channel, folded from the statistics and the affine weights
      if (pixels > 1 && (inputs.weight || inputs.bias))
        for (let i = 0; i < 2; i++) fresh(kernel, [N, C], "float32");
      return made;
    },
    backward: (kernel, call) => {
      const input = call.saved.input as Held;
      const [N, C] = input.spec.shape as [number, number];
      const groups = int(call.attributes, "num_groups", 1);
      contiguous(kernel, gradOf(call));
      contiguous(kernel, input);
      const out = call.needs.map((need, i) =>
        need
          ? i === 0
            ? fresh(kernel, input.spec.shape, input.spec.dtype)
            : fresh(kernel, [C], input.spec.dtype)
          : null,
      );
      const scratch: Held[] = [];
      const take = (shape: readonly number[]) => scratch.push(fresh(kernel, shape, "float32"));
      if (elements(input.spec.shape.slice(2)) > 1) {
        take([N, C]);
        take([N, C]);
        if (call.needs[0]) {
          take([N, groups]);
          take([N, groups]);
          if (call.saved.weight) take([N, C]);
        }
      } else if (call.needs[0]) {
        take([N, groups]);
        take([N, groups]);
      }
      const [ds, db, ...rest] = scratch; // one dimension: GroupNorm1dBackward has the last two alone
      for (const part of rest.length === 3 ? [rest[1], rest[0], rest[2]] : rest.reverse())
        if (part) kernel.free(part);
      for (const part of [db, ds]) if (part) kernel.free(part);
      return out;
    },
  },
} satisfies Record<string, KernelRule>;

export const lowerBatchNorm: Lowering = (trace, inputs, attributes) => {
  const input = given(inputs, "input");
  const [weight, bias, mean, variance] = [
    optional(inputs, "weight"),
    optional(inputs, "bias"),
    optional(inputs, "running_mean"),
    optional(inputs, "running_var"),
  ];
  const training = flag(attributes, "training");
  const cudnn = usesCudnn(
    input.spec,
    weight !== null && bias !== null,
    mean !== null && variance !== null,
    training,
  );
  const ports = { input, weight, bias, running_mean: mean, running_var: variance };
  return trace.call(cudnn ? "cudnnBatchNorm" : "nativeBatchNorm", ports, attributes);
};

/** Each sample's channels become channels of one sample. */
export const lowerInstanceNorm: Lowering = (trace, inputs, attributes) => {
  const input = given(inputs, "input");
  const [N, C] = input.spec.shape as [number, number];
  const repeated = (tensor: ReturnType<typeof optional>) =>
    tensor ? trace.call("repeat", { self: tensor }, { repeats: [N] }) : null;
  const [weight, bias] = [repeated(optional(inputs, "weight")), repeated(optional(inputs, "bias"))];
  const [mean, variance] = [
    repeated(optional(inputs, "running_mean")),
    repeated(optional(inputs, "running_var")),
  ];
  const solid = trace.call("contiguous", { self: input });
  const wide = trace.call("view", { self: solid }, { size: [1, N * C, ...input.spec.shape.slice(2)] });
  const training = attributes.use_input_stats !== false;
  const out = trace.call(
    "batchNorm",
    { input: wide, weight, bias, running_mean: mean, running_var: variance },
    { ...attributes, training },
  );
  if (mean && variance) {
    // the running statistics of all samples are averaged back into the module's
    for (const tensor of [mean, variance])
      trace.drop(
        trace.call(
          "mean",
          { self: trace.call("view", { self: tensor }, { size: [N, C] }) },
          { dim: 0, keepdim: false },
        ),
      );
  }
  return trace.call("view", { self: out }, { size: input.spec.shape });
};
