import { type Bytes, bytes } from "./units.js";

/** Bytes per element. Names are PyTorch's without the `torch.` prefix. */
export const ITEM_SIZE = {
  bool: 1,
  uint8: 1,
  int8: 1,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  bfloat16: 2,
  int32: 4,
  uint32: 4,
  float32: 4,
  complex32: 4,
  int64: 8,
  uint64: 8,
  float64: 8,
  complex64: 8,
  complex128: 16,
} as const;

export type DType = keyof typeof ITEM_SIZE;

export function isFloating(dtype: DType): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}

/** Whether autograd can differentiate with respect to a tensor of this dtype. */
export function isDifferentiable(dtype: DType): boolean {
  return isFloating(dtype) || dtype.startsWith("complex");
}

/** Plain bytes of `elements` items: no rounding. */
export function sizeOf(elements: number, dtype: DType): Bytes {
  return bytes(elements * ITEM_SIZE[dtype]);
}

const RANK: Partial<Record<DType, number>> = {
  bool: 0,
  uint8: 1,
  int8: 2,
  int16: 3,
  int32: 4,
  int64: 5,
  float16: 6,
  bfloat16: 6,
  float32: 7,
  float64: 8,
  complex64: 9,
  complex128: 10,
};

/** The dtype two tensors of one kind promote to. c10/core/ScalarType.cpp promoteTypes: f16 with bf16 gives f32. */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  const [ra, rb] = [RANK[a] ?? 7, RANK[b] ?? 7];
  if (ra === rb) return ra === 6 ? "float32" : a;
  return ra > rb ? a : b;
}
