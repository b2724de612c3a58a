/** Small tensors whose values are known before the run: sizes, axes, scalars, and what is computed from them. */
import type { DType } from "../../base/dtype.js";
import { broadcast, elements, type Shape, wrapDim } from "../../base/shape.js";
import { DATA_TYPES } from "./dims.js";
import type { TensorProto } from "./schema.js";

export interface Known {
  readonly shape: Shape;
  readonly data: readonly number[];
  readonly dtype: DType;
}

/** Numbers of a known tensor; sizes and axes are a handful. */
const MAX_KNOWN = 1024;

/** The values of a small tensor, or undefined: large ones are weights. */
export function readKnown(tensor: TensorProto): Known | undefined {
  const shape = tensor.dims ?? [];
  const count = elements(shape);
  const dtype = DATA_TYPES[tensor.dataType ?? 0];
  if (dtype === undefined || !(count <= MAX_KNOWN) || tensor.location === 1) return undefined;
  const listed = [tensor.longs, tensor.ints, tensor.floats].find((list) => list?.length === count);
  const data = listed ?? fromRaw(tensor.raw?.bytes, dtype);
  return data && data.length === count ? { shape, data, dtype } : undefined;
}

function fromRaw(bytes: Uint8Array | undefined, dtype: DType): number[] | undefined {
  const read = READS[dtype];
  if (!bytes || !read) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [size, at] = read;
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => at(view, i * size));
}

/** Item size and how to read one: ONNX's raw bytes are little-endian. */
const READS: Partial<Record<DType, readonly [number, (view: DataView, at: number) => number]>> = {
  bool: [1, (view, at) => view.getUint8(at)],
  uint8: [1, (view, at) => view.getUint8(at)],
  int8: [1, (view, at) => view.getInt8(at)],
  int16: [2, (view, at) => view.getInt16(at, true)],
  int32: [4, (view, at) => view.getInt32(at, true)],
  int64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  float32: [4, (view, at) => view.getFloat32(at, true)],
  float64: [8, (view, at) => view.getFloat64(at, true)],
};

export interface FoldCall {
  readonly inputs: readonly (Known | undefined)[];
  readonly int: (name: string, otherwise: number) => number;
  readonly ints: (name: string) => readonly number[] | undefined;
}

type Fold = (call: FoldCall) => Known | undefined;
type Numbers = (a: number, b: number) => number;

const known = (shape: Shape, data: readonly number[], dtype: DType): Known | undefined =>
  data.length <= MAX_KNOWN && data.length === elements(shape) ? { shape, data, dtype } : undefined;

const each =
  (compute: (value: number) => number): Fold =>
  ({ inputs: [x] }) =>
    x && known(x.shape, x.data.map(compute), x.dtype);

function both(compute: Numbers, result?: DType): Fold {
  return ({ inputs: [a, b] }) => {
    const shape = a && b && broadcast(a.shape, b.shape);
    if (!shape || elements(shape) > MAX_KNOWN) return undefined;
    const whole = !a.dtype.startsWith("float");
    const data = spread(a, shape).map((value, i) => {
      const out = compute(value, spread(b, shape)[i] as number);
      return whole ? Math.trunc(out) : out;
    });
    return known(shape, data, result ?? a.dtype);
  };
}

/** The values of a tensor broadcast to `shape`. */
function spread({ shape: own, data }: Known, shape: Shape): number[] {
  if (data.length === 1) return new Array<number>(elements(shape)).fill(data[0] as number);
  const offset = shape.length - own.length;
  return Array.from({ length: elements(shape) }, (_, i) => {
    let [rest, at, step] = [i, 0, 1];
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      const index = rest % (shape[dim] as number);
      rest = Math.floor(rest / (shape[dim] as number));
      const size = own[dim - offset];
      if (size === undefined) continue;
      if (size > 1) at += index * step;
      step *= size;
    }
    return data[at] as number;
  });
}

const reshaped: Fold = ({ inputs: [x] }) => x && (x.data.length === 1 ? { ...x, shape: [1] } : undefined);

/** By ONNX operator; an operator that is not here is never folded. */
export const FOLDS: Readonly<Record<string, Fold>> = {
  Identity: ({ inputs: [x] }) => x,
  Cast: ({ inputs: [x], int }) => {
    const dtype = DATA_TYPES[int("to", 1)];
    if (!x || !dtype) return undefined;
    return { ...x, dtype, data: dtype.startsWith("float") ? x.data : x.data.map(Math.trunc) };
  },
  Add: both((a, b) => a + b),
  Sub: both((a, b) => a - b),
  Mul: both((a, b) => a * b),
  Div: both((a, b) => a / b),
  Mod: both((a, b) => a - Math.floor(a / b) * b),
  Pow: both((a, b) => a ** b),
  Min: both(Math.min),
  Max: both(Math.max),
  Equal: both((a, b) => Number(a === b), "bool"),
  Less: both((a, b) => Number(a < b), "bool"),
  Greater: both((a, b) => Number(a > b), "bool"),
  LessOrEqual: both((a, b) => Number(a <= b), "bool"),
  GreaterOrEqual: both((a, b) => Number(a >= b), "bool"),
  And: both((a, b) => Number(a !== 0 && b !== 0), "bool"),
  Or: both((a, b) => Number(a !== 0 || b !== 0), "bool"),
  Not: each((a) => Number(a === 0)),
  Neg: each((a) => -a),
  Abs: each(Math.abs),
  Sqrt: each(Math.sqrt),
  Reciprocal: each((a) => 1 / a),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Round: each(Math.round),
  Squeeze: ({ inputs: [x] }) => x && { ...x, shape: x.data.length === 1 ? [] : [x.data.length] },
  Unsqueeze: ({ inputs: [x] }) => (x && x.shape.length === 0 ? { ...x, shape: [1] } : undefined),
  Reshape: (call) => {
    const [x, sizes] = call.inputs;
    if (x && sizes?.data.length === 1) return { ...x, shape: [x.data.length] };
    return x && sizes?.data.length === 0 && x.data.length === 1 ? { ...x, shape: [] } : reshaped(call);
  },
  Concat: ({ inputs }) => {
    const parts = inputs.map((part) => (part && part.shape.length <= 1 ? part : undefined));
    const [first] = parts;
    if (!first || parts.includes(undefined)) return undefined;
    const data = parts.flatMap((part) => part?.data ?? []);
    return known([data.length], data, first.dtype);
  },
  Gather: ({ inputs: [x, at] }) => {
    if (!x || !at || x.shape.length !== 1 || at.shape.length > 1) return undefined;
    const data = at.data.map((i) => x.data[wrapDim(i, x.data.length)] ?? Number.NaN);
    return known(at.shape, data, x.dtype);
  },
  Slice: ({ inputs: [x, start, end, , step], ints }) => {
    const [from, to] = [start?.data[0] ?? ints("starts")?.[0], end?.data[0] ?? ints("ends")?.[0]];
    const by = step?.data[0] ?? 1;
    if (x?.shape.length !== 1 || from === undefined || to === undefined || by !== 1) return undefined;
    const data = x.data.slice(from, to);
    return known([data.length], data, x.dtype);
  },
  ConstantOfShape: ({ inputs: [size, value] }) => {
    const count = size ? elements(size.data) : Number.NaN;
    if (!size || !(count <= MAX_KNOWN)) return undefined;
    const fill = value ?? { data: [0], dtype: "float32" as const };
    return known(size.data, new Array<number>(count).fill(fill.data[0] ?? 0), fill.dtype);
  },
  Range: ({ inputs: [from, to, by] }) => {
    const [start, end, step] = [from?.data[0], to?.data[0], by?.data[0]];
    if (from === undefined || start === undefined || end === undefined || !step) return undefined;
    const count = Math.max(Math.ceil((end - start) / step), 0);
    if (!(count <= MAX_KNOWN)) return undefined;
    return known(
      [count],
      Array.from({ length: count }, (_, i) => start + i * step),
      from.dtype,
    );
  },
  Expand: ({ inputs: [x, size] }) => {
    const shape = x && size && broadcast(x.shape, size.data);
    return shape && elements(shape) <= MAX_KNOWN ? known(shape, spread(x, shape), x.dtype) : undefined;
  },
  Where: ({ inputs: [condition, a, b] }) => {
    if (!condition || !a || !b) return undefined;
    const shape = broadcast(condition.shape, broadcast(a.shape, b.shape) ?? [-1]);
    if (!shape || elements(shape) > MAX_KNOWN) return undefined;
    const [yes, no] = [spread(a, shape), spread(b, shape)];
    return known(
      shape,
      spread(condition, shape).map((c, i) => (c ? yes[i] : no[i]) as number),
      a.dtype,
    );
  },
  ReduceProd: ({ inputs: [x], int }) =>
    x && { shape: int("keepdims", 1) ? [1] : [], data: [x.data.reduce((a, b) => a * b, 1)], dtype: x.dtype },
  ReduceSum: ({ inputs: [x], int }) =>
    x && x.shape.length <= 1
      ? { shape: int("keepdims", 1) ? [1] : [], data: [x.data.reduce((a, b) => a + b, 0)], dtype: x.dtype }
      : undefined,
};
