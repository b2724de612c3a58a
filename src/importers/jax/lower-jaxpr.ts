/**
 * A jaxpr → Graph: calls are inlined, loops unrolled, one node per equation with the primitive's own name.
 *
 * What a program inside means to the gradient is written down beside the nodes: stretches that are computed again
 * (`remat2`), turns of a scan.
 */
import type { Diagnostic } from "../../base/complaint.js";
import { sameShape } from "../../base/shape.js";
import type {
  Attributes,
  Graph,
  LoopTurn,
  Node,
  Rematerialized,
  Scope,
  TracedProgram,
  Value,
  ValueId,
  ValueRole,
} from "../../ir/graph.js";
import { printSpec, type TensorSpec } from "../../ir/tensor.js";
import { tooDeep, tooManyOperations, wrongCount } from "./complaints.js";
import { attributesOf, countOf, programsOf, textOf } from "./params.js";
import { type Atom, type Binder, boundIn, type Equation, type Jaxpr, type Printed } from "./parse-jaxpr.js";
import type { Scanner } from "./scan-text.js";

/** A whole step of a large language model has some 10^5. */
const MAX_OPERATIONS = 200_000;
const MAX_CALLS = 200;

/** A value of the graph; null for a literal. */
type Bound = ValueId | null;
type Names = Map<string, Bound>;

export interface Lowered {
  readonly graph: Graph;
  readonly diagnostics: readonly Diagnostic[];
}

/** Programs that are called and nothing else. */
const CALLS = new Set([
  "jit",
  "pjit",
  "closed_call",
  "core_call",
  "xla_call",
  "custom_lin",
  "run_state",
  "composite",
  "shard_map",
]);
/** `custom_jvp` functions whose own rule is known: one node of that name. frameworks/jax/rules.ts */
const OWN_RULES = new Set(["relu", "relu6", "logaddexp"]);

export class Lowering {
  private readonly values: Value[] = [];
  private readonly nodes: Node[] = [];
  private readonly scopes: Scope[] = [{ id: 0, parent: null, path: "", kind: "program" }];
  private readonly rematerialized: Rematerialized[] = [];
  private readonly turns: LoopTurn[] = [];
  private readonly diagnostics = new Map<string, Diagnostic>();
  private readonly scan: Scanner;
  private readonly shared: Printed["shared"];
  private loops = 0;
  private depth = 0;
  private operations = 0;
  private at = 0;

  constructor({ scanner, shared }: Pick<Printed, "scanner" | "shared">) {
    this.scan = scanner;
    this.shared = shared;
  }

  run(jaxpr: Jaxpr, roles: readonly ValueRole[], kind: TracedProgram["kind"], name: string): Lowered {
    const names: Names = new Map();
    const constants = jaxpr.constants.map((binder) => this.given(names, binder, "constant", binder.name));
    const inputs = jaxpr.inputs.map((binder, i) =>
      this.given(names, binder, roles[i] as ValueRole, `argument ${i}`),
    );
    const outputs = this.body(jaxpr, names).filter((id) => id !== null);
    const residents = [...constants, ...inputs].filter((id) => {
      const { role } = this.values[id] as Value;
      return role === "parameter" || role === "constant" || role === "buffer";
    });
    const { values, nodes, scopes, rematerialized, turns } = this;
    const donated = kind === "function" ? [] : pairs(outputs, residents, values);
    const traced: TracedProgram = { kind, donated, rematerialized, turns };
    return {
      graph: { name, values, nodes, scopes, outputs, residents, traced },
      diagnostics: [...this.diagnostics.values()],
    };
  }

  private given(names: Names, { name, spec }: Binder, role: ValueRole, label: string): ValueId {
    const id = this.values.length;
    this.values.push({ id, name: label, role, spec, trainable: role === "parameter" });
    names.set(name, id);
    return id;
  }

  private body({ equations, outputs }: Jaxpr, names: Names): Bound[] {
    if (++this.depth > MAX_CALLS) throw tooDeep(this.where(), MAX_CALLS);
    for (const equation of equations) {
      this.at = equation.at;
      if (++this.operations > MAX_OPERATIONS) throw tooManyOperations(this.where(), MAX_OPERATIONS);
      const results = this.equation(equation, names);
      equation.outputs.forEach(({ name }, i) => {
        if (name !== "_") names.set(name, results[i] ?? null);
      });
    }
    this.depth--;
    return outputs.map((atom) => this.atom(atom, names));
  }

  private equation(equation: Equation, names: Names): readonly Bound[] {
    const { primitive } = equation;
    const inputs = equation.inputs.map((atom) => this.atom(atom, names));
    if (primitive === "optimization_barrier") return inputs;
    const [inside] = programsOf(equation, this.shared);
    if (!inside || primitive.startsWith("scatter") || primitive.startsWith("reduce") || primitive === "sort")
      return this.node(equation, primitive, inputs, attributesOf(equation));
    if (CALLS.has(primitive)) return this.call(inside, inputs);
    if (primitive.startsWith("custom_jvp_call")) return this.customJvp(equation, inside, inputs);
    if (primitive.startsWith("custom_vjp_call")) return this.customVjp(equation, inside, inputs);
    if (primitive.startsWith("remat") || primitive === "checkpoint")
      return this.remat(equation, inside, inputs);
    if (primitive === "scan") return this.loop(equation, inside, inputs);
    if (primitive === "cond") return this.branch(equation, inputs);
    if (primitive === "while") return this.turn(inside, inputs);
    this.warn("call", `${primitive} is taken for a plain call of the program inside`);
    return this.call(inside, inputs);
  }

  private node(
    equation: Pick<Equation, "outputs">,
    op: string,
    inputs: readonly Bound[],
    attributes: Attributes,
  ): readonly ValueId[] {
    const outputs = equation.outputs.map(({ name, spec }) => this.value(name, spec));
    this.nodes.push({ id: this.nodes.length, op, inputs: { inputs }, attributes, outputs, scope: 0 });
    return outputs;
  }

  private value(name: string, spec: TensorSpec): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, role: "activation", spec, trainable: false });
    return id;
  }

  private atom(atom: Atom, names: Names): Bound {
    return "literal" in atom || atom.name === "_" ? null : boundIn(names, atom.name, () => this.where());
  }

  private where(): string {
    return `${this.scan.name}:${lineOf(this.scan.text, this.at)}`;
  }

  private warn(code: string, message: string): void {
    const diagnostic = { code: `jax/${code}`, severity: "warning", message, where: this.where() } as const;
    if (this.diagnostics.size < 50 && !this.diagnostics.has(message))
      this.diagnostics.set(message, diagnostic);
  }

  // ------------------------------------------------------------------ programs inside

  private call(jaxpr: Jaxpr, inputs: readonly Bound[]): Bound[] {
    if (jaxpr.inputs.length !== inputs.length)
      throw wrongCount(this.where(), "the operands of a call", jaxpr.inputs.length, inputs.length);
    const names: Names = new Map();
    jaxpr.inputs.forEach(({ name, spec }, i) => {
      const id = inputs[i] ?? null;
      const given = id === null ? spec : (this.values[id] as Value).spec;
      if (!sameShape(given.shape, spec.shape))
        throw wrongCount(this.where(), `the dims of ${name}`, spec.shape.length, given.shape.length);
      names.set(name, id);
    });
    for (const { name } of jaxpr.constants) names.set(name, null);
    const at = this.at;
    const out = this.body(jaxpr, names);
    this.at = at;
    return out;
  }

  private customJvp(equation: Equation, inside: Jaxpr, inputs: readonly Bound[]): readonly Bound[] {
    const name = textOf(equation, "name") ?? "";
    if (OWN_RULES.has(name)) return this.node(equation, name, inputs, {});
    this.warn(
      "custom-jvp",
      `the derivative of ${name || "a custom_jvp function"} is not in the text: the one of its operations is taken`,
    );
    return this.call(inside, inputs);
  }

  private customVjp(equation: Equation, inside: Jaxpr, inputs: readonly Bound[]): readonly Bound[] {
    this.warn(
      "custom-vjp",
      `what ${textOf(equation, "name") ?? "a custom_vjp function"} keeps is not in the text: what its operations would keep is taken`,
    );
    return this.call(inside, inputs);
  }

  private remat(equation: Equation, inside: Jaxpr, inputs: readonly Bound[]): readonly Bound[] {
    const policy = textOf(equation, "policy") ?? "None";
    const first = this.nodes.length;
    const out = this.call(inside, inputs);
    const keeps = this.policy(policy);
    if (this.nodes.length > first) this.rematerialized.push({ first, last: this.nodes.length - 1, keeps });
    return out;
  }

  private policy(text: string): Rematerialized["keeps"] {
    if (/^None\b/.test(text) || /nothing_saveable/.test(text)) return "nothing";
    if (/everything_saveable/.test(text)) return "everything";
    if (/only_if_no_batch_dims=True|dots_with_no_batch_dims/.test(text)) return "products-without-batch";
    if (/DotsSaveable|dots_saveable|checkpoint_dots/.test(text)) return "products";
    this.warn("policy", `the policy ${text.slice(0, 60)} is not known: nothing is taken to be kept`);
    return "nothing";
  }

  /** Turn by turn; what a turn reads of a stacked array is a view of it. */
  private loop(equation: Equation, inside: Jaxpr, inputs: readonly Bound[]): readonly Bound[] {
    const length = countOf(equation, "length");
    const constants = countOf(equation, "num_consts");
    const carried = countOf(equation, "num_carry");
    const expected = inside.inputs.length;
    if (inputs.length !== expected || constants + carried > expected || inside.outputs.length < carried)
      throw wrongCount(this.where(), "the operands of a scan", expected, inputs.length);
    const loop = this.loops++;
    const isReverse = textOf(equation, "reverse") === "True";
    let carry: readonly Bound[] = inputs.slice(constants, constants + carried);
    const stacks: Bound[][] = inside.outputs.slice(carried).map(() => []);
    for (let turn = 0; turn < length; turn++) {
      const first = this.nodes.length;
      const index = isReverse ? length - 1 - turn : turn;
      const slices = inputs.slice(constants + carried).map((id, i) => {
        const { name, spec } = inside.inputs[constants + carried + i] as Binder;
        if (id === null) return null;
        return this.node({ outputs: [{ name, spec }] }, "scan_slice", [id], { index })[0] as ValueId;
      });
      const carries = carry.map((id, i) => {
        const { name, spec } = inside.inputs[constants + i] as Binder;
        return id === null
          ? null
          : (this.node({ outputs: [{ name, spec }] }, "scan_carry", [id], {})[0] ?? null);
      });
      const results = this.call(inside, [...inputs.slice(0, constants), ...carries, ...slices]);
      if (++this.operations > MAX_OPERATIONS) throw tooManyOperations(this.where(), MAX_OPERATIONS);
      carry = results.slice(0, carried);
      results.slice(carried).forEach((id, i) => {
        stacks[i]?.push(id);
      });
      if (this.nodes.length > first) this.turns.push({ first, last: this.nodes.length - 1, loop });
    }
    const stacked = stacks.map((ids, i) => {
      const binder = equation.outputs[carried + i];
      if (!binder || binder.name === "_" || ids.every((id) => id === null)) return null;
      return (
        this.node({ outputs: [binder] }, "scan_stack", isReverse ? [...ids].reverse() : ids, {})[0] ?? null
      );
    });
    return [...carry, ...stacked];
  }

  /** The branch with the most operations. */
  private branch(equation: Equation, inputs: readonly Bound[]): readonly Bound[] {
    const branches = programsOf(equation, this.shared);
    const largest = branches.reduce((a, b) => (b.equations.length > a.equations.length ? b : a));
    this.warn("cond", "of a cond the branch with the most operations is taken");
    return this.call(largest, inputs.slice(1));
  }

  /** One turn: how many there are is not known before it runs, and what they keep cannot be differentiated. */
  private turn(inside: Jaxpr, inputs: readonly Bound[]): readonly Bound[] {
    this.warn("while", "a while loop is taken for one turn of it");
    return this.call(inside, inputs.slice(inputs.length - inside.inputs.length));
  }
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < at; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/**
 * Which output takes over which donated input: the first of the same type that none has yet. jax/_src/interpreters/mlir.py
 * _set_up_aliases
 */
export function pairs(
  outputs: readonly ValueId[],
  inputs: readonly ValueId[],
  values: readonly Value[],
): TracedProgram["donated"] {
  const waiting = new Map<string, ValueId[]>();
  for (const id of inputs) {
    const key = printSpec((values[id] as Value).spec);
    const list = waiting.get(key);
    if (list) list.push(id);
    else waiting.set(key, [id]);
  }
  for (const list of waiting.values()) list.reverse();
  return outputs.flatMap((id, at) => {
    const input = waiting.get(printSpec((values[id] as Value).spec))?.pop();
    return input === undefined ? [] : [[at, input] as const];
  });
}
