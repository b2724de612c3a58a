/**
 * One activation of a Python function while the forward pass runs: the operators it calls and the variables it binds.
 *
 * A variable holds its tensor until it is bound again or its function returns, which decides when the tensor dies.
 * Results that are bound to no variable die with their last reader.
 */
import type { DType } from "../base/dtype.js";
import type { Shape } from "../base/shape.js";
import type { Argument, Attributes, ScopeId, ValueId } from "../ir/graph.js";
import type { TensorSpec } from "../ir/tensor.js";
import type { Drawing, RunOptions } from "./drawing.js";

export interface ModuleCall {
  readonly path: string;
  readonly kind: string;
  readonly block: boolean;
}

/** Attributes of every operator in a stretch of code. */
export interface Context {
  /** `torch.no_grad()` */
  readonly noGrad?: true;
  /** `torch.autocast(enabled=False)` */
  readonly outsideAutocast?: true;
}

export class Frame {
  private readonly drawing: Drawing;
  private readonly scope: ScopeId;
  private readonly context: Context;
  private readonly variables = new Map<string, ValueId>();

  constructor(drawing: Drawing, scope: ScopeId, context: Context = {}) {
    this.drawing = drawing;
    this.scope = scope;
    this.context = context;
  }

  get run(): RunOptions {
    return this.drawing.run;
  }

  spec(id: ValueId): TensorSpec {
    return this.drawing.builder.spec(id);
  }

  /** Sizes of a tensor. */
  shape(id: ValueId): Shape {
    return this.spec(id).shape;
  }

  // ------------------------------------------------------------------ operators

  /** First result of `op`. */
  op(op: string, inputs: Readonly<Record<string, Argument>>, attributes: Attributes = {}): ValueId {
    return this.ops(op, inputs, attributes)[0] as ValueId;
  }

  /** Every result of `op`. */
  ops(op: string, inputs: Readonly<Record<string, Argument>>, attributes: Attributes = {}): ValueId[] {
    return this.drawing.builder.node(op, inputs, { ...attributes, ...this.context }, { scope: this.scope });
  }

  /** `op(self)` */
  apply(op: string, self: ValueId, attributes?: Attributes): ValueId {
    return this.op(op, { self }, attributes);
  }

  /** A binary operator; `other` may be a plain number. */
  binary(op: string, self: ValueId, other: ValueId | { readonly number: number }): ValueId {
    return typeof other === "number"
      ? this.op(op, { self, other })
      : this.op(op, { self }, { other: other.number });
  }

  add(self: ValueId, other: ValueId): ValueId {
    return this.op("add", { self, other });
  }

  mul(self: ValueId, other: ValueId): ValueId {
    return this.op("mul", { self, other });
  }

  /** `self * factor`, for a Python number. */
  scale(self: ValueId, factor: number): ValueId {
    return this.op("mul", { self }, { other: factor });
  }

  matmul(self: ValueId, other: ValueId): ValueId {
    return this.op("matmul", { self, other });
  }

  // ------------------------------------------------------------------ shapes and types

  view(self: ValueId, size: Shape): ValueId {
    return this.op("view", { self }, { size });
  }

  reshape(self: ValueId, shape: Shape): ValueId {
    return this.op("reshape", { self }, { shape });
  }

  transpose(self: ValueId, dim0: number, dim1: number): ValueId {
    return this.op("transpose", { self }, { dim0, dim1 });
  }

  permute(self: ValueId, dims: readonly number[]): ValueId {
    return this.op("permute", { self }, { dims });
  }

  unsqueeze(self: ValueId, dim: number): ValueId {
    return this.op("unsqueeze", { self }, { dim });
  }

  expand(self: ValueId, size: Shape): ValueId {
    return this.op("expand", { self }, { size });
  }

  /** `self[…, start:end]` along `dim`: indexing with all of a dim cuts nothing, and has no gradient of its own. */
  slice(self: ValueId, dim: number, start: number, end: number): ValueId {
    if (start === 0 && end >= (this.shape(self).at(dim) as number)) return self;
    return this.op("slice", { self }, { dim, start, end });
  }

  contiguous(self: ValueId): ValueId {
    return this.op("contiguous", { self });
  }

  cat(tensors: readonly ValueId[], dim: number): ValueId {
    return this.op("cat", { tensors }, { dim });
  }

  /** `self.to(dtype)` for a dtype that the code names. */
  to(self: ValueId, dtype: DType): ValueId {
    return this.op("cast", { self }, { dtype, spelledOut: true });
  }

  /** `self.to(other.dtype)` */
  toTypeOf(self: ValueId, other: ValueId): ValueId {
    return this.op("castLike", { self, other });
  }

  /** A tensor made in this place: zeros, ones, a mask. `like`: the tensor whose dtype it takes. */
  create(size: Shape, dtype: DType): ValueId {
    return this.op("create", {}, { size, dtype, spelledOut: true });
  }

  arange(end: number, dtype: DType = "int64"): ValueId {
    return this.op("arange", {}, { end, dtype });
  }

  /** Its argument itself where nothing is dropped. */
  dropout(input: ValueId, p: number): ValueId {
    return this.run.training ? this.op("dropout", { input }, { p, train: true }) : input;
  }

  // ------------------------------------------------------------------ functions and variables

  /** Binds `value` to a variable: what it held before dies, unless something else holds it. */
  set(name: string, value: ValueId): ValueId {
    const before = this.variables.get(name);
    this.variables.set(name, value); // keeps its slot: a function lets go of its variables in the order of their slots
    if (before !== undefined && before !== value) this.drawing.builder.release(before);
    return value;
  }

  /** Calls a plain function: its parameters hold `args` until it returns. */
  call<R>(args: readonly ValueId[], body: (frame: Frame) => R, context: Context = {}): R {
    const frame = new Frame(this.drawing, this.scope, { ...this.context, ...context });
    args.forEach((arg, i) => {
      frame.variables.set(`argument ${i}`, arg);
    });
    const result = body(frame);
    frame.close();
    return result;
  }

  /** Calls a module. */
  enter<R>({ path, kind, block }: ModuleCall, args: readonly unknown[], forward: (frame: Frame) => R): R {
    const { builder } = this.drawing;
    const scope = builder.scope(path, kind, this.scope, block ? keptArguments(args) : undefined);
    const frame = new Frame(this.drawing, scope, this.context);
    const result = forward(frame);
    frame.close();
    for (const arg of args) if (typeof arg === "number") builder.release(arg);
    return result;
  }

  private close(): void {
    for (const value of this.variables.values()) this.drawing.builder.release(value);
  }
}

/** torch.utils.checkpoint lets go of keyword arguments before the positional one, the hidden states. */
function keptArguments([states, ...others]: readonly unknown[]): ValueId[] {
  return [...others, states].flatMap((arg): ValueId[] => {
    if (typeof arg === "number") return [arg];
    if (typeof arg !== "object" || arg === null) return [];
    return Object.values(arg).filter((value) => typeof value === "number");
  });
}
