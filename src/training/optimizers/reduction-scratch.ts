/**
 * Workspace of a reduction over one dim of a row-major tensor, however large.
 *
 * Source  ATen/native/cuda/Reduce.cuh (gpu_reduce_kernel) and ATen/TensorIterator.cpp (with_32bit_indexing), torch 2.14.1:
 *         a tensor whose offsets do not fit in an int32 is halved until its parts do, and the parts run one by one.
 */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import { globalReduction } from "../../frameworks/pytorch/reduce-config.js";
import { dense } from "../../ir/tensor.js";

/** `[outer, reduced, inner]` → `[outer, inner]`. */
export interface Reduction {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly dtype: DType;
  /** What partial results are kept in; by default float32 for the 16-bit dtypes, else the dtype itself. */
  readonly accumulator?: DType;
}

/** Bytes taken: `around` during all rounds; in each round the listed blocks, freed last first. */
export interface Scratch {
  readonly around: number;
  readonly rounds: readonly (readonly number[])[];
}

const NONE: Scratch = { around: 0, rounds: [] };
/** Blocks share an output only when each thread would sum this many values: `max_values_per_thread`. */
const MANY = 256;
const INT32_MAX = 2 ** 31 - 1;

export function reductionScratch(reduction: Reduction, device: Device): Scratch {
  const { outer, reduced, inner, dtype } = reduction;
  if (outer * inner === 0) return NONE;
  if (reduced <= threadsPerOutput(reduction) * (MANY - 1) && fits32Bit(reduction)) return NONE;
  const is16Bit = ITEM_SIZE[dtype] === 2;
  const partial = ITEM_SIZE[reduction.accumulator ?? (is16Bit ? "float32" : dtype)];
  const parts: Reduction[] = [];
  split(reduction, parts);
  const rounds: number[][] = [];
  for (const part of parts) {
    const input = dense([part.outer, part.reduced, part.inner], dtype);
    const blocks = globalReduction({ input, dims: [1], partial }, device);
    if (blocks) rounds.push([blocks.buffer, blocks.counters]);
  }
  // Results of a 16-bit tensor are kept wide from part to part.
  const around = parts.length > 1 && is16Bit ? outer * inner * partial : 0;
  return rounds.length === 0 && around === 0 ? NONE : { around, rounds };
}

/** At least so many threads of a block sum a long dim: all of them, a warp, or one of each of its warps. */
function threadsPerOutput({ outer, inner }: Reduction): number {
  if (inner > 1) return 4;
  return outer > 1 ? 32 : 512;
}

/** Offsets of all elements, in bytes, fit in an int32. */
function fits32Bit({ outer, reduced, inner, dtype }: Reduction): boolean {
  const last = outer * reduced * inner - 1;
  return last < INT32_MAX && 1 + last * ITEM_SIZE[dtype] <= INT32_MAX;
}

/** Halves the dim that reaches farthest until each part fits; a part keeps the strides of the whole. */
function split(part: Reduction, parts: Reduction[]): void {
  if (fits32Bit(part)) {
    parts.push(part);
    return;
  }
  const dim = part.outer > 1 ? "outer" : part.reduced > 1 ? "reduced" : "inner";
  const half = Math.floor(part[dim] / 2);
  split({ ...part, [dim]: half }, parts);
  split({ ...part, [dim]: part[dim] - half }, parts);
}
