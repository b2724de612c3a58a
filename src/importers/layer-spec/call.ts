/** The graph while it grows: modules as scopes, their parameters, and the operators they run. */
import type { Diagnostic, InputError } from "../../base/complaint.js";
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Argument, Attributes, ScopeId, ValueId, ValueRole } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { GraphBuilder } from "../../ops/build.js";
import { ShapeError } from "../../ops/rule.js";
import { shapeMismatch, tooLarge, tooManyOperators } from "./complaints.js";
import type { LayerCall, Options, PlannedLayer, Reference } from "./row.js";

/** A tensor of float32 with so many elements takes 4 TiB: byte counts stay exact, no device holds it. */
const MAX_ELEMENTS = 2 ** 40;

/** Operators of a spec's forward pass; the largest published model of 2,000 layers runs some 30,000. */
const MAX_OPERATORS = 50_000;

/** What all calls of one graph share. */
export class Drawing {
  readonly builder: GraphBuilder;
  readonly dtype: DType;
  /** Parameters and buffers as `Module.to` moves them: every module here owns either tensors or modules, in order. */
  readonly residents: ValueId[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly vocabularies = new Map<ValueId, number>();
  /** The operator that made a value. */
  readonly makers = new Map<ValueId, string>();

  constructor(name: string, dtype: DType) {
    this.builder = new GraphBuilder(name);
    this.dtype = dtype;
  }

  refuse(
    layer: Pick<PlannedLayer, "at" | "word">,
    { expected, got }: { expected: string; got: string },
  ): InputError {
    return shapeMismatch(layer.at, layer.word, expected, got);
  }

  resident(layer: PlannedLayer, name: string, role: ValueRole, spec: TensorSpec): ValueId {
    if (elements(spec.shape) > MAX_ELEMENTS) throw tooLarge(layer.at, layer.word, spec.shape, MAX_ELEMENTS);
    const id = this.builder.value(name, role, spec);
    this.residents.push(id);
    return id;
  }
}

/** A module's inside: names of its children, and values its layers may refer to. */
export class Inside {
  readonly path: string;
  readonly scope: ScopeId;
  private readonly outer: Inside | undefined;
  private readonly values = new Map<string, ValueId>();
  private readonly taken = new Set<string>();
  private readonly counts = new Map<string, number>();
  private readonly held = new Set<ValueId>();

  constructor(path: string, scope: ScopeId, outer?: Inside) {
    this.path = path;
    this.scope = scope;
    this.outer = outer;
  }

  /** A child's path: the given name, or the word with the next number. */
  child(word: string, given: string | undefined): string {
    let name = given;
    let count = given === undefined ? (this.counts.get(word) ?? 0) : 1;
    while (name === undefined || this.taken.has(name)) {
      count += 1;
      name = given !== undefined ? `${given}_${count}` : `${word}${/\d$/.test(word) ? "_" : ""}${count}`;
    }
    if (given === undefined) this.counts.set(word, count);
    this.taken.add(name);
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  remember(name: string, value: ValueId): void {
    this.values.set(name, value);
  }

  /** The value of an earlier layer or an input; the plan has checked that there is one. A variable must hold it. */
  recall({ name, at }: Reference): ValueId {
    const value = this.values.get(name);
    if (value === undefined) return (this.outer as Inside).recall({ name, at }); // as: checked by the plan
    this.held.add(value);
    return value;
  }

  hold(value: ValueId): void {
    this.held.add(value);
  }

  /** The module returns: its variables die. */
  close(builder: GraphBuilder): void {
    for (const value of this.held) builder.hold(value, builder.length - 1);
  }
}

export interface CallOptions {
  readonly drawing: Drawing;
  readonly layer: PlannedLayer;
  readonly inputs: readonly ValueId[];
  readonly inside: Inside;
  /** Follows the names of layers in a repetition. */
  readonly suffix: string;
}

export class Call implements LayerCall {
  private readonly drawing: Drawing;
  private readonly layer: PlannedLayer;
  private readonly inside: Inside;
  private readonly suffix: string;
  readonly inputs: readonly ValueId[];
  private made = 0;

  constructor({ drawing, layer, inputs, inside, suffix }: CallOptions) {
    this.drawing = drawing;
    this.layer = layer;
    this.inputs = inputs;
    this.inside = inside;
    this.suffix = suffix;
  }

  get path(): string {
    return this.inside.path;
  }

  get options(): Options {
    return this.layer.options;
  }

  get input(): ValueId {
    return this.inputs[0] as ValueId; // as: every call has one
  }

  spec(id: ValueId): TensorSpec {
    return this.drawing.builder.spec(id);
  }

  op(op: string, inputs: Readonly<Record<string, Argument>>, attributes: Attributes = {}): ValueId {
    return this.ops(op, inputs, attributes, 1)[0] as ValueId; // as: one was asked for
  }

  ops(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes,
    count: number,
  ): readonly ValueId[] {
    const base = this.made++ === 0 ? this.path : `${this.path}.${op}`;
    const names = Array.from({ length: count }, (_, i) => (i === 0 ? base : `${base}_${i}`));
    if (this.drawing.builder.length >= MAX_OPERATORS) throw tooManyOperators(this.layer.at, MAX_OPERATORS);
    let results: readonly ValueId[];
    try {
      results = this.drawing.builder.node(op, inputs, attributes, { names, scope: this.inside.scope });
    } catch (error) {
      if (error instanceof ShapeError) throw this.drawing.refuse(this.layer, error);
      throw error;
    }
    for (const id of results) {
      const { shape } = this.spec(id);
      if (shape.some((size) => !Number.isInteger(size) || size < 1))
        this.refuse("whole sizes above zero", `[${shape}]`);
      if (elements(shape) > MAX_ELEMENTS) throw tooLarge(this.layer.at, this.layer.word, shape, MAX_ELEMENTS);
      this.drawing.makers.set(id, op);
    }
    return results;
  }

  parameter(name: string, shape: readonly number[]): ValueId {
    return this.drawing.resident(
      this.layer,
      `${this.path}.${name}`,
      "parameter",
      dense(shape, this.drawing.dtype),
    );
  }

  flatten(parameters: readonly ValueId[]): void {
    this.drawing.builder.flatten(parameters);
  }

  buffer(name: string, shape: readonly number[], dtype: DType = this.drawing.dtype): ValueId {
    return this.drawing.resident(this.layer, `${this.path}.${name}`, "buffer", dense(shape, dtype));
  }

  module(
    name: string,
    kind: string,
    inputs: readonly ValueId[],
    build: (call: LayerCall) => ValueId,
  ): ValueId {
    const { drawing, layer, suffix } = this;
    const path = this.inside.child(name, name);
    const scope = drawing.builder.scope(path, kind, this.inside.scope);
    const inside = new Inside(path, scope, this.inside);
    const result = build(new Call({ drawing, layer, inputs, inside, suffix }));
    inside.close(drawing.builder);
    return result;
  }

  layers(list: readonly PlannedLayer[], input: ValueId, round?: number): ValueId {
    const suffix = round === undefined ? this.suffix : `${this.suffix}_${round}`;
    return callLayers(this.drawing, list, input, { inside: this.inside, suffix });
  }

  hold(id: ValueId): void {
    this.inside.hold(id);
  }

  vocabulary(id: ValueId): number | undefined {
    return this.drawing.vocabularies.get(id);
  }

  refuse(expected: string, got: string): never {
    throw this.drawing.refuse(this.layer, { expected, got });
  }

  note(code: string, severity: "warning" | "info", message: string): void {
    this.drawing.diagnostics.push({ code: `layer-spec/${code}`, severity, message, where: this.layer.at });
  }
}

/** Calls every layer of `list` on the result of the one before it; the last result. */
export function callLayers(
  drawing: Drawing,
  list: readonly PlannedLayer[],
  input: ValueId,
  at: { inside: Inside; suffix: string },
): ValueId {
  let value = input;
  for (const layer of list) {
    const { row, word, name } = layer;
    const inputs =
      layer.inputs.length > 0 ? layer.inputs.map((reference) => at.inside.recall(reference)) : [value];
    let { inside } = at;
    if (row.kind !== null) {
      const path = inside.child(word, name === undefined ? undefined : name + at.suffix);
      const spatial = Math.max(drawing.builder.spec(inputs[0] as ValueId).shape.length - 2, 1);
      inside = new Inside(
        path,
        drawing.builder.scope(path, row.kind.replace("#", String(spatial)), inside.scope),
        inside,
      );
    }
    value = row.build(
      new Call({ drawing, layer, inputs, inside, suffix: row.kind === null ? at.suffix : "" }),
    );
    if (name !== undefined) at.inside.remember(name, value);
  }
  return value;
}
