/** What a row of the operator table sees of one node, and how it writes operators into the graph. */
import type { DType } from "../../base/dtype.js";
import type { Argument, Attributes, ValueId } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";
import type { Known } from "./known.js";
import type { GraphProto, NodeProto } from "./schema.js";

export interface Call {
  readonly opset: number;
  /** Inputs, outputs: how many the node lists. */
  readonly inputs: number;
  readonly outputs: number;
  readonly where: string;
  has(index: number): boolean;
  /** The tensor at an input. Throws InputError when there is none. */
  id(index: number): ValueId;
  optional(index: number): ValueId | null;
  spec(index: number): TensorSpec;
  /** Values of an input that are known before the run. */
  known(index: number): Known | undefined;
  /** The input is a weight of the model. */
  isWeight(index: number): boolean;
  /** A matrix of weights stored [in, out], as the layer that PyTorch keeps: [out, in]. */
  matrix(index: number, stored: "as-kept" | "transposed"): ValueId;
  /** Module state that is not trained. */
  buffer(index: number): ValueId;
  /** Parts of stacked weights, each a parameter of its own. */
  split(index: number, parts: readonly (readonly number[])[]): ValueId[];
  /** A new parameter or buffer beside an input's, for what an exporter folded away. */
  restore(name: string, shape: readonly number[], role: "parameter" | "buffer", dtype?: DType): ValueId;
  int(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  float(name: string, otherwise: number): number;
  text(name: string, otherwise: string): string;
  /** An operator on the way to the result. */
  step(op: string, inputs: Readonly<Record<string, Argument>>, attributes?: Attributes): ValueId;
  /** The operator whose first results are the node's. */
  result(op: string, inputs: Readonly<Record<string, Argument>>, attributes?: Attributes): ValueId[];
  /** Every result of an operator on the way. */
  steps(op: string, inputs: Readonly<Record<string, Argument>>, attributes?: Attributes): ValueId[];
  /** Puts parameters into one flat buffer, as recurrent modules do. */
  flatten(ids: readonly ValueId[]): void;
  /** The exporter folded a batch norm into this convolution. */
  foldedNorm(): boolean;
  /** Results that follow from the shapes, of an operator that only their bound is known of. */
  bounded(specs: readonly TensorSpec[] | null, why: string): ValueId[];
  /** The result's shape as the file states it. */
  stated(index: number): readonly number[] | undefined;
  /** Sizes written into a reshape, at the asked batch. */
  rescaled(given: readonly number[]): readonly number[];
  note(code: string, message: string, severity?: "info" | "warning"): void;
}

/** Writes one node; what it returns are the node's outputs. */
export type Lowering = (call: Call) => readonly (ValueId | null)[];

/** What control flow needs to write its bodies into the graph. */
export interface GraphWriter {
  lowerGraph(graph: GraphProto): void;
  known(name: string, where: string): Known | undefined;
  shapeOf(name: string, where: string): readonly number[];
  idOf(name: string, where: string): ValueId;
  alias(name: string, of: string, where: string): void;
  bind(name: string, id: ValueId): void;
  bindKnown(name: string, known: Known): void;
  emit(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes,
    node: NodeProto,
    options: { readonly names?: readonly string[] },
  ): ValueId[];
  note(code: string, message: string, where: string): void;
}
