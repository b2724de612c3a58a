/** Operations over numbers that are known before the run: sizes are computed from shapes. */
import type { DType } from "../../base/dtype.js";
import { broadcast, elements } from "../../base/shape.js";
import type { Constant } from "./tensor.js";

/** A constant whose numbers are known. */
export type Known = Constant & { readonly data: readonly number[] };

export interface KnownAttributes {
  /** Of a node, by name. */
  int(name: string, otherwise: number): number;
  dtype(name: string): DType | null;
}

/** More numbers than a shape has are not worth computing. */
const MAX_NUMBERS = 65_536;

type Evaluation = (inputs: readonly Known[], attributes: KnownAttributes) => Known | readonly Known[] | null;

const made = (shape: readonly number[], data: readonly number[], dtype: DType): Known => ({
  kind: "constant",
  name: "",
  shape,
  dtype,
  data,
});

const each =
  (run: (x: number) => number, dtype?: DType): Evaluation =>
  ([x]) =>
    x ? made(x.shape, x.data.map(run), dtype ?? x.dtype) : null;

const pairwise =
  (run: (x: number, y: number) => number, dtype?: DType): Evaluation =>
  ([x, y]) => {
    if (!x || !y) return null;
    const shape = broadcast(x.shape, y.shape);
    if (!shape || elements(shape) > MAX_NUMBERS) return null;
    const at = (known: Known, index: number) => known.data[placeIn(shape, known.shape, index)] as number;
    const data = Array.from({ length: elements(shape) }, (_, i) => run(at(x, i), at(y, i)));
    return made(shape, data, dtype ?? x.dtype);
  };

/** Where an element of the broadcast result lies in an operand. */
function placeIn(whole: readonly number[], own: readonly number[], index: number): number {
  let [rest, place, stride] = [index, 0, 1];
  for (let dim = whole.length - 1; dim >= 0; dim--) {
    const size = whole[dim] as number;
    const at = rest % size;
    rest = Math.floor(rest / size);
    const mine = own[dim - (whole.length - own.length)];
    if (mine === undefined) continue;
    place += (mine === 1 ? 0 : at) * stride;
    stride *= mine;
  }
  return place;
}

/** Over all dims or the only one: what sizes are computed with. */
const reduced =
  (run: (values: readonly number[]) => number): Evaluation =>
  ([x], attributes) =>
    x && x.shape.length <= 1
      ? made(attributes.int("keep_dims", 0) ? x.shape.map(() => 1) : [], [run(x.data)], x.dtype)
      : null;

const stacked: Evaluation = (inputs) => {
  const [first] = inputs;
  if (!first || first.shape.length > 0) return null;
  return made(
    [inputs.length],
    inputs.map(({ data }) => data[0] as number),
    first.dtype,
  );
};

const joined = (inputs: readonly Known[]): Known | null => {
  const [first] = inputs;
  if (!first || inputs.some(({ shape }) => shape.length !== 1)) return null;
  const data = inputs.flatMap((input) => input.data);
  return data.length > MAX_NUMBERS ? null : made([data.length], data, first.dtype);
};

/** Of a list of numbers, with the masks that say which ends are open. */
const sliced: Evaluation = ([x, begin, end, strides], attributes) => {
  if (!x || !begin || !end || !strides || x.shape.length !== 1 || begin.data.length !== 1) return null;
  const [size] = x.shape as readonly [number];
  const step = strides.data[0] as number;
  const wrapped = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const from = attributes.int("begin_mask", 0) & 1 ? 0 : wrapped(begin.data[0] as number);
  if (attributes.int("shrink_axis_mask", 0) & 1)
    return from < size ? made([], [x.data[from] as number], x.dtype) : null;
  const until = attributes.int("end_mask", 0) & 1 ? size : wrapped(end.data[0] as number);
  if (step < 1) return null;
  const data = x.data.filter((_, i) => i >= from && i < until && (i - from) % step === 0);
  return made([data.length], data, x.dtype);
};

const gathered: Evaluation = ([x, indices]) => {
  if (!x || !indices || x.shape.length !== 1) return null;
  const data = indices.data.map((at) => x.data[at < 0 ? at + x.data.length : at]);
  return data.includes(undefined) ? null : made(indices.shape, data as number[], x.dtype);
};

const filled: Evaluation = ([dims, value]) => {
  if (!dims || !value || dims.data.some((size) => size < 0)) return null;
  const count = elements(dims.data);
  return count > MAX_NUMBERS
    ? null
    : made(dims.data, new Array<number>(count).fill(value.data[0] as number), value.dtype);
};

const ranged: Evaluation = ([start, limit, delta]) => {
  const [from, until, step] = [start?.data[0], limit?.data[0], delta?.data[0]];
  if (from === undefined || until === undefined || !step) return null;
  const count = Math.max(Math.ceil((until - from) / step), 0);
  if (!(count <= MAX_NUMBERS)) return null;
  return made(
    [count],
    Array.from({ length: count }, (_, i) => from + i * step),
    (start as Known).dtype,
  );
};

const reshaped =
  (shape: (x: Known, inputs: readonly Known[]) => readonly number[] | null): Evaluation =>
  (inputs) => {
    const [x] = inputs;
    const to = x && shape(x, inputs);
    return x && to && elements(to) === x.data.length ? made(to, x.data, x.dtype) : null;
  };

const isWhole = (dtype: DType) => !/float/.test(dtype);
const quotient = ([x, y]: readonly Known[]) =>
  pairwise(x && isWhole(x.dtype) ? (a, b) => Math.trunc(a / b) : (a, b) => a / b)(
    [x, y] as Known[],
    NO_ATTRIBUTES,
  );
const NO_ATTRIBUTES: KnownAttributes = { int: (_, otherwise) => otherwise, dtype: () => null };

const EVALUATIONS: Readonly<Record<string, Evaluation>> = {
  Add: pairwise((x, y) => x + y),
  AddV2: pairwise((x, y) => x + y),
  Sub: pairwise((x, y) => x - y),
  Mul: pairwise((x, y) => x * y),
  FloorDiv: pairwise((x, y) => Math.floor(x / y)),
  FloorMod: pairwise((x, y) => x - Math.floor(x / y) * y),
  RealDiv: pairwise((x, y) => x / y),
  Div: quotient,
  TruncateDiv: quotient,
  Maximum: pairwise(Math.max),
  Minimum: pairwise(Math.min),
  Equal: pairwise((x, y) => Number(x === y), "bool"),
  NotEqual: pairwise((x, y) => Number(x !== y), "bool"),
  Less: pairwise((x, y) => Number(x < y), "bool"),
  LessEqual: pairwise((x, y) => Number(x <= y), "bool"),
  Greater: pairwise((x, y) => Number(x > y), "bool"),
  GreaterEqual: pairwise((x, y) => Number(x >= y), "bool"),
  LogicalAnd: pairwise((x, y) => x && y, "bool"),
  LogicalOr: pairwise((x, y) => x || y, "bool"),
  LogicalNot: each((x) => Number(!x)),
  Neg: each((x) => -x),
  Abs: each(Math.abs),
  Floor: each(Math.floor),
  Ceil: each(Math.ceil),
  Cast: ([x], attributes) => {
    const to = attributes.dtype("DstT");
    return x && to ? made(x.shape, isWhole(to) ? x.data.map(Math.trunc) : x.data, to) : null;
  },
  Prod: reduced((values) => values.reduce((product, value) => product * value, 1)),
  Sum: reduced((values) => values.reduce((sum, value) => sum + value, 0)),
  Max: reduced((values) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)),
  Min: reduced((values) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)),
  All: reduced((values) => Number(values.every(Boolean))),
  Pack: stacked,
  ConcatV2: (inputs) => joined(inputs.slice(0, -1)),
  Concat: (inputs) => joined(inputs.slice(1)),
  StridedSlice: sliced,
  Slice: ([x, begin, size]) => {
    const [from, count] = [begin?.data[0], size?.data[0]];
    if (x?.shape.length !== 1 || from === undefined || count === undefined) return null;
    const data = x.data.slice(from, count < 0 ? undefined : from + count);
    return made([data.length], data, x.dtype);
  },
  Gather: gathered,
  GatherV2: gathered,
  Fill: filled,
  Range: ranged,
  Reshape: reshaped((x, [, shape]) => {
    const given = shape?.data ?? [];
    const rest = x.data.length / given.reduce((product, size) => (size < 0 ? product : product * size), 1);
    return given.map((size) => (size < 0 ? rest : size));
  }),
  ExpandDims: reshaped((x) => (x.shape.length === 0 ? [1] : null)),
  Squeeze: reshaped((x) => x.shape.filter((size) => size !== 1)),
  Select: ([mask, x, y]) => (mask?.data.length === 1 ? ((mask.data[0] ? x : y) ?? null) : null),
  SelectV2: ([mask, x, y]) => (mask?.data.length === 1 ? ((mask.data[0] ? x : y) ?? null) : null),
  Unpack: ([x]) => (x?.shape.length === 1 ? x.data.map((value) => made([], [value], x.dtype)) : null),
  BroadcastArgs: ([x, y]) => {
    const shape = x && y && broadcast(x.data, y.data);
    return shape ? made([shape.length], shape, "int32") : null;
  },
};

/** Results whose numbers follow from the inputs' numbers; null: they do not, or are too many. */
export function evaluate(
  op: string,
  inputs: readonly Known[],
  attributes: KnownAttributes,
): readonly Known[] | null {
  const run = Object.hasOwn(EVALUATIONS, op) ? EVALUATIONS[op] : undefined;
  const found = run?.(inputs, attributes) ?? null;
  return found === null || Array.isArray(found) ? (found as readonly Known[] | null) : [found as Known];
}
