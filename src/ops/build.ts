/** Writes a Graph node by node, inferring every result's spec from the op table. */
import { invariant } from "../base/invariant.js";
import type {
  Argument,
  Attributes,
  Graph,
  Node,
  NodeId,
  Scope,
  ScopeId,
  Value,
  ValueId,
  ValueRole,
} from "../ir/graph.js";
import type { TensorSpec } from "../ir/tensor.js";
import { type InputSpecs, type OpRule, ShapeError } from "./rule.js";
import { OPS } from "./table.js";

export interface NodeOptions {
  /** Names of the results, as the source spells them. */
  readonly names?: readonly string[];
  readonly scope?: ScopeId;
  /** Specs the source states; used when Plimsoll does not know the operator. */
  readonly stated?: readonly TensorSpec[];
}

export interface ValueOptions {
  readonly trainable?: boolean;
  readonly tiedTo?: ValueId;
  readonly keepsType?: boolean;
}

/** Collects values, nodes and scopes; scope 0 is the model itself. */
export class GraphBuilder {
  private readonly name: string;
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  private readonly scopes: Scope[] = [];
  private releases = 0;
  private readonly table: Readonly<Record<string, OpRule>>;

  /** `table`: the operators it knows; by default those of the op table. */
  constructor(name: string, kind = "model", table: Readonly<Record<string, OpRule>> = OPS) {
    this.name = name;
    this.table = table;
    this.scopes.push({ id: 0, parent: null, path: "", kind });
  }

  value(name: string, role: ValueRole, spec: TensorSpec, options: ValueOptions = {}): ValueId {
    const id = this.values.length;
    const trainable = role === "parameter" && (options.trainable ?? true);
    this.values.push({
      id,
      name,
      role,
      spec,
      trainable,
      ...(options.tiedTo !== undefined && { tiedTo: options.tiedTo }),
      ...(options.keepsType && { keepsType: true as const }),
    });
    return id;
  }

  scope(path: string, kind: string, parent: ScopeId = 0, block?: readonly ValueId[]): ScopeId {
    const id = this.scopes.length;
    this.scopes.push({ id, parent, path, kind, ...(block && { block }) });
    return id;
  }

  spec(id: ValueId): TensorSpec {
    const value = this.values[id];
    invariant(value, `value #${id} exists`);
    return value.spec;
  }

  /** Every result of `op`. Throws ShapeError when the op cannot take these inputs. */
  node(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes = {},
    options: NodeOptions = {},
  ): ValueId[] {
    const rule = this.table[op];
    const inPlace =
      attributes.inPlace === true && rule ? inputs[(rule.inputs[0] as string).replace("?", "")] : undefined;
    if (rule) requireInputs(rule, inputs);
    let specs: readonly TensorSpec[];
    if (typeof inPlace === "number") specs = [this.spec(inPlace)];
    else if (rule) specs = rule.infer(this.specsOf(inputs), attributes);
    else {
      invariant(options.stated, `operator ${op} is known or comes with its results`);
      specs = options.stated;
    }
    const id = this.nodes.length;
    const count = options.names ? Math.min(options.names.length, specs.length) : specs.length;
    const outputs = specs
      .slice(0, count)
      .map((spec, i) =>
        this.value(options.names?.[i] ?? `${op}_${id}${i > 0 ? `_${i}` : ""}`, "activation", spec),
      );
    this.nodes.push({ id, op, inputs, attributes, outputs, scope: options.scope ?? 0 });
    return outputs;
  }

  /** First result of `op`. */
  call(
    op: string,
    inputs: Readonly<Record<string, Argument>>,
    attributes: Attributes = {},
    options: NodeOptions = {},
  ): ValueId {
    return this.node(op, inputs, attributes, options)[0] as ValueId;
  }

  /** Says that a variable of the source holds `id` until the node `until` is done. */
  hold(id: ValueId, until: NodeId): void {
    const value = this.values[id];
    invariant(value, `value #${id} exists`);
    this.values[id] = { ...value, heldUntil: Math.max(value.heldUntil ?? -1, until) };
  }

  /** As `hold` until the last node so far; what is released together goes in the order of these calls. */
  release(id: ValueId): void {
    this.hold(id, this.nodes.length - 1);
    this.values[id] = { ...(this.values[id] as Value), released: ++this.releases };
  }

  /** Puts parameters into one flat buffer, as a recurrent module does when it moves to the device. */
  flatten(ids: readonly ValueId[]): void {
    const [first] = ids;
    if (
      first === undefined ||
      ids.some((id) => this.values[id]?.role !== "parameter" || this.values[id]?.flat !== undefined)
    )
      return;
    for (const id of ids) this.values[id] = { ...(this.values[id] as Value), flat: first };
  }

  /** The node that made a value; undefined for values that are given. */
  makerOf(id: ValueId): Node | undefined {
    return this.nodes.findLast(({ outputs }) => outputs.includes(id));
  }

  /** Nodes so far. */
  get length(): number {
    return this.nodes.length;
  }

  finish(outputs: readonly ValueId[], residents: readonly ValueId[]): Graph {
    return {
      name: this.name,
      values: this.values,
      nodes: this.nodes,
      scopes: this.scopes,
      outputs,
      residents,
    };
  }

  private specsOf(inputs: Readonly<Record<string, Argument>>): InputSpecs {
    const specs: Record<string, TensorSpec | readonly TensorSpec[] | undefined> = {};
    for (const port in inputs) {
      const value = inputs[port];
      if (value === null || value === undefined) continue;
      specs[port] =
        typeof value === "number"
          ? this.spec(value)
          : value.map((id) => (id === null ? undefined : this.spec(id)) as TensorSpec);
    }
    return specs;
  }
}

/** Files may leave out what an operator cannot do without. */
function requireInputs(rule: OpRule, inputs: Readonly<Record<string, Argument>>): void {
  for (const port of rule.inputs) {
    if (port.endsWith("?") || port.endsWith("*")) continue;
    if (inputs[port] === undefined || inputs[port] === null) throw new ShapeError(`input ${port}`, "none");
  }
}
