/**
 * Graph: the forward pass as the model's source says it, before any question of training.
 *
 * Nodes are in execution order. Ids are indices into the arrays beside them. Shapes are numbers: what was left
 * open in the file (batch, sequence) is bound when the graph is made.
 */
import { invariant } from "../base/invariant.js";
import { printSpec, type TensorSpec } from "./tensor.js";

export type ValueId = number;
export type NodeId = number;
export type ScopeId = number;

/**
 * A `host` value stays in the computer's memory: it takes nothing on the device. A `scaler` value is a GradScaler's,
 * made when the first loss is scaled.
 */
export type ValueRole =
  | "parameter"
  | "buffer"
  | "input"
  | "target"
  | "constant"
  | "host"
  | "scaler"
  | "activation";

export interface Value {
  readonly id: ValueId;
  /** The name the source gives it; parameters and buffers carry their full path. */
  readonly name: string;
  readonly role: ValueRole;
  readonly spec: TensorSpec;
  /** Parameters only: whether the optimizer updates it. */
  readonly trainable: boolean;
  /** A parameter that is frozen, but part of a flat one that trains: its gradient is computed, and nobody steps it. */
  readonly unstepped?: true;
  /** Parameters that lie in one flat buffer, as a recurrent module keeps them, have the same number here. */
  readonly flat?: number;
  /** The last node during which a variable of the source still holds it. */
  readonly heldUntil?: NodeId;
  /** Of values that are let go after the same node, those with a lower one go first; absent before all others. */
  readonly released?: number;
  /** Parameters and buffers that are one tensor under two names point at the first. */
  readonly tiedTo?: ValueId;
  /** Parameters only: each of so many ranks has one part like it. */
  readonly parts?: number;
  /** Elements that a packed parameter stands for. */
  readonly packs?: number;
  /** Its type is its own: moving the model to 16 bits leaves it. */
  readonly keepsType?: true;
}

export type Attribute = number | boolean | string | null | readonly number[] | readonly boolean[];
export type Attributes = Readonly<Record<string, Attribute>>;

/** A tensor argument: one value, a list of values (a list's gaps are null), or nothing. */
export type Argument = ValueId | readonly (ValueId | null)[] | null;

export interface Node {
  readonly id: NodeId;
  /** A key of the op table, or the source's own name when Plimsoll does not know the op. */
  readonly op: string;
  readonly inputs: Readonly<Record<string, Argument>>;
  readonly attributes: Attributes;
  /** An output the source does not use can be absent. */
  readonly outputs: readonly ValueId[];
  readonly scope: ScopeId;
}

/** Nodes `first` to `last` are computed again in backward, but for what the policy keeps: `jax.checkpoint`. */
export interface Rematerialized {
  readonly first: NodeId;
  readonly last: NodeId;
  readonly keeps: "nothing" | "products" | "products-without-batch" | "everything";
}

/** Nodes `first` to `last` are one turn of a loop that was unrolled; turns of one loop have one number. */
export interface LoopTurn {
  readonly first: NodeId;
  readonly last: NodeId;
  readonly loop: number;
}

/** What the text of a traced program says beside its operations. */
export interface TracedProgram {
  /** A function is differentiated, a step has everything inside, a compiled one also has its order and its kernels. */
  readonly kind: "function" | "step" | "compiled";
  /** Inputs whose memory an output takes over: position of the output, and the input. */
  readonly donated: readonly (readonly [output: number, input: ValueId])[];
  readonly rematerialized: readonly Rematerialized[];
  readonly turns: readonly LoopTurn[];
}

/** One call of a module: `path` is its name in the model, `parent` the call it happens in. */
export interface Scope {
  readonly id: ScopeId;
  readonly parent: ScopeId | null;
  readonly path: string;
  readonly kind: string;
  /**
   * The library checkpoints this call: what it is called with, in the order it lets go of. Where a model says so of no call,
   * blocks are found by their names.
   */
  readonly block?: readonly ValueId[];
}

export interface Graph {
  readonly name: string;
  readonly values: readonly Value[];
  readonly nodes: readonly Node[];
  readonly scopes: readonly Scope[];
  readonly outputs: readonly ValueId[];
  /** Parameters and buffers in the order the framework allocates them on the device. */
  readonly residents: readonly ValueId[];
  /** What the loop calls backward on where that is not the first output: a scaled loss. */
  readonly scaledLoss?: ScaledLoss;
  /** Stretches whose activations are computed again in backward, in order. */
  readonly checkpoints?: readonly Checkpoint[];
  /** The stage of a pipeline that it is; absent: the whole model. */
  readonly stage?: {
    readonly index: number;
    readonly count: number;
    /** What the other stages have. */
    readonly elsewhere: { readonly parameterCount: number; readonly trainableParameterCount: number };
  };
  /** Modules whose parameters are gathered from all ranks for their call, the whole model first. */
  readonly units?: readonly ShardedUnit[];
  /** Of programs that JAX traced. */
  readonly traced?: TracedProgram;
}

/** Nodes `first` to `last` are a module's call. */
export interface ShardedUnit {
  readonly path: string;
  readonly first: NodeId;
  readonly last: NodeId;
  /** Those that no unit inside has, in the order they are packed. */
  readonly parameters: readonly ValueId[];
  /** What it is called with that has a gradient. */
  readonly arguments: readonly ValueId[];
  /** What it returns. */
  readonly outputs: readonly ValueId[];
  /** The node its arguments pass through, whose gradient is the last of the module; null when they have none, or pass through none. */
  readonly entry: NodeId | null;
}

/** Nodes `first` to `last` run under `torch.utils.checkpoint`. */
export interface Checkpoint {
  readonly first: NodeId;
  readonly last: NodeId;
  /** What they read that is made before them. */
  readonly inputs: readonly ValueId[];
}

export interface ScaledLoss {
  readonly value: ValueId;
  /** The node that makes it, as part of the call of backward. */
  readonly node: NodeId;
}

/** Every value id in `node`'s inputs, in port order. */
export function inputIds(node: Node): ValueId[] {
  const ids: ValueId[] = [];
  for (const port in node.inputs) {
    const argument = node.inputs[port];
    if (typeof argument === "number") ids.push(argument);
    else if (argument) for (const id of argument) if (id !== null) ids.push(id);
  }
  return ids;
}

/** The same arguments under other ids. */
export function renamedInputs(inputs: Node["inputs"], rename: (id: ValueId) => ValueId): Node["inputs"] {
  return Object.fromEntries(
    Object.entries(inputs).map(([port, argument]) => [
      port,
      typeof argument === "number"
        ? rename(argument)
        : (argument?.map((id) => (id === null ? null : rename(id))) ?? null),
    ]),
  );
}

/** Throws when an id points nowhere or a node reads what no earlier node made. */
export function verifyGraph(graph: Graph): void {
  const made = new Set<ValueId>();
  for (const value of graph.values) {
    invariant(graph.values[value.id] === value, `value ${value.name} sits at its id`);
    if (value.role !== "activation") made.add(value.id);
  }
  for (const node of graph.nodes) {
    for (const id of inputIds(node))
      invariant(made.has(id), `node #${node.id} ${node.op} reads a value made before it`);
    for (const id of node.outputs) made.add(id);
    invariant(graph.scopes[node.scope] !== undefined, `node #${node.id} is in a known scope`);
  }
  for (const id of graph.outputs) invariant(made.has(id), "every output is made");
}

/** Stable text, one line per value that is given and per node. */
export function printGraph(graph: Graph): string {
  const name = (id: ValueId) => graph.values[id]?.name ?? `?${id}`;
  const argument = (value: Argument): string =>
    value === null
      ? "-"
      : typeof value === "number"
        ? name(value)
        : `[${value.map((id) => (id === null ? "-" : name(id))).join(", ")}]`;
  const lines = [`graph  ${graph.name}`];
  for (const value of graph.values) {
    if (value.role === "activation") continue;
    const frozen = value.role === "parameter" && (!value.trainable || value.unstepped) ? " frozen" : "";
    lines.push(`${value.name} = ${value.role} ${printSpec(value.spec)}${frozen}`);
  }
  for (const node of graph.nodes) {
    const inputs = Object.entries(node.inputs).map(([port, value]) => `${port}=${argument(value)}`);
    const attributes = Object.entries(node.attributes).map(
      ([key, value]) => `${key}=${JSON.stringify(value)}`,
    );
    const outputs = node.outputs.map((id) => `${name(id)}: ${printSpec((graph.values[id] as Value).spec)}`);
    const path = graph.scopes[node.scope]?.path;
    lines.push(
      `${outputs.join(", ")} = ${node.op}(${[...inputs, ...attributes].join(", ")})${path ? `  # ${path}` : ""}`,
    );
  }
  lines.push(`return ${graph.outputs.map(name).join(", ")}`);
  return `${lines.join("\n")}\n`;
}
