/** Questions about dims that several rows ask. */
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../row.js";

const SPATIAL = ["", "length", "height, width", "depth, height, width"];

/** Number of spatial dims of `[batch, channels, …]`: 1 to 3. */
export function spatialRank(call: LayerCall, input: ValueId = call.input): number {
  const { shape } = call.spec(input);
  const rank = shape.length - 2;
  if (rank < 1 || rank > 3) call.refuse("[batch, channels, …] with 1 to 3 spatial dims", `[${shape}]`);
  return rank;
}

/** `C` of `[B, C, …]` with `rank` spatial dims; anything else is refused. */
export function channelsOf(call: LayerCall, input: ValueId, rank: number): number {
  const { shape } = call.spec(input);
  if (shape.length !== rank + 2) call.refuse(`[batch, channels, ${SPATIAL[rank]}]`, `[${shape}]`);
  return shape[1] as number;
}

/** Width of the last dim of a tensor that has one besides the batch. */
export function widthOf(call: LayerCall, input: ValueId): number {
  const { shape } = call.spec(input);
  if (shape.length < 2) call.refuse("a dim besides the batch", `[${shape}]`);
  return shape[shape.length - 1] as number;
}

/** `dim` counted from the front; one that the tensor does not have is refused. */
export function dimOf(call: LayerCall, dim: number, rank: number): number {
  const front = dim < 0 ? dim + rank : dim;
  if (front < 0 || front >= rank) call.refuse(`a dim from ${-rank} to ${rank - 1}`, String(dim));
  return front;
}

/** An option with one number for all spatial dims, or one for each. */
export function perDim(call: LayerCall, name: string, rank: number, otherwise: number): readonly number[] {
  const given = call.options.numbers(name) ?? [otherwise];
  if (given.length === 1) return new Array<number>(rank).fill(given[0] as number);
  if (given.length !== rank) call.refuse(`${name} of 1 or ${rank} numbers`, `[${given}]`);
  return given;
}
