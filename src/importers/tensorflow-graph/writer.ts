/** The graph while a file's nodes are written into it: inputs, variables, constants, and what is said about them. */
import { isFloating } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { type Drawing, MAX_ELEMENTS } from "../keras/call.js";
import type { Bindings } from "../model.js";
import { shapeMismatch, tooLarge, unknownSize } from "./complaints.js";
import type { Constant, Functions, Tensor, Variable } from "./tensor.js";

export interface Sizes {
  readonly batch: number;
  /** What the file wrote in the batch's place; null where it is open. */
  readonly fixedBatch: number | null;
}

export interface WriterOptions {
  readonly functions: Functions;
  readonly isFrozen: boolean;
  readonly bindings: Bindings;
}

/** Of one code, so many are told one by one. */
const MAX_NOTES = 3;

export class Writer {
  readonly drawing: Drawing;
  readonly sizes: Sizes;
  /** The graph has no variables: its weights are constants. */
  readonly isFrozen: boolean;
  readonly functions: Functions;
  /** What made a value. */
  readonly makers = new Map<ValueId, { readonly op: string; readonly inputs: readonly (ValueId | null)[] }>();
  private readonly bindings: Bindings;
  private readonly weights = new Map<Constant, ValueId>();
  private readonly names = new Set<string>();
  private readonly notes = new Map<string, number>();

  constructor(drawing: Drawing, sizes: Sizes, { functions, isFrozen, bindings }: WriterOptions) {
    this.functions = functions;
    this.drawing = drawing;
    this.sizes = sizes;
    this.isFrozen = isFrozen;
    this.bindings = bindings;
  }

  specOf(tensor: Tensor, where: string): TensorSpec {
    if (tensor.kind === "value") return this.drawing.builder.spec(tensor.id);
    if (tensor.kind === "constant") return dense(tensor.shape, tensor.dtype);
    if (tensor.kind === "variable") return this.drawing.builder.spec(this.variable(tensor.variable, where));
    throw shapeMismatch(
      where,
      "the operation",
      "a tensor of numbers",
      tensor.kind === "list" ? "a list of tensors" : "text or a handle",
    );
  }

  operand(tensor: Tensor, where: string): ValueId | null {
    if (tensor.kind !== "constant") return this.value(tensor, where);
    return this.isWeight(tensor) ? this.weight(tensor, "parameter", where) : null;
  }

  value(tensor: Tensor, where: string): ValueId {
    if (tensor.kind === "value") return tensor.id;
    if (tensor.kind === "variable") return this.variable(tensor.variable, where);
    if (tensor.kind === "constant")
      return this.weight(tensor, this.isWeight(tensor) ? "parameter" : "buffer", where);
    throw shapeMismatch(
      where,
      "the operation",
      "a tensor of numbers",
      tensor.kind === "list" ? "a list of tensors" : "text or a handle",
    );
  }

  /** Running statistics: weights that do not train, as Keras counts them. */
  statistic(tensor: Tensor, where: string): ValueId {
    return tensor.kind === "constant" ? this.weight(tensor, "statistic", where) : this.value(tensor, where);
  }

  private isWeight({ shape, dtype }: Constant): boolean {
    return this.isFrozen && isFloating(dtype) && elements(shape) > 1;
  }

  private weight(constant: Constant, kind: "parameter" | "statistic" | "buffer", where: string): ValueId {
    const known = this.weights.get(constant);
    if (known !== undefined) return known;
    const { shape, dtype, name } = constant;
    this.check(shape, where);
    const id = this.resident(
      name.replace(/\/read$/, "") || "constant",
      kind === "buffer" ? "buffer" : "parameter",
      dense(shape, dtype),
      kind === "parameter",
    );
    this.weights.set(constant, id);
    return id;
  }

  variable(variable: Variable, where: string): ValueId {
    if (variable.id !== undefined) return variable.id;
    if (!variable.shape)
      throw unknownSize(where, `the shape of variable ${JSON.stringify(variable.name.slice(0, 60))}`);
    this.check(variable.shape, where);
    const trains = isFloating(variable.dtype);
    variable.id = this.resident(
      variable.name,
      trains ? "parameter" : "buffer",
      dense(variable.shape, variable.dtype),
      trains && variable.trainable,
    );
    return variable.id;
  }

  private resident(
    name: string,
    role: "parameter" | "buffer",
    spec: TensorSpec,
    trainable: boolean,
  ): ValueId {
    const { builder, residents } = this.drawing;
    const id = builder.value(this.ownName(name), role, spec, { trainable });
    residents.push(id);
    return id;
  }

  /** Values of a graph have distinct names. */
  private ownName(name: string): string {
    let own = name;
    for (let count = 2; this.names.has(own); count++) own = `${name}_${count}`;
    this.names.add(own);
    return own;
  }

  input(name: string, spec: TensorSpec, where: string): ValueId {
    this.check(spec.shape, where);
    return this.drawing.builder.value(this.ownName(name), "input", spec);
  }

  /** A shape of the file at the asked sizes; null where one stays open. */
  bindShape(
    name: string,
    sizes: readonly number[] | null,
    where: string,
    isFloating: boolean,
  ): readonly number[] | null {
    const { shapes, image, sequence } = this.bindings;
    const given = shapes?.[name];
    if (given) {
      if (sizes && sizes.length !== given.length)
        throw shapeMismatch(where, "an input", `${sizes.length} sizes`, `[${given}]`);
      return given;
    }
    if (!sizes) return null;
    const { batch, fixedBatch } = this.sizes;
    const bound = sizes.map((size, dim) => {
      if (dim === 0 && (size === -1 || size === fixedBatch)) return batch;
      if (image && isFloating && sizes.length === 4 && (dim === 1 || dim === 2))
        return image[dim - 1] as number;
      if (size === -1 && dim === 1 && sequence !== undefined) return sequence;
      return size;
    });
    return bound.includes(-1) ? null : bound;
  }

  check(shape: readonly number[], where: string): void {
    if (shape.some((size) => !Number.isSafeInteger(size) || size < 1))
      throw shapeMismatch(where, "a tensor", "whole sizes above zero", `[${shape}]`);
    if (elements(shape) > MAX_ELEMENTS) throw tooLarge(where, shape, MAX_ELEMENTS);
  }

  note(code: string, severity: "warning" | "info", message: string, where: string): void {
    const before = this.notes.get(code) ?? 0;
    this.notes.set(code, before + 1);
    if (before < MAX_NOTES)
      this.drawing.diagnostics.push({ code: `tensorflow-graph/${code}`, severity, message, where });
  }
}
