/** The graph while it grows: a layer's call, its weights, and the TensorFlow operations it runs. */
import type { Diagnostic } from "../../base/complaint.js";
import { type DType, isFloating } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { TENSORFLOW_OPS } from "../../frameworks/tensorflow/table.js";
import type { Attributes, ScopeId, ValueId } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import { ShapeError } from "../../ops/rule.js";
import { notComputed, shapeMismatch, tooLarge, tooManyCalls } from "./complaints.js";
import { type Json, nameOf, Settings } from "./config.js";
import type { CallArgument, LayerConfig } from "./schema.js";

/** A float32 tensor of so many elements takes 4 TiB. */
export const MAX_ELEMENTS = 2 ** 40;
/** The largest published application runs some 8,000. */
const MAX_OPERATIONS = 30_000;

/** What a policy computes in, and what it stores variables in. */
export interface Policy {
  readonly compute: DType;
  readonly variable: DType;
}

export interface DrawOptions {
  readonly batch: number;
  readonly training: boolean;
  /** Replaces float32 policies of the file; null: as the file says. */
  readonly policy: Policy | null;
}

/** What is said of operations that cannot be. */
const COMPLAINTS = { notComputed, shapeMismatch, tooLarge, tooManyCalls };
export type DrawingComplaints = typeof COMPLAINTS;

/** What all calls of one graph share. */
export class Drawing {
  readonly builder: GraphBuilder;
  readonly residents: ValueId[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly options: DrawOptions;
  readonly complaints: DrawingComplaints;

  constructor(name: string, options: DrawOptions, complaints: DrawingComplaints = COMPLAINTS) {
    this.builder = new GraphBuilder(name, "model", TENSORFLOW_OPS);
    this.options = options;
    this.complaints = complaints;
  }

  op(
    at: string,
    layer: string,
    scope: ScopeId,
    op: string,
    inputs: readonly (ValueId | null)[],
    attributes: Attributes,
  ): readonly ValueId[] {
    if (this.builder.length >= MAX_OPERATIONS) throw this.complaints.tooManyCalls(at, MAX_OPERATIONS);
    let results: readonly ValueId[];
    try {
      results = this.builder.node(op, { inputs }, attributes, { scope });
    } catch (error) {
      if (error instanceof ShapeError)
        throw this.complaints.shapeMismatch(at, layer, error.expected, error.got);
      throw error;
    }
    for (const id of results) {
      const { shape } = this.builder.spec(id);
      if (shape.some((size) => !Number.isSafeInteger(size) || size < 1))
        throw this.complaints.shapeMismatch(at, layer, "whole sizes above zero", `[${shape}]`);
      if (elements(shape) > MAX_ELEMENTS) throw this.complaints.tooLarge(at, shape, MAX_ELEMENTS);
    }
    return results;
  }
}

/** A layer object: its weights are made at its first call and shared by all of them. */
export class Instance {
  readonly layer: LayerConfig;
  readonly path: string;
  readonly policy: Policy;
  readonly trainable: boolean;
  readonly weights = new Map<string, ValueId>();
  readonly children = new Map<string, Instance>();

  constructor(layer: LayerConfig, path: string, policy: Policy, trainable: boolean) {
    this.layer = layer;
    this.path = path;
    this.policy = policy;
    this.trainable = trainable && layer.config.trainable !== false;
  }
}

export interface WeightOptions {
  readonly trainable?: boolean;
  /** Stays in its own type when it is read under a mixed policy. */
  readonly autocast?: false;
  readonly dtype?: DType;
  /** State that is no weight: a seed. */
  readonly state?: true;
}

export class LayerCall {
  readonly drawing: Drawing;
  readonly instance: Instance;
  readonly settings: Settings;
  readonly inputs: readonly ValueId[];
  readonly kwargs: Readonly<Record<string, CallArgument | ValueId>>;
  private readonly scope: ScopeId;

  constructor(
    drawing: Drawing,
    instance: Instance,
    scope: ScopeId,
    inputs: readonly ValueId[],
    kwargs: Readonly<Record<string, CallArgument | ValueId>> = {},
  ) {
    this.drawing = drawing;
    this.instance = instance;
    this.settings = new Settings(instance.layer.config, instance.layer.at);
    this.inputs = inputs;
    this.kwargs = kwargs;
    this.scope = scope;
  }

  get input(): ValueId {
    const [first] = this.inputs;
    if (first === undefined) throw this.refuse("a tensor", "none");
    return first;
  }

  get training(): boolean {
    return this.drawing.options.training;
  }

  get compute(): DType {
    return this.instance.policy.compute;
  }

  spec(id: ValueId): TensorSpec {
    return this.drawing.builder.spec(id);
  }

  shape(id: ValueId = this.input): readonly number[] {
    return this.spec(id).shape;
  }

  /** First result. A gap is a scalar constant. */
  op(op: string, inputs: readonly (ValueId | null)[], attributes: Attributes = {}): ValueId {
    return this.ops(op, inputs, attributes)[0] as ValueId; // as: every operation used here has a result
  }

  ops(op: string, inputs: readonly (ValueId | null)[], attributes: Attributes = {}): readonly ValueId[] {
    const { at, kind } = this.instance.layer;
    return this.drawing.op(at, kind, this.scope, op, inputs, attributes);
  }

  cast(id: ValueId, dtype: DType): ValueId {
    return this.spec(id).dtype === dtype ? id : this.op("Cast", [id], { dtype });
  }

  reshape(id: ValueId, shape: readonly number[]): ValueId {
    return this.op("Reshape", [id], { shape });
  }

  /** A weight as the layer reads it: under a mixed policy, cast anew each time. */
  weight(name: string, shape: readonly number[], options: WeightOptions = {}): ValueId {
    const id = this.variable(name, shape, options);
    return options.autocast === false || !isFloating(this.spec(id).dtype) ? id : this.cast(id, this.compute);
  }

  /** The variable itself. */
  variable(name: string, shape: readonly number[], options: WeightOptions = {}): ValueId {
    const { instance, drawing } = this;
    const known = instance.weights.get(name);
    if (known !== undefined) return known;
    if (shape.some((size) => !Number.isSafeInteger(size) || size < 1))
      throw this.refuse("whole sizes above zero", `${name} [${shape}]`);
    if (elements(shape) > MAX_ELEMENTS)
      throw drawing.complaints.tooLarge(instance.layer.at, shape, MAX_ELEMENTS);
    const { trainable = true, dtype = instance.policy.variable, state } = options;
    const id = drawing.builder.value(
      `${instance.path}/${name}`,
      state ? "buffer" : "parameter",
      dense(shape, dtype),
      { trainable: trainable && instance.trainable },
    );
    drawing.residents.push(id);
    instance.weights.set(name, id);
    return id;
  }

  /** A layer inside this one, as attention has projections. */
  child(name: string, config: Readonly<Record<string, Json>>, inputs: readonly ValueId[]): LayerCall {
    const { instance, drawing, scope } = this;
    const layer = { ...instance.layer, name, config };
    const known =
      instance.children.get(name) ??
      new Instance(layer, `${instance.path}/${name}`, instance.policy, instance.trainable);
    instance.children.set(name, known);
    return new LayerCall(drawing, known, scope, inputs);
  }

  refuse(expected: string, got: string) {
    const { at, kind } = this.instance.layer;
    return this.drawing.complaints.shapeMismatch(at, kind, expected, got);
  }

  note(code: string, severity: "warning" | "info", message: string): void {
    const where = this.instance.layer.at;
    this.drawing.diagnostics.push({ code: `keras/${code}`, severity, message, where });
  }
}

/** A layer's dtype policy; a file's plain float32 gives way to the asked one. */
export function policyOf(layer: LayerConfig, asked: Policy | null): Policy {
  const own = policyNamed(nameOf(layer.config.dtype));
  return asked && own.compute === "float32" ? asked : own;
}

function policyNamed(name: string | null): Policy {
  if (name === "mixed_float16") return { compute: "float16", variable: "float32" };
  if (name === "mixed_bfloat16") return { compute: "bfloat16", variable: "float32" };
  if (name === "float16" || name === "bfloat16" || name === "float64")
    return { compute: name, variable: name };
  return { compute: "float32", variable: "float32" };
}
