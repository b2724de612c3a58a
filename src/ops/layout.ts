/**
 * The dims, strides and dtype an elementwise kernel gives its result.
 *
 * Follows aten/src/ATen/TensorIterator.cpp (compute_fast_setup_type, reorder_dimensions, allocate_or_resize_outputs):
 * operands that agree keep their layout, otherwise dims are ordered by the operands' strides, first operand first.
 */
import type { DType } from "../base/dtype.js";
import { sameShape, type Shape } from "../base/shape.js";
import {
  dense,
  isChannelsLast,
  isContiguous,
  isNonOverlappingAndDense,
  type TensorSpec,
} from "../ir/tensor.js";
import { broadcastAll } from "./broadcast.js";

/** Result of an elementwise kernel over `operands`. */
export function iterate(operands: readonly TensorSpec[], dtype: DType): TensorSpec {
  const first = operands[0] as TensorSpec;
  if (operands.length === 1) {
    if (isContiguous(first)) return dense(first.shape, dtype);
    if (isNonOverlappingAndDense(first)) return { shape: first.shape, strides: first.strides, dtype };
    return ordered(operands, first.shape, dtype);
  }
  const shape = broadcastAll(operands);
  if (operands.every((operand) => sameShape(operand.shape, shape))) {
    if (operands.every(isContiguous)) return dense(shape, dtype);
    if (operands.every(isChannelsLast)) return { shape, strides: first.strides, dtype };
    const same = operands.every(({ strides }) =>
      strides.every((stride, dim) => stride === first.strides[dim]),
    );
    if (same && isNonOverlappingAndDense(first)) return { shape, strides: first.strides, dtype };
  } else if (
    operands.every(isContiguous) &&
    operands.every(({ shape: s }) => sameShape(s, shape) || lowRank(s))
  ) {
    return dense(shape, dtype);
  }
  return ordered(operands, shape, dtype);
}

/** Scalars and vectors along the last dim cannot change the order of dims. */
function lowRank(shape: Shape): boolean {
  return shape.length <= 1;
}

function ordered(operands: readonly TensorSpec[], shape: Shape, dtype: DType): TensorSpec {
  const rank = shape.length;
  const strides = operands.map((operand) => broadcastStrides(operand, shape));
  const order = Array.from({ length: rank }, (_, i) => rank - 1 - i);
  for (let i = 1; i < rank; i++) {
    let at = i;
    for (let before = i - 1; before >= 0; before--) {
      const verdict = shouldSwap(strides, shape, order[before] as number, order[at] as number);
      if (verdict > 0) {
        [order[before], order[at]] = [order[at] as number, order[before] as number];
        at = before;
      } else if (verdict < 0) break;
    }
  }
  const out = new Array<number>(rank);
  let step = 1;
  for (const dim of order) {
    out[dim] = step;
    step *= Math.max(shape[dim] as number, 1);
  }
  return { shape, strides: out, dtype };
}

function broadcastStrides(operand: TensorSpec, shape: Shape): number[] {
  const offset = shape.length - operand.shape.length;
  return shape.map((size, dim) => {
    if (dim < offset) return 0;
    const own = operand.shape[dim - offset] as number;
    return own === 1 && size !== 1 ? 0 : (operand.strides[dim - offset] as number);
  });
}

/** 1 when the two neighbours are in the wrong order, -1 when right, 0 when no operand can tell. */
function shouldSwap(strides: readonly (readonly number[])[], shape: Shape, a: number, b: number): -1 | 0 | 1 {
  for (const operand of strides) {
    const [x, y] = [operand[a] as number, operand[b] as number];
    if (x === 0 || y === 0) continue;
    if (x < y) return -1;
    if (x > y) return 1;
    if ((shape[a] as number) > (shape[b] as number)) return 1;
  }
  return 0;
}
