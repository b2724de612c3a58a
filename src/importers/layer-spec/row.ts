/**
 * What a layer's row says: its words, its options, and the operators PyTorch's module of that name dispatches.
 *
 * Letters in shapes: `B` batch, `C` channels, `S` sequence, `D` width. Dims count the batch as 0.
 */
import type { DType } from "../../base/dtype.js";
import type { Argument, Attributes, ValueId } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";
import type { Located } from "./document.js";

export type JsonSchema = Readonly<Record<string, unknown>>;

export type OptionValue =
  | number
  | boolean
  | string
  | readonly number[]
  | readonly PlannedLayer[]
  | readonly (readonly PlannedLayer[])[];

/** How a kind of value is read, and what an editor is told about it. */
export interface OptionKind {
  /** In words, after "must be". */
  readonly expected: string;
  readonly schema: JsonSchema;
  /** The value, or undefined when it is not of this kind. Lists of layers are planned by `plan`. */
  readonly read: (
    value: Located,
    plan: (list: Located) => readonly PlannedLayer[],
  ) => OptionValue | undefined;
}

export interface OptionRow {
  readonly kind: OptionKind;
  readonly required: boolean;
  readonly help: string;
  /** Other spellings: Keras' and PyTorch's argument names. */
  readonly words: readonly string[];
}

export interface LayerRow {
  /** Class of the module in PyTorch, or the name of the block; `#` stands for the number of spatial dims. Null: no module. */
  readonly kind: string | null;
  readonly help: string;
  /** Other words for the layer. */
  readonly words?: readonly string[];
  /** The option that may stand right behind the word: `dense: 512`. */
  readonly main?: string;
  readonly options: Readonly<Record<string, OptionRow>>;
  /** Takes two or more inputs, always named. */
  readonly merges?: true;
  /** The option that says how often its lists of layers run. */
  readonly repeats?: string;
  /** The option that says as how many layers this one counts. */
  readonly stacks?: string;
  readonly build: (call: LayerCall) => ValueId;
}

export type LayerTable = Readonly<Record<string, LayerRow>>;

export interface Reference {
  readonly name: string;
  readonly at: string;
}

/** A layer as written: checked, except for shapes. */
export interface PlannedLayer {
  readonly row: LayerRow;
  /** As the spec spells it. */
  readonly word: string;
  readonly at: string;
  readonly name: string | undefined;
  /** Empty: the layer before it. */
  readonly inputs: readonly Reference[];
  readonly options: Options;
}

/** One call of a layer's module while the graph is built. Everything it does is in the module's scope. */
export interface LayerCall {
  readonly path: string;
  readonly options: Options;
  readonly inputs: readonly ValueId[];
  /** The first input. */
  readonly input: ValueId;
  spec(id: ValueId): TensorSpec;
  /** Runs an operator: its one visible result. */
  op(op: string, inputs: Readonly<Record<string, Argument>>, attributes?: Attributes): ValueId;
  /** Runs an operator with `count` visible results. */
  ops(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes,
    count: number,
  ): readonly ValueId[];
  parameter(name: string, shape: readonly number[]): ValueId;
  buffer(name: string, shape: readonly number[], dtype?: DType): ValueId;
  /** Moves parameters into one flat buffer, as recurrent modules do. */
  flatten(parameters: readonly ValueId[]): void;
  /** Calls a module inside this one. */
  module(
    name: string,
    kind: string,
    inputs: readonly ValueId[],
    build: (call: LayerCall) => ValueId,
  ): ValueId;
  /** Calls layers one after the other, inside this one; `round` numbers the repetitions of named layers. */
  layers(list: readonly PlannedLayer[], input: ValueId, round?: number): ValueId;
  /** A variable of the module keeps `id` until the module returns. */
  hold(id: ValueId): void;
  /** Size of the token set an input is drawn from. */
  vocabulary(id: ValueId): number | undefined;
  /** Stops: the shapes do not fit. */
  refuse(expected: string, got: string): never;
  /** Notes something that does not stop the answer. */
  note(code: string, severity: "warning" | "info", message: string): void;
}

/** The options a layer was given, by the row's names. */
export class Options {
  private readonly values: ReadonlyMap<string, OptionValue>;
  constructor(values: ReadonlyMap<string, OptionValue>) {
    this.values = values;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  number<T>(name: string, otherwise: T): number | T {
    const value = this.values.get(name);
    return typeof value === "number" ? value : otherwise;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.values.get(name);
    return typeof value === "boolean" ? value : otherwise;
  }

  text(name: string, otherwise: string): string {
    const value = this.values.get(name);
    return typeof value === "string" ? value : otherwise;
  }

  /** A list of numbers; one number is a list of one. */
  numbers(name: string): readonly number[] | undefined {
    const value = this.values.get(name);
    if (typeof value === "number") return [value];
    return Array.isArray(value) ? (value as readonly number[]) : undefined; // as: the option's kind says so
  }

  layers(name: string): readonly PlannedLayer[] {
    return (this.values.get(name) ?? []) as readonly PlannedLayer[]; // as: the option's kind says so
  }

  branches(name: string): readonly (readonly PlannedLayer[])[] {
    return (this.values.get(name) ?? []) as readonly (readonly PlannedLayer[])[]; // as: the option's kind says so
  }
}

/** An option that must be given. */
export function need(kind: OptionKind, help: string, ...words: readonly string[]): OptionRow {
  return { kind, required: true, help, words };
}

/** An option with a default. */
export function may(kind: OptionKind, help: string, ...words: readonly string[]): OptionRow {
  return { kind, required: false, help, words };
}
