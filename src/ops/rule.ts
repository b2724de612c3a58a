/**
 * What an operator row says: the specs of its results, and which values each input's gradient reads.
 *
 * The saved set follows: the union over inputs that need a gradient. Ports have ATen's argument names, because
 * those are the words people search for. Framework differences live in `frameworks/`, not here.
 */
import { type DType, isFloating, promote } from "../base/dtype.js";
import type { Shape } from "../base/shape.js";
import type { Attributes } from "../ir/graph.js";
import type { TensorSpec } from "../ir/tensor.js";
import { iterate } from "./layout.js";

export { broadcastAll, ShapeError } from "./broadcast.js";

/** Specs by port; a list port holds an array. */
export type InputSpecs = Readonly<Record<string, TensorSpec | readonly TensorSpec[] | undefined>>;

export interface OpRule {
  /** Tensor inputs in call order; `?` marks an optional one, `*` a list. */
  readonly inputs: readonly string[];
  /** Visible results first; further outputs exist only to be read by backward. */
  readonly outputs: readonly string[];
  readonly infer: (inputs: InputSpecs, attributes: Attributes) => readonly TensorSpec[];
  /** Per differentiable input, the values its gradient reads. Absent: not differentiable. */
  readonly backward?: Readonly<Record<string, readonly string[]>>;
  /** The input whose storage every output shares. */
  readonly aliases?: string;
  /** Aliases only when strides allow, as `reshape` does. */
  readonly aliasesWhen?: (inputs: InputSpecs, attributes: Attributes) => boolean;
}

export type OpTable = Readonly<Record<string, OpRule>>;

type Port<P extends string> = P extends `${infer N}?` ? N : P extends `${infer N}*` ? N : P;

interface Declared<I extends string, O extends string> {
  readonly inputs: readonly I[];
  readonly outputs: readonly O[];
  readonly infer: (
    inputs: Record<Port<I>, TensorSpec>,
    attributes: Attributes,
  ) => TensorSpec | readonly TensorSpec[];
  readonly backward?: { readonly [input in Port<I>]?: readonly NoInfer<Port<I> | O>[] };
  readonly aliases?: NoInfer<Port<I>>;
  readonly aliasesWhen?: (inputs: Record<Port<I>, TensorSpec>, attributes: Attributes) => boolean;
}

/** A row whose names are checked: a misspelt value in `backward` does not compile. */
export function op<I extends string, O extends string>(row: Declared<I, O>): OpRule {
  const infer: OpRule["infer"] = (inputs, attributes) => {
    const result = row.infer(inputs as Record<Port<I>, TensorSpec>, attributes);
    return Array.isArray(result) ? (result as readonly TensorSpec[]) : [result as TensorSpec];
  };
  return { ...row, infer } as unknown as OpRule; // ports are checked above; the engine reads every row alike
}

/** One kernel computes every gradient: `reads` are kept whichever input needs one. */
export function joint<N extends string, R extends string>(
  inputs: readonly N[],
  reads: readonly R[],
): Record<N, readonly R[]> {
  return Object.fromEntries(inputs.map((input) => [input, reads])) as Record<N, readonly R[]>;
}

/** An elementwise function of one tensor. `reads`: what its gradient needs to see again. */
export function unary(reads: "self" | "result" | "nothing"): OpRule {
  return op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], isFloating(self.dtype) ? self.dtype : "float32"),
    backward: { self: reads === "nothing" ? [] : [reads] },
  });
}

/** An elementwise function whose result keeps the input's dtype and has no gradient. */
export function plain(dtype?: DType): OpRule {
  return op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], dtype ?? self.dtype),
  });
}

/** An elementwise function of two broadcast operands; `other` may be a plain number. */
export function binary(reads: {
  self: readonly ("self" | "other" | "result")[];
  other: readonly ("self" | "other" | "result")[];
}): OpRule {
  return op({
    inputs: ["self", "other?"],
    outputs: ["result"],
    infer: ({ self, other }, { other: scalar }) =>
      iterate(other ? [self, other] : [self], resultType(self, other, scalar)),
    backward: reads,
  });
}

/** A comparison: bool result, no gradient. */
export function compares(): OpRule {
  return op({
    inputs: ["self", "other?"],
    outputs: ["result"],
    infer: ({ self, other }) => iterate(other ? [self, other] : [self], "bool"),
  });
}

/** Type promotion of `self op other`: a 0-dim tensor or number does not widen a dimensioned one of the same kind. */
export function resultType(self: TensorSpec, other: TensorSpec | undefined, scalar?: unknown): DType {
  if (other === undefined) {
    const fraction = typeof scalar === "number" && !Number.isInteger(scalar);
    return fraction && !isFloating(self.dtype) && !self.dtype.startsWith("complex") ? "float32" : self.dtype;
  }
  const [weak, strong] = self.shape.length === 0 ? [self, other] : [other, self];
  if (
    weak.shape.length === 0 &&
    strong.shape.length > 0 &&
    (isFloating(strong.dtype) || !isFloating(weak.dtype))
  ) {
    return strong.dtype;
  }
  return promote(self.dtype, other.dtype);
}

// Attribute readers: a missing attribute takes the default of the operator's schema.

export function int(attributes: Attributes, name: string, otherwise: number): number {
  const value = attributes[name];
  return typeof value === "number"
    ? value
    : Array.isArray(value) && value.length === 1
      ? (value[0] as number)
      : otherwise;
}

export function ints(attributes: Attributes, name: string, otherwise: readonly number[]): readonly number[] {
  const value = attributes[name];
  if (typeof value === "number") return [value];
  return Array.isArray(value) && value.every((item) => typeof item === "number")
    ? (value as readonly number[])
    : otherwise;
}

/** A per-spatial-dim attribute: one number stands for all. */
export function perDim(
  attributes: Attributes,
  name: string,
  rank: number,
  otherwise: number,
): readonly number[] {
  const given = ints(attributes, name, [otherwise]);
  if (given.length === rank) return given;
  return new Array<number>(rank).fill(given[0] ?? otherwise);
}

export function flag(attributes: Attributes, name: string, otherwise = false): boolean {
  const value = attributes[name];
  return typeof value === "boolean" ? value : otherwise;
}

export function text(attributes: Attributes, name: string, otherwise: string): string {
  const value = attributes[name];
  return typeof value === "string" ? value : otherwise;
}

export function dtypeOf(attributes: Attributes, name: string, otherwise: DType): DType {
  return text(attributes, name, otherwise) as DType;
}

/** Dims given as one number, several, or none (all of them), counted from the front. */
export function dimsOf(attributes: Attributes, name: string, rank: number): number[] {
  const given = ints(attributes, name, []);
  if (given.length === 0) return Array.from({ length: rank }, (_, dim) => dim);
  return given.map((dim) => (dim < 0 ? dim + rank : dim));
}

/** The shape after reducing `dims`. */
export function reduced(shape: Shape, dims: readonly number[], keep: boolean): number[] {
  return keep
    ? shape.map((size, dim) => (dims.includes(dim) ? 1 : size))
    : shape.filter((_, dim) => !dims.includes(dim));
}
