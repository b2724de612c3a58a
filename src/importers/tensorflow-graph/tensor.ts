/** What flows along the edges of a TensorFlow graph while it is drawn. */
import type { DType } from "../../base/dtype.js";
import type { ValueId } from "../../ir/graph.js";
import type { Payload } from "../../decode/protobuf.js";
import { wrongValue } from "./complaints.js";
import type { ShapeProto, TensorProto } from "./schema.js";

export interface Variable {
  readonly name: string;
  readonly dtype: DType;
  /** Null until a node that reads it says. */
  shape: readonly number[] | null;
  readonly trainable: boolean;
  /** Its value in the graph, once something reads it. */
  id?: ValueId;
}

/** Known before the run: a Const, or what follows from shapes. Its numbers where they are few. */
export interface Constant {
  readonly kind: "constant";
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data?: readonly number[];
}

/** A TensorList: elements by index, and the tensor it was cut from. */
export interface TensorList {
  readonly kind: "list";
  readonly from: Tensor | null;
  readonly length: number;
  readonly items: ReadonlyMap<number, Tensor>;
  /** The elements of `from`, once one of them is read. */
  readonly parts: { cut?: readonly Tensor[] };
}

export type Tensor =
  | { readonly kind: "value"; readonly id: ValueId }
  | Constant
  | { readonly kind: "variable"; readonly variable: Variable }
  | TensorList
  /** Strings, variants, keys of generators: on the host, or of no size. */
  | { readonly kind: "opaque" };

/** Functions of the library, as control flow calls them. */
export interface Functions {
  call(name: string, inputs: readonly Tensor[], where: string): readonly Tensor[];
  /** Nodes of a function's own: which branch is longer. */
  lengthOf(name: string): number;
}

export const OPAQUE: Tensor = { kind: "opaque" };

/** types.proto */
const DTYPES: Readonly<Record<number, DType>> = {
  1: "float32",
  2: "float64",
  3: "int32",
  4: "uint8",
  5: "int16",
  6: "int8",
  8: "complex64",
  9: "int64",
  10: "bool",
  14: "bfloat16",
  17: "uint16",
  18: "complex128",
  19: "float16",
  22: "uint32",
  23: "uint64",
};
/** A resource: what a variable's handle is. */
export const RESOURCE = 20;

/** References of TensorFlow 1 are counted from 100. Null: no numbers. */
export function dtypeOf(type: number | undefined): DType | null {
  return DTYPES[(type ?? 0) > 100 ? (type as number) - 100 : (type ?? 0)] ?? null;
}

/** Most sizes of a tensor: TensorShape::MaxDimensions. */
const MAX_RANK = 254;

/** Sizes as the file states them, -1 where they are open; null: not even their number is known. */
export function shapeIn(shape: ShapeProto | undefined, where: string): number[] | null {
  if (!shape || shape.unknownRank) return null;
  const dims = (shape.dim ?? []).map(({ size = 0 }) => size);
  if (dims.length > MAX_RANK) throw wrongValue(where, "a shape", `at most ${MAX_RANK} sizes`, dims.length);
  for (const size of dims)
    if (!Number.isSafeInteger(size) || size < -1)
      throw wrongValue(where, "a size", "a whole number, or -1 where it is open", size);
  return dims;
}

/** As `shapeIn`, where every size is known. */
export function fixedShape(shape: ShapeProto | undefined, where: string): number[] | null {
  const dims = shapeIn(shape, where);
  return dims?.includes(-1) ? null : dims;
}

/** Numbers of a constant that are worth knowing: sizes, axes, permutations. */
const MAX_KNOWN = 4096;

export function constantOf(tensor: TensorProto, name: string, where: string): Tensor {
  const dtype = dtypeOf(tensor.dtype);
  if (!dtype) return OPAQUE;
  const shape = fixedShape(tensor.shape, where) ?? [];
  const count = shape.reduce((product, size) => product * size, 1);
  const data = count <= MAX_KNOWN ? numbersOf(tensor, dtype, count) : undefined;
  return { kind: "constant", name, shape, dtype, ...(data && { data }) };
}

/** One number stands for all that follow it. */
function numbersOf(tensor: TensorProto, dtype: DType, count: number): readonly number[] | undefined {
  const raw = tensor.content?.bytes;
  if (raw?.length) return rawNumbers(raw, dtype, count);
  const list = listOf(tensor, dtype);
  if (!list || tensor.isElsewhere) return undefined;
  const last = list.at(-1) ?? 0;
  return Array.from({ length: count }, (_, i) => list[i] ?? last);
}

function listOf(tensor: TensorProto, dtype: DType): readonly number[] | undefined {
  if (dtype === "float32") return tensor.floats ?? [];
  if (dtype === "int64") return tensor.longs ?? [];
  if (dtype === "bool") return (tensor.bools ?? []).map(Number);
  return dtype === "int32" || dtype === "int16" || dtype === "int8" || dtype === "uint8"
    ? (tensor.ints ?? [])
    : undefined;
}

function rawNumbers(bytes: Uint8Array, dtype: DType, count: number): number[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const read: Partial<Record<DType, [number, (at: number) => number]>> = {
    float32: [4, (at) => view.getFloat32(at, true)],
    float64: [8, (at) => view.getFloat64(at, true)],
    int32: [4, (at) => view.getInt32(at, true)],
    int64: [8, (at) => Number(view.getBigInt64(at, true))],
    bool: [1, (at) => view.getUint8(at)],
    uint8: [1, (at) => view.getUint8(at)],
    int8: [1, (at) => view.getInt8(at)],
  };
  const [width, get] = read[dtype] ?? [];
  if (width === undefined || get === undefined || bytes.length < width * count) return undefined;
  return Array.from({ length: count }, (_, i) => get(i * width));
}

/** Bytes of a file's own, as a payload. */
export function payload(bytes: Uint8Array): Payload {
  return { size: bytes.length, bytes };
}
