/** Indexing of eager PyTorch on CUDA. Source: native/cuda/Indexing.cu, Embedding.cu; oracle/recorded/ops-views.json */
import { elements } from "../../base/shape.js";
import { isContiguous, type TensorSpec } from "../../ir/tensor.js";
import { broadcastAll } from "../../ops/broadcast.js";
import { expanded, sameStrides } from "../../ops/views.js";
import {
  contiguous,
  elementwise,
  fresh,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
} from "./kernel.js";

/** Keys a single block sorts without temporary memory. cub DispatchRadixSort, single-tile policy of sm80. */
const SINGLE_TILE = 2304;
/** Keys of one tile of the one-sweep sort, and the bytes of its look-back table. */
const TILE = 3840;
const LOOK_BACK = 1024;
/** 256 bins of eight bytes for each eight bits of the key. */
const PASS_BITS = 8;
const PASS_BINS = 2048;
/** Rounding of the parts to their alignment, as cub::AliasTemporaries asks for it. */
const ALIGNMENT = 256;
/** cub's run-length encoding of few keys: one tile's look-back. */
const RUN_LENGTH = 1279;
/** And of its selection of what a mask shows. */
const SELECTED = 1023;

/**
 * Temporary bytes of a radix sort of `count` int64 keys with their int64 values; the largest key is `largest`.
 * cub one-sweep; sizes equal the ones recorded for 100 to 1,000,000 keys of 1 and 2 passes.
 */
export function radixSortBytes(count: number, largest: number): number {
  if (count <= SINGLE_TILE) return 1;
  const bits = Math.floor(Math.log2(Math.max(largest, 1))) + 1;
  const passes = Math.ceil(bits / PASS_BITS);
  const copies = passes > 1 ? 2 * Math.ceil((8 * count) / ALIGNMENT) * ALIGNMENT : 0;
  return 2 * ALIGNMENT - 1 + passes * PASS_BINS + Math.ceil(count / TILE) * LOOK_BACK + copies;
}

interface Scattered {
  readonly count: number;
  readonly rows: number;
  readonly values: Held;
  /** Index tensors: each adds its part to the linear index of the first. */
  readonly tensors: number;
}

/** Scratch of index_put_ with accumulation: the linear index, its order, and a sort of both. */
function sortedIndices(kernel: Kernel, { count, rows, values, tensors }: Scattered): void {
  const indices = () => fresh(kernel, [count], "int64");
  for (let i = 0; i < tensors; i++) {
    const wrapped = indices();
    const part = indices();
    kernel.free(wrapped);
    if (i > 0) kernel.free(part);
  }
  contiguous(kernel, values);
  for (let i = 0; i < 3; i++) indices();
  kernel.scratch(radixSortBytes(count, rows - 1));
}

interface SortedEmbedding {
  readonly count: number;
  readonly weight: TensorSpec;
  readonly dtype: TensorSpec["dtype"];
  /** Gradients are divided by how often an index occurs. */
  readonly byFrequency: boolean;
  /** Of embedding_bag, which never adds long segments up in place. */
  readonly bag: boolean;
}

/** The gradient where rows are sorted and summed by segment. native/cuda/EmbeddingBackwardKernel.cu */
function sortedEmbedding(kernel: Kernel, { count, weight, dtype, byFrequency, bag }: SortedEmbedding): Held {
  const [rows, width] = weight.shape as [number, number];
  const indices = () => fresh(kernel, [count], "int64");
  indices();
  indices();
  const order = indices();
  kernel.free(kernel.scratch(radixSortBytes(count, rows - 1)));
  kernel.free(order);
  if (byFrequency) {
    indices();
    for (let scan = 0; scan < 2; scan++) kernel.free(kernel.scratch(RUN_LENGTH));
  }
  const out = fresh(kernel, weight.shape, dtype);
  const segments = Math.min(count, rows);
  const partials = Math.floor(count / PARTIAL_SEGMENT) + segments;
  indices();
  fresh(kernel, [1], "int64");
  const unique = indices();
  kernel.free(kernel.scratch(RUN_LENGTH));
  kernel.free(unique);
  fresh(kernel, [segments], "int64");
  fresh(kernel, [segments], "int64");
  kernel.free(kernel.scratch(RUN_LENGTH));
  fresh(kernel, [1], "int64");
  fresh(kernel, [partials], "int64");
  const few = segments < BLOCKS_PER_PROCESSOR * kernel.device.multiprocessors;
  if (bag || !few || partials <= LONG_SEGMENT * segments) fresh(kernel, [partials, width], "float32");
  else {
    // few long segments are summed straight into the result: each partial one only notes which it belongs to
    fresh(kernel, [partials], "int64");
    if (dtype !== "float32") fresh(kernel, weight.shape, "float32");
  }
  return out;
}

/** Indices one kernel adds without sorting, and rows of a partial segment. native/cuda/Embedding.cu, EmbeddingBackwardKernel.cu */
const UNSORTED_LIMIT = 3072;
const PARTIAL_SEGMENT = 10;
/** Segments are few below this many per multiprocessor, and long above so many partial ones each; recorded on 40 and 108. */
const BLOCKS_PER_PROCESSOR = 4;
const LONG_SEGMENT = 4;

/** Indices whose strides differ when they are expanded to one shape are copied: native/TensorAdvancedIndexing.cpp make_info. */
function alignedIndices(kernel: Kernel, indices: readonly Held[]): Held[] {
  const shape = broadcastAll(indices.map(({ spec }) => spec));
  const wide = indices.map(({ spec }) => expanded(spec, shape));
  const [first] = wide;
  if (first === undefined || wide.every((spec) => sameStrides(spec, first))) return [];
  return wide.filter((spec) => !isContiguous(spec)).map((spec) => fresh(kernel, spec.shape, spec.dtype));
}

export const indexingKernels = {
  embedding: {
    backward: gradients({
      weight: (kernel, call) => {
        const weight = call.inputs[0] as TensorSpec;
        const count = elements((call.saved.indices as Held).spec.shape);
        contiguous(kernel, gradOf(call));
        const byFrequency = call.attributes.scale_grad_by_freq === true;
        if (byFrequency || count > UNSORTED_LIMIT)
          return sortedEmbedding(kernel, {
            count,
            weight,
            dtype: gradOf(call).spec.dtype,
            byFrequency,
            bag: false,
          });
        return fresh(kernel, weight.shape, gradOf(call).spec.dtype);
      },
    }),
  },
  embeddingBag: {
    // what is kept comes first
    forward: (kernel, { outputs }) => {
      const [result, offset2bag, size, indices] = outputs as [
        TensorSpec,
        TensorSpec,
        TensorSpec,
        TensorSpec?,
      ];
      const sizes = kernel.empty(size);
      const bags = kernel.empty(offset2bag);
      const out = kernel.empty(result);
      return indices ? [out, bags, sizes, kernel.empty(indices)] : [out, bags, sizes];
    },
    backward: gradients({
      per_sample_weights: (kernel, call) =>
        fresh(kernel, (call.saved.indices as Held).spec.shape, gradOf(call).spec.dtype),
      weight: (kernel, call) => {
        const [weight, { dtype }] = [call.inputs[0] as TensorSpec, gradOf(call).spec];
        if (call.attributes.mode === 2) return fresh(kernel, weight.shape, dtype);
        const count = elements((call.saved.indices as Held).spec.shape);
        const byFrequency = call.attributes.scale_grad_by_freq === true;
        return sortedEmbedding(kernel, { count, weight, dtype, byFrequency, bag: true });
      },
    }),
  },
  indexCopy: {
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call)]),
      source: (kernel, call) => kernel.empty((call.saved.source as Held).spec),
    }),
  },
  indexFill: { backward: gradients({ self: (kernel, call) => elementwise(kernel, [gradOf(call)]) }) },
  /** Places are counted by a prefix sum. native/cuda/IndexKernel.cpp masked_scatter */
  maskedScatter: {
    forward: (kernel, { inputs, outputs }) => {
      const out = kernel.empty(outputs[0] as TensorSpec);
      const places = fresh(kernel, (inputs.mask as Held).spec.shape, "int64");
      kernel.free(kernel.scratch(RUN_LENGTH));
      kernel.free(places);
      return [out];
    },
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call)]),
      // masked_select, and zeros behind it
      source: (kernel, call) => {
        const { shape } = call.inputs[1] as TensorSpec;
        const count = fresh(kernel, [], "int32");
        kernel.free(kernel.scratch(1));
        kernel.free(kernel.scratch(SELECTED));
        kernel.free(count);
        const selected = fresh(kernel, shape, gradOf(call).spec.dtype);
        const out = fresh(kernel, shape, gradOf(call).spec.dtype);
        kernel.free(selected);
        return out;
      },
    }),
  },
  cross: {
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call)]),
      other: (kernel, call) => elementwise(kernel, [gradOf(call)]),
    }),
  },
  index: {
    forward: (kernel, { inputs, outputs }) => {
      const indices = (inputs.indices as readonly (Held | null)[]).filter((each) => each !== null);
      const copies = alignedIndices(kernel, indices);
      const out = kernel.empty(outputs[0] as TensorSpec);
      for (const copy of copies.reverse()) kernel.free(copy);
      return [out];
    },
    backward: gradients({
      self: (kernel, call) => {
        const input = call.inputs[0] as TensorSpec;
        const out = fresh(kernel, input.shape, gradOf(call).spec.dtype);
        const indices = Object.entries(call.saved).filter(([name]) => name.startsWith("indices"));
        // the key counts slices: what lies behind the last indexed dim moves as one
        const last = Math.max(...indices.map(([name]) => Number(name.slice("indices".length))));
        const rows = elements(input.shape.slice(0, last + 1));
        sortedIndices(kernel, {
          count: elements(broadcastAll(indices.map(([, { spec }]) => spec))),
          rows,
          values: gradOf(call),
          tensors: indices.length,
        });
        return out;
      },
    }),
  },
  indexSelect: {
    backward: gradients({
      self: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype),
    }),
  },
  take: {
    backward: gradients({
      self: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype),
    }),
  },
  gather: {
    backward: gradients({
      self: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype),
    }),
  },
  scatter: {
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call)]),
      src: (kernel, call) => fresh(kernel, (call.saved.index as Held).spec.shape, gradOf(call).spec.dtype),
    }),
  },
  scatterAdd: {
    backward: gradients({
      self: (_, call) => gradOf(call),
      src: (kernel, call) => fresh(kernel, (call.saved.index as Held).spec.shape, gradOf(call).spec.dtype),
    }),
  },
  indexPut: {
    backward: (kernel, call) => {
      const values = call.inputs[1] as TensorSpec;
      const zeros = call.needs[0] && call.attributes.accumulate !== true ? kernel.empty(values) : null;
      const self = zeros ? elementwise(kernel, [gradOf(call)]) : gradOf(call);
      if (zeros) kernel.free(zeros);
      const picked = call.needs[1] ? fresh(kernel, values.shape, gradOf(call).spec.dtype) : null;
      return [call.needs[0] ? self : null, picked];
    },
  },
  indexAdd: {
    backward: gradients({
      self: (_, call) => gradOf(call),
      source: (kernel, call) => fresh(kernel, (call.inputs[1] as TensorSpec).shape, gradOf(call).spec.dtype),
    }),
  },
} satisfies Record<string, KernelRule>;
