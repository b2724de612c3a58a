/**
 * What an operation of a TensorFlow graph is: the specs of its results, and the operations its gradient function adds.
 *
 * TensorFlow traces a step as one graph: forward operations, then those of the registered gradient functions, which read values
 * of forward operations by name. What nobody needs is pruned, constants are folded, and a buffer dies after its last reader.
 * Rows follow tensorflow/python/ops/*_grad.py of TensorFlow 2.21 and are compared with graphs that it traced.
 */
import type { DType } from "../../base/dtype.js";
import { sameShape, type Shape } from "../../base/shape.js";
import type { Attributes } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { broadcast } from "../../base/shape.js";
import { ShapeError } from "../../ops/rule.js";

/** A value of the traced graph. Constants take no memory: they are folded into the kernels' attributes. */
export interface GraphTensor {
  readonly spec: TensorSpec;
  /** Distinct values have distinct numbers; -1 is a constant. */
  readonly id: number;
}

/** Adds operations to the graph that is being traced. */
export interface Emitter {
  /** The results of `op`. */
  all(op: string, inputs: readonly GraphTensor[], attributes?: Attributes): readonly GraphTensor[];
  /** Its first result. */
  one(op: string, inputs: readonly GraphTensor[], attributes?: Attributes): GraphTensor;
  constant(shape?: Shape, dtype?: DType): GraphTensor;
}

export interface TracedOperation {
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  readonly attributes: Attributes;
  /** Which inputs somebody wants a gradient of. */
  readonly needs: readonly boolean[];
}

type Gradient = GraphTensor | null;

/** Gradients of the inputs, in order. `grads` has one entry per output, null where none arrived. */
export type GradientFunction = (
  emit: Emitter,
  operation: TracedOperation,
  grads: readonly Gradient[],
) => readonly Gradient[];

export interface GraphOperation {
  readonly infer: (inputs: readonly TensorSpec[], attributes: Attributes) => readonly TensorSpec[];
  /** The result shows its first input's buffer. */
  readonly alias?: true;
  /** The kernel may write its result over an input of the same size that nobody reads later: forward_input_or_allocate_output. */
  readonly overwrites?: true;
  /** It has an effect beyond its results: it is never pruned, nor folded. */
  readonly effect?: true;
  /** Absent: not differentiable. */
  readonly gradient?: GradientFunction;
}

export type OperationTable = Readonly<Record<string, GraphOperation>>;

// ---------------------------------------------------------------- specs

export const same = ([first]: readonly TensorSpec[]): readonly TensorSpec[] => [first as TensorSpec];

/** The first input's elements in another shape or type. */
export function like(spec: TensorSpec, shape: Shape = spec.shape, dtype: DType = spec.dtype): TensorSpec {
  return dense(shape, dtype);
}

export function shapeOf(attributes: Attributes, name = "shape"): readonly number[] {
  return attributes[name] as readonly number[]; // as: every emitter of the operation gives it
}

export function broadcasted(inputs: readonly TensorSpec[]): readonly TensorSpec[] {
  let shape: Shape = [];
  for (const input of inputs) {
    const next = broadcast(shape, input.shape);
    if (!next)
      throw new ShapeError(
        "shapes that broadcast together",
        inputs.map(({ shape }) => `[${shape}]`).join(" and "),
      );
    shape = next;
  }
  return [dense(shape, (inputs[0] as TensorSpec).dtype)];
}

// ---------------------------------------------------------------- gradients

/** An operation's pieces under short names. */
export interface Parts {
  readonly x: GraphTensor;
  readonly y: GraphTensor;
  readonly out: GraphTensor;
  readonly g: GraphTensor;
  readonly attributes: Attributes;
}

/** A gradient function of an operation with one result. */
export function simple(run: (emit: Emitter, parts: Parts) => readonly Gradient[]): GradientFunction {
  return (emit, { inputs, outputs, attributes }, [g]) => {
    const [x, y = x] = inputs as readonly [GraphTensor, GraphTensor?];
    return run(emit, { x, y, out: outputs[0] as GraphTensor, g: g as GraphTensor, attributes });
  };
}

export const isConstant = (tensor: GraphTensor): boolean => tensor.id < 0;
const isScalar = (tensor: GraphTensor): boolean => tensor.spec.shape.length === 0;

/** x, y and the gradient have one shape: nothing was broadcast. */
export function allEqual({ x, y, g }: Parts): boolean {
  return sameShape(x.spec.shape, y.spec.shape) && sameShape(x.spec.shape, g.spec.shape);
}

/** A constant scalar beside x: its gradient is not even traced. */
export const besideScalar = ({ y }: Parts): boolean => isConstant(y) && isScalar(y);

/** Both gradients, summed over the dims their operand was broadcast along. math_grad.py _ReduceGradientArgs */
export function reduceArguments(
  emit: Emitter,
  x: GraphTensor,
  y: GraphTensor,
  gx: Gradient,
  gy: Gradient,
): readonly Gradient[] {
  return [reduceTo(emit, gx, x.spec.shape, y.spec.shape), reduceTo(emit, gy, y.spec.shape, x.spec.shape)];
}

function reduceTo(emit: Emitter, gradient: Gradient, own: Shape, other: Shape): Gradient {
  if (!gradient) return null;
  const rank = Math.max(own.length, other.length);
  const dims: number[] = [];
  for (let dim = 0; dim < rank; dim++) {
    const mine = own[dim - (rank - own.length)];
    const theirs = other[dim - (rank - other.length)] ?? 1;
    if (mine === undefined || (mine === 1 && theirs !== 1)) dims.push(dim);
  }
  if (dims.length === 0) return gradient;
  const summed = emit.one("Sum", [gradient], { axes: dims, keep: true });
  return emit.one("Reshape", [summed], { shape: own });
}
