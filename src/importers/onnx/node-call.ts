/** One node of the file as its row sees it: inputs by index, attributes by name, and what the row makes of them. */
import type { DType } from "../../base/dtype.js";
import type { Argument, Attributes, ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import type { Call } from "./call.js";
import * as complaints from "./complaints.js";
import type { Known } from "./known.js";
import { attribute, type NodeProto } from "./schema.js";
import { scopePath } from "./scopes.js";

/** What a node asks of the graph that is being written. */
export interface NodeContext {
  /** The opset of the file. */
  readonly version: number;
  /** The tensor behind a name; weights are declared when something reads them. */
  idOf(name: string, where: string, role?: "parameter" | "buffer"): ValueId;
  /** Of a weight that is not declared yet; looking at it does not declare it. */
  weightSpec(name: string, where: string): TensorSpec | undefined;
  spec(id: ValueId): TensorSpec;
  known(name: string, where: string): Known | undefined;
  isWeight(name: string): boolean;
  /** The layer's [out, in] matrix of a weight, or of its transpose, that the file stores the other way round. */
  matrix(name: string, stored: "as-kept" | "transposed", where: string): ValueId;
  split(name: string, parts: readonly (readonly number[])[], where: string): ValueId[];
  restore(name: string, spec: TensorSpec, role: "parameter" | "buffer"): ValueId;
  emit(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes,
    node: NodeProto,
    options: { readonly names?: readonly string[]; readonly stated?: readonly TensorSpec[] },
  ): ValueId[];
  flatten(ids: readonly ValueId[]): void;
  /** The result's shape in the file, with open dims bound. */
  stated(name: string): readonly number[] | undefined;
  /** Sizes written into a reshape, when the file fixed its batch and another is asked. */
  rescaled(node: NodeProto, given: readonly number[]): readonly number[];
  note(code: string, message: string, where: string, severity?: "info" | "warning"): void;
}

export class NodeCall implements Call {
  private readonly context: NodeContext;
  private readonly node: NodeProto;
  readonly where: string;

  constructor(context: NodeContext, node: NodeProto, where: string) {
    this.context = context;
    this.node = node;
    this.where = where;
  }

  get opset(): number {
    return this.context.version;
  }
  get inputs(): number {
    return this.node.input?.length ?? 0;
  }
  get outputs(): number {
    return this.node.output?.length ?? 0;
  }
  has(index: number): boolean {
    return (this.node.input?.[index] ?? "") !== "";
  }
  private name(index: number): string {
    const name = this.node.input?.[index] ?? "";
    if (name === "") throw complaints.missingInput(this.where, index);
    return name;
  }
  id(index: number): ValueId {
    return this.context.idOf(this.name(index), this.where);
  }
  optional(index: number): ValueId | null {
    return this.has(index) ? this.id(index) : null;
  }
  spec(index: number): TensorSpec {
    const known = this.known(index);
    if (known && !this.isWeight(index)) return dense(known.shape, known.dtype);
    return this.context.weightSpec(this.name(index), this.where) ?? this.context.spec(this.id(index));
  }
  known(index: number): Known | undefined {
    return this.has(index) ? this.context.known(this.name(index), this.where) : undefined;
  }
  isWeight(index: number): boolean {
    return this.has(index) && this.context.isWeight(this.name(index));
  }
  matrix(index: number, stored: "as-kept" | "transposed"): ValueId {
    return this.context.matrix(this.name(index), stored, this.where);
  }
  buffer(index: number): ValueId {
    return this.context.idOf(this.name(index), this.where, "buffer");
  }
  split(index: number, parts: readonly (readonly number[])[]): ValueId[] {
    return this.context.split(this.name(index), parts, this.where);
  }
  restore(
    name: string,
    shape: readonly number[],
    role: "parameter" | "buffer",
    dtype: DType = "float32",
  ): ValueId {
    const path = scopePath(this.node).split("/").at(-1) || this.node.output?.[0] || "restored";
    return this.context.restore(`${path}.${name}`, dense(shape, dtype), role);
  }
  int(name: string, otherwise: number): number {
    return attribute(this.node, name)?.i ?? otherwise;
  }
  ints(name: string): readonly number[] | undefined {
    return attribute(this.node, name)?.ints;
  }
  float(name: string, otherwise: number): number {
    return attribute(this.node, name)?.f ?? otherwise;
  }
  text(name: string, otherwise: string): string {
    return attribute(this.node, name)?.s ?? otherwise;
  }
  steps(op: string, inputs: Readonly<Record<string, Argument>>, attributes: Attributes = {}): ValueId[] {
    return this.context.emit(op, inputs, attributes, this.node, {});
  }
  flatten(ids: readonly ValueId[]): void {
    this.context.flatten(ids);
  }
  foldedNorm(): boolean {
    const rules =
      this.node.notes?.find(({ key }) => key === "pkg.onnxscript.rewriter.rule_name")?.value ?? "";
    return rules.includes("FuseBatchNormIntoConv") || /^onnx::Conv_\d+$/.test(this.node.input?.[1] ?? "");
  }
  step(op: string, inputs: Readonly<Record<string, Argument>>, attributes: Attributes = {}): ValueId {
    return this.context.emit(op, inputs, attributes, this.node, {})[0] as ValueId;
  }
  result(op: string, inputs: Readonly<Record<string, Argument>>, attributes: Attributes = {}): ValueId[] {
    const names = (this.node.output ?? []).slice(0, LISTS.has(op) ? undefined : 1);
    return this.context.emit(op, inputs, attributes, this.node, { names });
  }
  bounded(specs: readonly TensorSpec[] | null, why: string): ValueId[] {
    const names = this.node.output ?? [];
    const inputs: Record<string, ValueId> = {};
    this.node.input?.forEach((name, i) => {
      if (name !== "") inputs[`input${i}`] = this.id(i);
    });
    const first = Object.values(inputs)[0];
    const like = first === undefined ? dense([], "float32") : this.context.spec(first);
    const guessed = names.some((_, i) => !specs?.[i] && !this.stated(i));
    const stated = names.map((_, i) => specs?.[i] ?? dense(this.stated(i) ?? like.shape, like.dtype));
    const op = [this.node.domain, this.node.opType].filter((part) => part).join(".");
    this.note(
      "ops/unknown",
      `${op} ${why}: bounded by keeping its inputs and results for backward, and a gradient as large as each input${
        guessed ? "; its results are taken to be like its first input, as the file does not say" : ""
      }`,
    );
    return this.context.emit(`onnx.${op}`, inputs, {}, this.node, { names, stated });
  }
  stated(index: number): readonly number[] | undefined {
    return this.context.stated(this.node.output?.[index] ?? "");
  }
  rescaled(given: readonly number[]): readonly number[] {
    return this.context.rescaled(this.node, given);
  }
  note(code: string, message: string, severity: "info" | "warning" = "warning"): void {
    this.context.note(code, message, this.where, severity);
  }
}

/** Operators of ours whose further results are the node's too. */
const LISTS: ReadonlySet<string> = new Set(["split", "topk", "maxDim"]);
