/** Types and dims as an ONNX file writes them → ours. */
import type { DType } from "../../base/dtype.js";
import { ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { badDim, dataLength, unknownType } from "./complaints.js";
import type { TensorProto, ValueInfoProto } from "./schema.js";

/** TensorProto.DataType. Numbers of fewer than eight bits are counted as whole bytes. */
export const DATA_TYPES: Readonly<Record<number, DType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  14: "complex64",
  15: "complex128",
  16: "bfloat16",
  17: "float8_e4m3fn",
  18: "float8_e4m3fnuz",
  19: "float8_e5m2",
  20: "float8_e5m2fnuz",
  21: "uint8",
  22: "int8",
  23: "uint8",
  24: "float8_e8m0fnu",
  25: "uint8",
  26: "int8",
  27: "uint8",
  28: "uint8",
};
/** Types whose raw bytes hold several numbers each. */
const PACKED: ReadonlySet<number> = new Set([21, 22, 23, 25, 26, 27, 28]);
/** One past it, no device holds the tensor. */
const MAX_DIM = 2 ** 40;
/** Beyond, byte counts are no longer exact. */
const MAX_ELEMENTS = 2 ** 49;
const MAX_RANK = 64;

export function dtypeAt(code: number | undefined, where: string): DType {
  const dtype = DATA_TYPES[code ?? 0];
  if (dtype === undefined) throw unknownType(where, `type ${code ?? "missing"}`);
  return dtype;
}

/** Throws unless every dim is whole, not negative, and the product is countable. */
export function checkDims(shape: readonly number[], where: string): void {
  if (shape.length > MAX_RANK) throw badDim(where, `${shape.length} dims`);
  const wrong = shape.find((dim) => !Number.isSafeInteger(dim) || dim < 0 || dim > MAX_DIM);
  if (wrong !== undefined) throw badDim(where, String(wrong));
  if (elements(shape) > MAX_ELEMENTS) throw badDim(where, `[${shape.join(", ")}]`);
}

/** What an initializer looks like; bytes that are there must be as many as its dims say. */
export function initializerSpec(tensor: TensorProto, where: string): TensorSpec {
  const shape = tensor.dims ?? [];
  checkDims(shape, where);
  const dtype = dtypeAt(tensor.dataType, where);
  const { raw } = tensor;
  if (raw && tensor.location !== 1 && !PACKED.has(tensor.dataType ?? 0)) {
    const expected = elements(shape) * ITEM_SIZE[dtype];
    if (raw.size !== expected) throw dataLength(where, expected, raw.size);
  }
  return dense(shape, dtype);
}

/** A dim that is left open is its symbol, or null without one. */
export type OpenShape = readonly (number | string | null)[];

/** The shape a file states, or undefined when it states none. */
export function statedShape(info: ValueInfoProto | undefined): OpenShape | undefined {
  return (
    info?.type?.tensor?.shape &&
    (info.type.tensor.shape.dim ?? []).map(({ value, symbol }) => {
      if (typeof value === "number" && value >= 0 && !symbol) return value;
      return symbol || null;
    })
  );
}
