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
  /** Null for a list of parameters seen as one tensor with an element for each. */
  readonly index: number | null;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly elements: number;
  /** The parameter's own size: most states and temporaries are as large. */
  readonly self: Sized;
  /** Elements of the largest parameter of a list; of one parameter, its own. */
  readonly largest: number;
  /** Rank of a projection, at most that of the parameter. */
  readonly rank: number;
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
  /** For a list: `scratch` around one `each` per parameter, from which the result is made. */
  readonly members: { readonly scratch: Extent; readonly each: Extent } | null;
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
/** What is computed in float32 whatever the parameter's dtype. */
const FLOAT: Extent = { says: "per element, float32", of: (p) => sized(p.shape, "float32") };
const FLOAT_ONE: Extent = { says: "scalar of one element", of: () => sized([1], "float32") };
/** `shape` without the dim that is so far from the back. */
function without(shape: Shape, dim: number): number[] {
  return shape.filter((_, i) => i !== shape.length - dim);
}
const ROWS: Extent = { says: "per row, float32", of: (p) => sized(without(p.shape, 1), "float32") };
const COLUMNS: Extent = { says: "per column, float32", of: (p) => sized(without(p.shape, 2), "float32") };
const ROWS_MEAN: Extent = {
  says: "per matrix, float32",
  of: (p) => sized(flattened(without(p.shape, 1), 1), "float32"),
};
/** Block-wise quantization: a byte per element, and the largest value of every 256. */
const BLOCK = 256;
const CODES: Extent = { says: "per element, uint8", of: (p) => sized(p.shape, "uint8") };
const BLOCK_MAXIMA: Extent = {
  says: "per 256 elements, float32",
  of: (p) => sized([Math.ceil(p.elements / BLOCK)], "float32"),
};
const twice = ({ says, of }: Extent): Extent => ({
  says: `twice ${says}`,
  of: (p) => {
    const size = of(p);
    return size && sized([2, ...size.shape], size.dtype);
  },
});
/** What each of 256 codes stands for. */
const CODE_MAP: Extent = { says: "256 values of the optimizer, float32", of: () => sized([256], "float32") };
const sideOf = ({ shape }: Parameter, side: number): number => shape[side] ?? 0;
const SIDE = (side: number): Extent => ({
  says: `per index of dim ${side}`,
  of: (p) => sized([sideOf(p, side)], p.dtype),
});
const PAIRS = (side: number): Extent => ({
  says: `per pair of indices of dim ${side}`,
  of: (p) => sized([sideOf(p, side), sideOf(p, side)], p.dtype),
});
/** GaLore: the shorter dim of the matrix becomes the rank. */
const LOW_RANK: Extent = {
  says: "per element of the projection",
  of: (p) => {
    const [height = 1, width = 1] = p.shape;
    return sized(height >= width ? [height, p.rank] : [p.rank, width], p.dtype);
  },
};
const shorter = ({ shape: [height = 1, width = 1] }: Parameter): number => Math.min(height, width);
/** The decomposition's vectors are kept whole: those of the rank are a view of them. */
const BASIS: Extent = {
  says: "per pair of indices of the shorter dim",
  of: (p) => sized([shorter(p), shorter(p)], p.dtype),
};
const SINGULAR: Extent = { says: "per singular value", of: (p) => sized([shorter(p)], p.dtype) };
const RANKED: Extent = { says: "per pair of ranks", of: (p) => sized([p.rank, p.rank], p.dtype) };
/** A kernel of torch._foreach_norm sums 65536 elements; it keeps one sum for each. ATen/native/cuda/ForeachReduceOp.cu. */
const CHUNK = 65536;
const CHUNK_SUMS: Extent = {
  says: "per parameter and 65536 elements of the largest",
  of: (p) => sized([p.elements * Math.ceil(p.largest / CHUNK)], "float32"),
};
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
  return {
    op,
    extent,
    operands,
    before: [],
    after: null,
    passes: false,
    local: null,
    members: null,
    isPlain,
    ...more,
  };
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

export const floating = (op: string, ...operands: readonly Value[]): Value => value(op, FLOAT, operands);
export const floatingOne = (op: string): Value => value(op, FLOAT_ONE, []);
export const rows = (op: string, ...operands: readonly Value[]): Value => value(op, ROWS, operands);
export const columns = (op: string): Value => value(op, COLUMNS, []);
export const codes = (op: string): Value => value(op, CODES, []);
export const blockMaxima = (op: string): Value => value(op, BLOCK_MAXIMA, []);
export const integers = (op: string): Value =>
  value(op, { says: "per element, int64", of: (p) => sized(p.shape, "int64") }, []);
/** Two to a byte, in one row. */
export const packedCodes = (op: string): Value =>
  value(op, { says: "per two elements, uint8", of: (p) => sized([Math.floor(p.elements / 2)], "uint8") }, []);
/** One for every so many elements, which divide the parameter's. */
export const scales = (block: number): Value =>
  value(
    "zeros",
    { says: `per ${block} elements, float32`, of: (p) => sized([Math.floor(p.elements / block)], "float32") },
    [],
  );
/** What so many codes stand for, of one state alone. */
export const codeTable = (count: number): Value =>
  value("tensor", { says: `${count} values, float32`, of: () => sized([count], "float32") }, []);
export const codeMap = (op: string): Value => value(op, CODE_MAP, []);
/** As large as two of `one`. */
export const doubled = (one: Value): Value => value(one.op, twice(one.extent as Extent), []); // as: it is not in place
export const side = (op: string, at: number): Value => value(op, SIDE(at), []);
export const pairs = (op: string, at: number, ...operands: readonly Value[]): Value =>
  value(op, PAIRS(at), operands);
/** A product of a tensor with itself over all dims but one; a dim in the middle has to be brought to the front. */
export const outerProduct = (at: number): Value => value("tensordot", PAIRS(at), []);
export const outerProductOfMiddle = (at: number): Value =>
  value("tensordot", PAIRS(at), [], { before: [ELEMENT, ELEMENT] });
export const lowRank = (op: string, ...operands: readonly Value[]): Value => value(op, LOW_RANK, operands);
export const basis = (op: string): Value => value(op, BASIS, []);
export const singular = (op: string): Value => value(op, SINGULAR, []);
export const ranked = (op: string): Value => value(op, RANKED, []);

/** `torch.stack(torch._foreach_norm(tensors))` */
export const stackedNorms = (): Value =>
  value("stack", ELEMENT, [], { members: { scratch: CHUNK_SUMS, each: NUMBER } });

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

const height = (shape: Shape): number => shape[shape.length - 2] ?? 1;
const width = (shape: Shape): number => shape[shape.length - 1] ?? 1;
const matrices = (p: Parameter): number => p.elements / (height(p.shape) * width(p.shape) || 1);

/** Over all elements. */
export const norm = (): Value =>
  reducing("norm", NUMBER, (p) => ({ outer: 1, reduced: p.elements, inner: 1, dtype: p.dtype }));
export const bfloat16Norm = (): Value =>
  reducing("norm", BFLOAT16_ONE, (p) => ({ outer: 1, reduced: p.elements, inner: 1, dtype: "bfloat16" }));
export const bfloat16One = (op: string, ...operands: readonly Value[]): Value =>
  value(op, BFLOAT16_ONE, operands);
export const rowNorm = (): Value =>
  reducing("vector_norm", ROW, (p) => ({
    outer: matrices(p) * height(p.shape),
    reduced: width(p.shape),
    inner: 1,
    dtype: p.dtype,
  }));
export const columnNorm = (): Value =>
  reducing("vector_norm", COLUMN, (p) => ({
    outer: matrices(p),
    reduced: height(p.shape),
    inner: width(p.shape),
    dtype: p.dtype,
  }));
/** Mean of the row factors of each matrix. */
export const rowFactorMean = (): Value =>
  reducing("mean", MATRIX, (p) => ({
    outer: matrices(p),
    reduced: height(p.shape),
    inner: 1,
    dtype: p.dtype,
  }));

/** In float32: over all elements, over each row, over each column, and of the row factors of each matrix. */
export const floatNorm = (): Value =>
  reducing("norm", FLOAT_SCALAR, (p) => ({ outer: 1, reduced: p.elements, inner: 1, dtype: "float32" }));
const FLOAT_SCALAR: Extent = { says: "scalar, float32", of: () => scalar("float32") };
export const rowsMean = (): Value =>
  reducing("mean", ROWS, (p) => ({
    outer: matrices(p) * height(p.shape),
    reduced: width(p.shape),
    inner: 1,
    dtype: "float32",
  }));
export const columnsMean = (): Value =>
  reducing("mean", COLUMNS, (p) => ({
    outer: matrices(p),
    reduced: height(p.shape),
    inner: width(p.shape),
    dtype: "float32",
  }));
export const meanOfRows = (): Value =>
  reducing("mean", ROWS_MEAN, (p) => ({
    outer: matrices(p),
    reduced: height(p.shape),
    inner: 1,
    dtype: "float32",
  }));
