/**
 * When a CUDA reduction spreads one output over several thread blocks, they meet in global memory: a buffer of partial
 * results and a counter per group. These can be as large as the tensor that is reduced.
 *
 * Source  aten/src/ATen/native/cuda/Reduce.cuh (setReduceConfig, ReduceConfig), TensorIterator.cpp (reorder and
 *         coalesce), torch 2.14.1; sizes equal the recorded ones in oracle/recorded
 * Omits   more than 2^31 elements, which PyTorch splits first
 */
import { ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import type { Device } from "./device.js";

/** mnt_wrapper<scalar_t>::MAX_NUM_THREADS for types up to eight bytes. */
const MAX_THREADS = 512;
const WARP = 32;
/** Values each thread reads at once. vt0, input_vec_size */
const VECTOR = 4;
const MIN_VALUES_PER_THREAD = 16;
const MAX_VALUES_PER_THREAD = 256;
/** cudaDeviceProp.maxThreadsPerMultiProcessor by compute capability, CUDA C++ Programming Guide, table of capabilities. */
const THREADS_PER_MULTIPROCESSOR: Readonly<Record<string, number>> = {
  "7.5": 1024,
  "8.6": 1536,
  "8.7": 1536,
  "8.9": 1536,
  "12.0": 1536,
};
const USUAL_THREADS_PER_MULTIPROCESSOR = 2048;

export function threadsPerMultiprocessor(capability: Device["computeCapability"]): number {
  return THREADS_PER_MULTIPROCESSOR[capability.join(".")] ?? USUAL_THREADS_PER_MULTIPROCESSOR;
}

export interface Reduction {
  readonly input: TensorSpec;
  readonly dims: readonly number[];
  /** Bytes of a partial result: 4 for sums, 16 for a value with its index. */
  readonly partial?: number;
}

/** Bytes of the buffer and of the counters; undefined when no output is shared by blocks. */
export function globalReduction(
  { input, dims, partial = 4 }: Reduction,
  device: Device,
): { readonly buffer: number; readonly counters: number } | undefined {
  const total = elements(input.shape);
  const outputs = total === 0 ? 0 : elements(input.shape.filter((_, dim) => !dims.includes(dim)));
  if (outputs === 0) return undefined;
  const perOutput = total / outputs;
  const { shape, strides, reduced } = iterated(input, dims);
  const rank = shape.length;
  const alongInput = rank === 0 || reduced === rank || (strides[0] as number) < (strides[reduced] as number);
  let width = rank === 0 ? 1 : alongInput ? perOutput : outputs;
  const height = rank === 0 ? 1 : alongInput ? outputs : perOutput;
  const fastest = rank === 0 ? 1 : (strides[alongInput ? 0 : reduced] as number);
  let outputVector = 1;
  if (fastest === 1) {
    if (alongInput && width >= 128 && reduced === 1) width = Math.floor(width / VECTOR);
    else if (!alongInput) {
      outputVector = outputVectorSize(shape, strides, reduced);
      width = Math.floor(width / outputVector);
    }
  }
  const threads = Math.floor(MAX_THREADS / outputVector);
  const [w, h] = [atMostPowerOfTwo(width, threads), atMostPowerOfTwo(height, threads)];
  let blockWidth = Math.min(w, WARP);
  const blockHeight = Math.min(h, Math.floor(threads / blockWidth));
  blockWidth = Math.min(w, Math.floor(threads / blockHeight));

  let [stepInput, stepOutput] = [1, 1];
  if (alongInput) stepInput *= blockWidth;
  else stepOutput *= blockWidth;
  const perThread = () => Math.ceil(perOutput / stepInput);
  const acrossWarps = perThread() >= Math.min(blockHeight * 16, MAX_VALUES_PER_THREAD);
  if (acrossWarps) stepInput *= blockHeight;
  else stepOutput *= blockHeight;

  const perMultiprocessor = threadsPerMultiprocessor(device.computeCapability);
  const target = device.multiprocessors * Math.floor(perMultiprocessor / (blockWidth * blockHeight));
  const grid = Math.ceil(Math.floor(outputs / outputVector) / stepOutput);
  if (!acrossWarps || perThread() < MAX_VALUES_PER_THREAD || grid > target) return undefined;
  const blocks = Math.max(
    Math.min(Math.ceil(target / grid), Math.ceil(perThread() / MIN_VALUES_PER_THREAD)),
    Math.ceil(perThread() / MAX_VALUES_PER_THREAD),
  );
  if (blocks <= 1) return undefined;
  const lanes = alongInput ? 1 : blockWidth * outputVector;
  return { buffer: partial * outputs * blocks * lanes, counters: 4 * grid };
}

/** The iterator's dims: reduced ones first, then by stride, neighbours joined where memory allows. Strides in elements. */
function iterated(
  input: TensorSpec,
  dims: readonly number[],
): { shape: number[]; strides: number[]; reduced: number } {
  const out = new Array<number>(input.shape.length).fill(0);
  let step = 1;
  for (let dim = input.shape.length - 1; dim >= 0; dim--) {
    if (dims.includes(dim)) continue;
    out[dim] = step;
    step *= input.shape[dim] as number;
  }
  const order = input.shape.map((_, dim) => input.shape.length - 1 - dim);
  const swaps = (a: number, b: number): number => {
    const [outA, outB] = [out[a] as number, out[b] as number];
    if ((outA === 0) !== (outB === 0)) return outB === 0 ? 1 : -1;
    for (const strides of [out, input.strides]) {
      const [x, y] = [strides[a] as number, strides[b] as number];
      if (x === 0 || y === 0) continue;
      if (x !== y) return x < y ? -1 : 1;
      if ((input.shape[a] as number) > (input.shape[b] as number)) return 1;
    }
    return 0;
  };
  for (let i = 1; i < order.length; i++) {
    let at = i;
    for (let before = i - 1; before >= 0; before--) {
      const verdict = swaps(order[before] as number, order[at] as number);
      if (verdict > 0) {
        [order[before], order[at]] = [order[at] as number, order[before] as number];
        at = before;
      } else if (verdict < 0) break;
    }
  }
  const joined: { size: number; input: number; output: number }[] = [];
  for (const dim of order) {
    const next = {
      size: input.shape[dim] as number,
      input: input.strides[dim] as number,
      output: out[dim] as number,
    };
    const last = joined[joined.length - 1];
    if (
      last &&
      (last.size === 1 ||
        next.size === 1 ||
        (last.size * last.input === next.input && last.size * last.output === next.output))
    ) {
      if (last.size === 1) Object.assign(last, next);
      else last.size *= next.size;
    } else joined.push({ ...next });
  }
  return {
    shape: joined.map(({ size }) => size),
    strides: joined.map(({ input: stride }) => stride),
    reduced: joined.filter(({ output }) => output === 0).length,
  };
}

/** The widest vector of outputs whose loads stay aligned. get_output_vec_size */
function outputVectorSize(shape: readonly number[], strides: readonly number[], reduced: number): number {
  let size = VECTOR;
  const align = (count: number) => {
    while (count % size !== 0) size /= 2;
  };
  align(shape[reduced] as number);
  strides.forEach((stride, dim) => {
    if (dim !== reduced) align(stride);
  });
  return size;
}

function atMostPowerOfTwo(count: number, limit: number): number {
  return count < limit ? 2 ** Math.floor(Math.log2(Math.max(count, 1))) : limit;
}

/** Bytes a reduction accumulates in: sums of half precision are kept in float32. */
export function partialSize(spec: TensorSpec): number {
  return Math.max(ITEM_SIZE[spec.dtype], 4);
}
