import { type DType, sizeOf } from "../base/dtype.js";
import { contiguousStrides, elements, type Shape } from "../base/shape.js";
import type { Bytes } from "../base/units.js";

/** What a tensor looks like: dims, strides in elements, dtype. Where its bytes live is somebody else's question. */
export interface TensorSpec {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly dtype: DType;
}

/** A row-major tensor. */
export function dense(shape: Shape, dtype: DType): TensorSpec {
  return { shape, strides: contiguousStrides(shape), dtype };
}

/** Plain bytes of the elements `spec` shows, were they packed. */
export function packedSize(spec: TensorSpec): Bytes {
  return sizeOf(elements(spec.shape), spec.dtype);
}

/** Row-major without gaps; dims of size one may have any stride, as in c10::TensorImpl. */
export function isContiguous({ shape, strides }: TensorSpec): boolean {
  let step = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    const size = shape[dim] as number;
    if (size === 0) return true;
    if (size === 1) continue;
    if (strides[dim] !== step) return false;
    step *= size;
  }
  return true;
}

/** Channels-last (NHWC or NDHWC) without gaps. */
export function isChannelsLast({ shape, strides }: TensorSpec): boolean {
  const order = channelsLastOrder(shape.length);
  if (order === undefined) return false;
  let step = 1;
  for (const dim of order) {
    const size = shape[dim] as number;
    if (size === 1) continue;
    if (strides[dim] !== step) return false;
    step *= size;
  }
  return true;
}

/**
 * `suggest_memory_format()` is channels last: strides grow from C over the spatial dims to N, and say so even where
 * dims of size one leave it open. c10/core/MemoryFormat.h is_channels_last_strides_2d_s4
 */
export function suggestsChannelsLast({ shape, strides }: TensorSpec): boolean {
  const order = channelsLastOrder(shape.length);
  if (order === undefined || strides[1] === 0) return false;
  let least = 0;
  for (const dim of order) {
    const [size, stride] = [shape[dim] as number, strides[dim] as number];
    if (size === 0 || stride < least) return false;
    if (dim === 0 && least === strides[1]) return false;
    least = size > 1 ? stride * size : stride;
  }
  return true;
}

/** The same tensor stored channels last; ranks other than 4 and 5 have no such form. */
export function channelsLast(shape: Shape, dtype: DType): TensorSpec {
  const order = channelsLastOrder(shape.length);
  if (order === undefined) return dense(shape, dtype);
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (const dim of order) {
    strides[dim] = step;
    step *= Math.max(shape[dim] as number, 1);
  }
  return { shape, strides, dtype };
}

/** Dims from the fastest to the slowest: C, then the spatial dims from the last, then N. */
function channelsLastOrder(rank: number): readonly number[] | undefined {
  if (rank === 4) return [1, 3, 2, 0];
  if (rank === 5) return [1, 4, 3, 2, 0];
  return undefined;
}

/** No two indices share memory and no gaps: some permutation of the dims is contiguous. */
export function isNonOverlappingAndDense(spec: TensorSpec): boolean {
  if (isContiguous(spec)) return true;
  const { shape, strides } = spec;
  const order = shape.map((_, dim) => dim).filter((dim) => shape[dim] !== 1);
  order.sort((a, b) => (strides[a] as number) - (strides[b] as number));
  let step = 1;
  for (const dim of order) {
    if (strides[dim] !== step) return false;
    step *= shape[dim] as number;
  }
  return true;
}

/** `float32[8, 64, 56, 56]`, with the strides when the tensor is not row-major. */
export function printSpec(spec: TensorSpec): string {
  const strides = isContiguous(spec) ? "" : ` strides [${spec.strides.join(", ")}]`;
  return `${spec.dtype}[${spec.shape.join(", ")}]${strides}`;
}
