/**
 * New tensors, as an implementation of an optimizer makes them: how large, from which temporaries, with which scratch.
 *
 * A value is told like the Python expression it stands for, but only with what allocates: `(v.sqrt() / c).add_(eps)` is
 * `each("div", each("sqrt"))`. Parameters, gradients, states and Python numbers are not mentioned, nor are operations
 * in place. Python evaluates operands first, in order, and lets go of temporary ones once the operation has returned.
 */
import { type DType, ITEM_SIZE, promote } from "../../base/dtype.js";
import type { Shape } from "../../base/shape.js";
import { type Bytes, bytes, NO_BYTES } from "../../base/units.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import { type Reduction, reductionScratch, type Scratch } from "./reduction-scratch.js";

/** A parameter with what is asked of it again and again. */
export interface Parameter {
  readonly index: number;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly elements: number;
  /** The parameter's own size: most states and temporaries are as large. */
  readonly self: Sized;
  /** Other sizes, once they were asked for. */
  mask?: Sized;
  row?: Sized;
  column?: Sized;
}

export interface Sized {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly bytes: Bytes;
}

/** How large a tensor is, by the parameter it is for. Null: there is none for this parameter. */
export interface Extent {
  readonly says: string;
  readonly of: (parameter: Parameter) => Sized | null;
}

export interface Value {
  readonly op: string;
  /** Null: the operation works in place. */
  readonly extent: Extent | null;
  /** Temporary operands. */
  readonly operands: readonly Value[];
  /** What the operation makes before its result and frees before it returns. */
  readonly before: readonly Extent[];
  /** What its kernel takes after its result. */
  readonly after: ((parameter: Parameter, device: Device) => Scratch) | null;
  /** The result is the first operand, changed in place. */
  readonly passes: boolean;
  /** A local of a called function: made before the operands, freed when the function returns. */
  readonly local: Value | null;
  /** None of the above: a result and nothing else. */
  readonly isPlain: boolean;
}

// ---------------------------------------------------------------- extents

const SCALAR: Shape = [];
const SCALARS: Partial<Record<DType, Sized>> = {
  bool: { shape: SCALAR, dtype: "bool", bytes: bytes(ITEM_SIZE.bool) },
  bfloat16: { shape: SCALAR, dtype: "bfloat16", bytes: bytes(ITEM_SIZE.bfloat16) },
  float32: { shape: SCALAR, dtype: "float32", bytes: bytes(ITEM_SIZE.float32) },
};

/** A 0-dim tensor. */
function scalar(dtype: DType): Sized {
  return SCALARS[dtype] ?? { shape: SCALAR, dtype, bytes: bytes(ITEM_SIZE[dtype]) };
}

export function sized(shape: Shape, dtype: DType): Sized {
  let count = ITEM_SIZE[dtype] as number;
  for (const dim of shape) count *= dim;
  return { shape, dtype, bytes: count === 0 ? NO_BYTES : bytes(count) };
}

/** `shape` with the dims counted from the back set to one. */
function flattened(shape: Shape, ...dims: readonly number[]): number[] {
  const out = [...shape];
  for (const dim of dims) out[out.length - dim] = 1;
  return out;
}

export const ELEMENT: Extent = { says: "per element", of: (p) => p.self };
export const MASK: Extent = { says: "per element, bool", of: (p) => (p.mask ??= sized(p.shape, "bool")) };
/** Per element, after an operation with a 0-dim float32 tensor: it widens a result that is 0-dim itself. */
const SCALED: Extent = {
  says: "per element",
  of: (p) => (p.shape.length > 0 ? p.self : scalar(promote(p.dtype, "float32"))),
};
/** Scalars of an optimizer are of the default dtype. torch/optim/optimizer.py _get_scalar_dtype, torch 2.14.1. */
export const ONE: Extent = { says: "scalar", of: () => scalar("float32") };
const FLAG: Extent = { says: "scalar, bool", of: () => scalar("bool") };
/** A Python number as a tensor beside the parameter. */
const NUMBER: Extent = { says: "scalar of the parameter's dtype", of: (p) => scalar(p.dtype) };
const NUMBER_FOR_SCALAR: Extent = {
  says: "scalar of a 0-dim parameter",
  of: (p) => (p.shape.length === 0 ? scalar(p.dtype) : null),
};
export const ROW: Extent = { says: "per row", of: (p) => (p.row ??= sized(flattened(p.shape, 1), p.dtype)) };
export const COLUMN: Extent = {
  says: "per column",
  of: (p) => (p.column ??= sized(flattened(p.shape, 2), p.dtype)),
};
const MATRIX: Extent = { says: "per matrix", of: (p) => sized(flattened(p.shape, 1, 2), p.dtype) };
/** Muon works in bfloat16 on the matrix or its transpose, whichever is wider. */
const BFLOAT16: Extent = { says: "per element, bfloat16", of: (p) => sized(wide(p.shape), "bfloat16") };
const BFLOAT16_ONE: Extent = { says: "scalar, bfloat16", of: () => scalar("bfloat16") };
const GRAM: Extent = {
  says: "per pair of rows, bfloat16",
  of: ({ shape }) => sized([wide(shape)[0] as number, wide(shape)[0] as number], "bfloat16"),
};

function wide([rows = 1, columns = 1]: Shape): Shape {
  return rows > columns ? [columns, rows] : [rows, columns];
}

// ---------------------------------------------------------------- values

function value(
  op: string,
  extent: Extent | null,
  operands: readonly Value[],
  more: Partial<Value> = {},
): Value {
  const isPlain = operands.length === 0 && Object.keys(more).length === 0;
  return { op, extent, operands, before: [], after: null, passes: false, local: null, isPlain, ...more };
}

/** As large as the parameter. */
export const each = (op: string, ...operands: readonly Value[]): Value => value(op, ELEMENT, operands);
/** As large as the parameter; a 0-dim float32 tensor takes part. */
export const scaled = (op: string, ...operands: readonly Value[]): Value => value(op, SCALED, operands);
/** A truth value per element. */
export const mask = (op: string, ...operands: readonly Value[]): Value => value(op, MASK, operands);
/** A number of the optimizer, on the GPU. */
export const one = (op: string, ...operands: readonly Value[]): Value => value(op, ONE, operands);
export const flag = (op: string, ...operands: readonly Value[]): Value => value(op, FLAG, operands);
export const row = (op: string): Value => value(op, ROW, []);
export const column = (op: string): Value => value(op, COLUMN, []);
export const bfloat16 = (op: string): Value => value(op, BFLOAT16, []);
export const gram = (op: string): Value => value(op, GRAM, []);

/** `target.op_(operands)`: the result is `target`. */
export const into = (op: string, target: Value, ...operands: readonly Value[]): Value =>
  value(op, null, [target, ...operands], { passes: true });

/** A called function that holds `local` while it computes `result`. */
export const holding = (local: Value, result: Value): Value => ({ ...result, local, isPlain: false });

/** `number ** tensor`: the base becomes a float64 tensor. ATen/native/Pow.cpp. */
export const power = (...exponent: readonly Value[]): Value =>
  value("pow", ONE, exponent, { after: () => ({ around: 0, rounds: [[ITEM_SIZE.float64]] }) });

/** `number / tensor`: the reciprocal, times the number. torch/_tensor.py __rtruediv__. */
export const over = (...divisor: readonly Value[]): Value => value("div", ONE, divisor, { before: [ONE] });
export const overEach = (...divisor: readonly Value[]): Value =>
  value("div", ELEMENT, divisor, { before: [ELEMENT] });

/** `torch.where` with Python numbers: each becomes a 0-dim tensor first. ATen/native/TensorCompare.cpp. */
export const where = (condition: Value, ...others: readonly Value[]): Value =>
  value("where", ELEMENT, [condition, ...others], { before: [NUMBER] });
export const scaledWhere = (condition: Value, ...others: readonly Value[]): Value =>
  value("where", SCALED, [condition, ...others], { before: [SCALED_NUMBER] });
const SCALED_NUMBER: Extent = {
  says: "scalar of the result's dtype",
  of: (p) => scalar(p.shape.length > 0 ? p.dtype : promote(p.dtype, "float32")),
};
/** Of numbers of the optimizer; `numbers` are written as Python numbers. */
export const whereOne = (condition: Value, numbers: 1 | 2): Value =>
  value("where", ONE, [condition], { before: numbers === 1 ? [ONE] : [ONE, ONE] });

/** `tensor[mask] = number`: a 0-dim tensor takes the number as a tensor. ATen/native/TensorAdvancedIndexing.cpp. */
export const assign = (where: Value): Value =>
  value("index_put_", null, [where], { before: [NUMBER_FOR_SCALAR] });

// ---------------------------------------------------------------- reductions

/** A reduction of a row-major tensor: kernels that split it over blocks take a buffer and semaphores. */
function reducing(op: string, extent: Extent, what: (parameter: Parameter) => Reduction): Value {
  return value(op, extent, [], { after: (p, device) => reductionScratch(what(p), device) });
}

const rows = (shape: Shape): number => shape[shape.length - 2] ?? 1;
const columns = (shape: Shape): number => shape[shape.length - 1] ?? 1;
const matrices = (p: Parameter): number => p.elements / (rows(p.shape) * columns(p.shape) || 1);

/** Over all elements. */
export const norm = (): Value =>
  reducing("norm", NUMBER, (p) => ({ outer: 1, reduced: p.elements, inner: 1, dtype: p.dtype }));
export const bfloat16Norm = (): Value =>
  reducing("norm", BFLOAT16_ONE, (p) => ({ outer: 1, reduced: p.elements, inner: 1, dtype: "bfloat16" }));
export const bfloat16One = (op: string, ...operands: readonly Value[]): Value =>
  value(op, BFLOAT16_ONE, operands);
export const rowNorm = (): Value =>
  reducing("vector_norm", ROW, (p) => ({
    outer: matrices(p) * rows(p.shape),
    reduced: columns(p.shape),
    inner: 1,
    dtype: p.dtype,
  }));
export const columnNorm = (): Value =>
  reducing("vector_norm", COLUMN, (p) => ({
    outer: matrices(p),
    reduced: rows(p.shape),
    inner: columns(p.shape),
    dtype: p.dtype,
  }));
/** Mean of the row factors of each matrix. */
export const rowFactorMean = (): Value =>
  reducing("mean", MATRIX, (p) => ({ outer: matrices(p), reduced: rows(p.shape), inner: 1, dtype: p.dtype }));
