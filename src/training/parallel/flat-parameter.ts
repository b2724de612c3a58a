/**
 * Parameters one after another in a flat one, with padding between them, and what the first rank has of it.
 *
 * Source  torch/distributed/fsdp/_flat_param.py (_init_flat_param_and_metadata, _get_aligned_numel, _get_shard_metadata),
 *         torch 2.14.1
 */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Value, ValueId } from "../../ir/graph.js";

/** Bytes that every parameter's address is a multiple of. */
const ALIGNMENT = 16;

/** Elements of a parameter, or of padding. */
export interface Piece {
  readonly id: ValueId | null;
  readonly count: number;
}

export interface FlatParameter {
  readonly pieces: readonly Piece[];
  /** Elements, padding included: a multiple of the ranks. */
  readonly count: number;
  /** Elements of a rank, and by parameter those that the first rank has. */
  readonly shard: number;
  readonly owned: ReadonlyMap<ValueId, number>;
}

/** `computed`: the type in which addresses are aligned. `shards`: 1 where every rank has the whole. */
export function flatten(
  parameters: readonly Value[],
  computed: DType,
  ranks: number,
  shards: number,
): FlatParameter {
  const pieces: Piece[] = [];
  const starts = new Map<ValueId, number>();
  let count = 0;
  const pad = (multiple: number) => {
    const missing = (multiple - (count % multiple)) % multiple;
    if (missing > 0) pieces.push({ id: null, count: missing });
    count += missing;
  };
  for (const { id, spec } of parameters) {
    pad(ALIGNMENT / ITEM_SIZE[computed]);
    starts.set(id, count);
    pieces.push({ id, count: elements(spec.shape) });
    count += elements(spec.shape);
  }
  pad(ranks);
  const shard = count / shards;
  const owned = new Map<ValueId, number>();
  for (const { id, spec } of parameters) {
    const inShard = Math.min(shard - (starts.get(id) as number), elements(spec.shape));
    if (inShard > 0) owned.set(id, inShard);
  }
  return { pieces, count, shard, owned };
}
