/**
 * What JAX's differentiation is made of: for every primitive the operations its derivative adds, and for every linear operation
 * its transpose.
 *
 * `jax.vjp` linearizes first: a primitive's rule computes in the forward pass what the linear part will read, which is kept
 * (the residuals), and writes down linear operations on tangents. Backward is those, transposed and in reverse.
 * jax/_src/interpreters/ad.py LinearizeTrace, backward_pass; JAX 0.10.2.
 */
import type { DType } from "../../base/dtype.js";
import { sameShape, type Shape } from "../../base/shape.js";
import type { Attributes } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";

/** A value; literals have the id -1 and take no memory. */
export interface Tensor {
  readonly spec: TensorSpec;
  readonly id: number;
}

/** What the linear part computes with. */
export interface Tangent {
  readonly spec: TensorSpec;
  readonly tangent: number;
}

export const isTangent = (operand: Tensor | Tangent): operand is Tangent => "tangent" in operand;

export interface Emitter {
  /** The result of an operation on values, in the pass that is being written. */
  op(name: string, inputs: readonly Tensor[], spec: TensorSpec, attributes?: Attributes): Tensor;
}

export interface Linearizer extends Emitter {
  /** A linear operation: everything but its tangents is kept. */
  linear(
    name: string,
    inputs: readonly (Tensor | Tangent)[],
    spec: TensorSpec,
    attributes?: Attributes,
  ): Tangent;
}

export interface Applied {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes;
}

/** Tangents of the results; null where nothing flows. `tangents` has one entry per input. */
export type Rule = (
  to: Linearizer,
  applied: Applied,
  tangents: readonly (Tangent | null)[],
) => readonly (Tangent | null)[];

export interface LinearOperation {
  readonly name: string;
  readonly inputs: readonly (Tensor | Tangent)[];
  readonly spec: TensorSpec;
  readonly attributes: Attributes;
}

/** Cotangents of the inputs; null for values and where nothing flows. */
export type Transpose = (
  to: Emitter,
  operation: LinearOperation,
  cotangent: Tensor,
) => readonly (Tensor | null)[];

export const LITERAL = (dtype: DType = "float32"): Tensor => ({ spec: dense([], dtype), id: -1 });

/** A literal in every element: an operation that reads nothing. */
export function full(to: Emitter, spec: TensorSpec): Tensor {
  return to.op("broadcast_in_dim", [], dense(spec.shape, spec.dtype), { dims: [] });
}

/** Tangents that meet. */
export function sum(to: Linearizer, spec: TensorSpec, tangents: readonly (Tangent | null)[]): Tangent | null {
  const there = tangents.filter((tangent) => tangent !== null);
  const [first, ...more] = there;
  if (!first) return null;
  return more.reduce((all, next) => to.linear("add_any", [all, next], spec), first);
}

/** A cotangent summed over the dims its operand was broadcast along. lax._unbroadcast */
export function unbroadcast(to: Emitter, cotangent: Tensor, spec: TensorSpec): Tensor {
  const { shape, dtype } = cotangent.spec;
  if (sameShape(shape, spec.shape)) return cotangent;
  const extra = shape.length - spec.shape.length;
  const axes = shape.map((_, i) => i).filter((i) => i < extra || spec.shape[i - extra] !== shape[i]);
  const left = shape.filter((_, i) => !axes.includes(i));
  const summed = to.op("reduce_sum", [cotangent], dense(left, dtype), { axes });
  return sameShape(left, spec.shape) ? summed : to.op("reshape", [summed], dense(spec.shape, dtype));
}

export const list = (attributes: Attributes, name: string): readonly number[] => {
  const found = attributes[name];
  return Array.isArray(found) ? (found as readonly number[]) : [];
};

/** Dims of `shape` that `axes` names, left as one. */
export function keepDims(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
}
