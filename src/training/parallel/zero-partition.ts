/**
 * Parameters one after another in DeepSpeed's flat group, and what the first rank has of it.
 *
 * Source  deepspeed/runtime/zero/stage_1_and_2.py (flatten_dense_tensors_aligned, get_partition_info, grad_start_offset),
 *         DeepSpeed 0.19.8
 */
import { elements } from "../../base/shape.js";
import type { Value, ValueId } from "../../ir/graph.js";

/** Elements by which a rank's part is aligned. nccl_start_alignment_factor */
const ALIGNMENT = 2;

export interface Partition {
  /** Elements of the whole, padding included, and of the padding. */
  readonly count: number;
  readonly padding: number;
  /** Elements of a rank. */
  readonly share: number;
  /** By parameter, the elements of its gradient that go to each rank, in the order of ranks. */
  readonly slices: ReadonlyMap<ValueId, readonly Slice[]>;
}

export interface Slice {
  readonly rank: number;
  readonly count: number;
}

export function partition(parameters: readonly Value[], ranks: number): Partition {
  const whole = parameters.reduce((sum, { spec }) => sum + elements(spec.shape), 0);
  const multiple = ALIGNMENT * ranks;
  const count = Math.ceil(whole / multiple) * multiple;
  const share = count / ranks;
  const slices = new Map<ValueId, Slice[]>();
  let start = 0;
  for (const { id, spec } of parameters) {
    const end = start + elements(spec.shape);
    const own: Slice[] = [];
    while (start < end) {
      const rank = Math.floor(start / share);
      const until = Math.min(end, (rank + 1) * share);
      own.push({ rank, count: until - start });
      start = until;
    }
    slices.set(id, own);
  }
  return { count, padding: count - whole, share, slices };
}
