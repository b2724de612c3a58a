/** What a row of the operator table sees of one node, and how it writes operations into the graph. */
import { type DType, isFloating } from "../../base/dtype.js";
import { broadcast, elements, wrapDim } from "../../base/shape.js";
import type { Attributes, ScopeId, ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { notComputed, openShape, shapeMismatch, unknownSize, wrongValue } from "./complaints.js";
import type { AttrValue, NodeDef } from "./schema.js";
import { dtypeOf, fixedShape, shapeIn, type Tensor } from "./tensor.js";
import type { Writer } from "./writer.js";

/** Writes one node; what it returns are the node's results, in order. */
export type Lowering = (call: NodeCall) => Tensor | readonly Tensor[];

export class NodeCall {
  readonly writer: Writer;
  readonly node: NodeDef;
  readonly inputs: readonly Tensor[];
  readonly where: string;
  private readonly scope: ScopeId;
  private readonly attrs = new Map<string, AttrValue>();

  constructor(writer: Writer, node: NodeDef, inputs: readonly Tensor[], where: string, scope: ScopeId) {
    this.writer = writer;
    this.node = node;
    this.inputs = inputs;
    this.where = where;
    this.scope = scope;
    for (const { key = "", value } of node.attr ?? []) if (value) this.attrs.set(key, value);
  }

  get op(): string {
    return this.node.op ?? "";
  }

  // ------------------------------------------------------------------ attributes

  int(name: string, otherwise: number): number {
    const { i, b } = this.attrs.get(name) ?? {};
    return i ?? b ?? otherwise;
  }

  flag(name: string): boolean {
    return this.attrs.get(name)?.b === 1;
  }

  ints(name: string): readonly number[] | undefined {
    return this.attrs.get(name)?.list?.i;
  }

  text(name: string, otherwise: string): string {
    return this.attrs.get(name)?.s ?? otherwise;
  }

  dtype(name: string): DType | null {
    return dtypeOf(this.attrs.get(name)?.type);
  }

  attr(name: string): AttrValue | undefined {
    return this.attrs.get(name);
  }

  /** The result's shape as the file states it; its first open size is the batch. */
  stated(index = 0): readonly number[] | null {
    const shape = this.attrs.get("_output_shapes")?.list?.shape?.[index];
    const sizes = shapeIn(shape, this.where);
    if (!sizes) return null;
    const { batch, fixedBatch } = this.writer.sizes;
    const bound = sizes.map((size, dim) =>
      dim === 0 && (size === -1 || (fixedBatch !== null && size === fixedBatch)) ? batch : size,
    );
    return bound.includes(-1) ? null : bound;
  }

  /** A shape of the file whose every size is known; null where one is open. */
  fixed(name: string): readonly number[] | null {
    return fixedShape(this.attrs.get(name)?.shape, this.where);
  }

  // ------------------------------------------------------------------ inputs

  tensor(index: number): Tensor {
    const found = this.inputs[index];
    if (!found) throw this.refuse(`at least ${index + 1} inputs`, `${this.inputs.length}`);
    return found;
  }

  spec(index: number): TensorSpec {
    return this.writer.specOf(this.tensor(index), this.where);
  }

  shape(index: number): readonly number[] {
    return this.spec(index).shape;
  }

  /** The input as an operand; null: a constant, which takes no memory. */
  operand(index: number): ValueId | null {
    return this.writer.operand(this.tensor(index), this.where);
  }

  /** The input as a value with a shape of its own, whatever it is. */
  value(index: number): ValueId {
    return this.writer.value(this.tensor(index), this.where);
  }

  /** Numbers of an input that are known before the run. */
  data(index: number): readonly number[] | undefined {
    const tensor = this.inputs[index];
    return tensor?.kind === "constant" ? tensor.data : undefined;
  }

  /** As `data`, where a size depends on it. */
  sizes(index: number, what: string): readonly number[] {
    const data = this.data(index);
    if (!data) throw unknownSize(this.where, what);
    return data;
  }

  /** Dims named by an input or an attribute, wrapped. */
  axes(index: number, rank: number): readonly number[] {
    return this.sizes(index, "axes").map((axis) => this.axis(axis, rank));
  }

  axis(axis: number, rank: number): number {
    const wrapped = wrapDim(axis, rank);
    if (!Number.isInteger(wrapped) || wrapped < 0 || wrapped >= Math.max(rank, 1))
      throw this.refuse(`a dim of ${rank}`, String(axis));
    return wrapped;
  }

  // ------------------------------------------------------------------ results

  one(op: string, inputs: readonly (ValueId | null)[], attributes: Attributes = {}): Tensor {
    return this.all(op, inputs, attributes)[0] as Tensor; // as: every operation used here has a result
  }

  all(op: string, inputs: readonly (ValueId | null)[], attributes: Attributes = {}): readonly Tensor[] {
    const ids = this.writer.drawing.op(this.where, this.op, this.scope, op, inputs, attributes);
    if (ids[0] !== undefined) this.writer.makers.set(ids[0], { op, inputs });
    return ids.map((id) => ({ kind: "value", id }));
  }

  /** An operation over operands that broadcast: a constant with more dims or larger ones is placed. */
  broadcast(op: string, attributes: Attributes = {}): Tensor {
    if (this.inputs.length < 2) throw this.refuse("at least 2 inputs", `${this.inputs.length}`);
    const shapes = this.inputs.map((_, i) => this.shape(i));
    const whole = shapes.reduce<readonly number[]>((a, b) => {
      const both = broadcast(a, b);
      if (!both)
        throw this.refuse("shapes that broadcast together", shapes.map((s) => `[${s}]`).join(" and "));
      return both;
    }, []);
    const ids = this.inputs.map((_, i) => this.operand(i));
    const drawn = ids.flatMap((id) => (id === null ? [] : [this.writer.drawing.builder.spec(id).shape]));
    const reached = drawn.reduce<readonly number[]>((a, b) => broadcast(a, b) ?? a, []);
    if (elements(reached) === elements(whole) && reached.length === whole.length)
      return this.one(op, ids, attributes);
    const placed = ids.map((id, i) => (id === null && elements(shapes[i] ?? []) > 1 ? this.value(i) : id));
    return this.one(op, placed, attributes);
  }

  constant(shape: readonly number[], data: readonly number[], dtype: DType = "int32"): Tensor {
    return { kind: "constant", name: this.node.name ?? "", shape, dtype, data };
  }

  /** A result of this shape that is known before the run, though its numbers are not worth having. */
  folded(shape: readonly number[], dtype: DType): Tensor {
    return { kind: "constant", name: this.node.name ?? "", shape, dtype };
  }

  get isKnown(): boolean {
    return this.inputs.length > 0 && this.inputs.every(({ kind }) => kind === "constant");
  }

  /** A model's own input. */
  placeholder(name: string, sizes: readonly number[] | null, dtype: DType): Tensor {
    const { writer, where } = this;
    const shape = writer.bindShape(name, sizes, where, isFloating(dtype));
    if (!shape)
      throw openShape(
        where,
        name,
        sizes ? `[${sizes.map((size) => (size < 0 ? "?" : size))}]` : "no shape at all",
      );
    return { kind: "value", id: writer.input(name, dense(shape, dtype), where) };
  }

  channelsLast(): void {
    const format = this.text("data_format", "NHWC");
    if (format.startsWith("NC"))
      throw notComputed(
        this.where,
        `data_format ${format}`,
        "TensorFlow's own layout is NHWC; convert the model, its sizes stay",
      );
  }

  refuse(expected: string, got: string) {
    return shapeMismatch(this.where, this.op, expected, got);
  }

  wrong(what: string, expected: string, got: unknown) {
    return wrongValue(this.where, what, expected, got);
  }

  note(code: string, severity: "warning" | "info", message: string): void {
    this.writer.note(code, severity, message, this.where);
  }
}
