/**
 * Graph → Graph: low-rank adapters (LoRA) beside linear layers, as peft puts them there; nothing else trains.
 *
 * result + B(A(dropout(x))) * scaling. Adapters stay float32 over a 16-bit model, so inputs are widened for them and results
 * get their type back.
 * Source  peft 0.21: tuners/lora/layer.py Linear.forward, Embedding left out; mapping_func.py get_peft_model
 *         (autocast_adapter_dtype=True); transformers 5.18 enable_input_require_grads
 */
import type { Adapters } from "../ir/setup.js";
import type { Graph, Node, NodeId, Scope, ScopeId, Value, ValueId } from "../ir/graph.js";
import { inputIds } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { noTarget } from "./adapter-complaints.js";

/** Operators that multiply by a matrix of parameters. */
const PRODUCTS: ReadonlySet<string> = new Set(["linear", "addmm", "matmul", "linear4bit"]);

/** A module that is one product with its own weight. */
interface Target {
  readonly scope: Scope;
  readonly weight: Value;
  readonly input: ValueId;
  readonly output: ValueId;
  readonly last: NodeId;
}

/** `inputsTrain`: gradients flow into the embeddings' result, so that checkpointed blocks have one to compute. */
export function addAdapters(
  graph: Graph,
  adapters: Adapters | null,
  { inputsTrain, autocast }: { readonly inputsTrain: boolean; readonly autocast: boolean },
): Graph {
  if (!adapters) return graph;
  const targets = targetsOf(graph, adapters);
  const writer = new Writer(graph, adapters, autocast);
  const at = new Map(targets.map((target) => [target.last, target]));
  writer.declare(targets);
  const embeds = inputsTrain ? embeddingOfInputs(graph) : undefined;
  for (const node of graph.nodes) {
    const target = at.get(node.id);
    writer.copy(node, target);
    if (target) writer.adapt(target, node.op === "linear4bit");
    if (node.id === embeds) writer.requireGrad(node);
    writer.done(node.id);
  }
  return writer.finish();
}

function targetsOf(graph: Graph, { targets }: Adapters): Target[] {
  const found = projections(graph);
  const chosen =
    targets === "all-linear"
      ? found.filter(({ scope }) => /\.\d+\./.test(scope.path)) // what lies in a block: not the model's head
      : targets.flatMap((name) => {
          const matching = found.filter(({ scope: { path } }) => path === name || path.endsWith(`.${name}`));
          if (matching.length === 0)
            throw noTarget(name, [...new Set(found.map(({ scope }) => tail(scope.path)))]);
          return matching;
        });
  if (chosen.length === 0)
    throw noTarget(
      "all-linear",
      found.map(({ scope }) => tail(scope.path)),
    );
  return [...new Set(chosen)].sort((a, b) => a.weight.id - b.weight.id);
}

const tail = (path: string) => path.slice(path.lastIndexOf(".") + 1);

/** Every module without modules inside that runs one product with a weight of its own. */
function projections(graph: Graph): Target[] {
  const inner = new Set(graph.scopes.map(({ parent }) => parent));
  const nodes = new Map<ScopeId, Node[]>();
  for (const node of graph.nodes) {
    if (inner.has(node.scope)) continue;
    const list = nodes.get(node.scope);
    if (list) list.push(node);
    else nodes.set(node.scope, [node]);
  }
  return [...nodes].flatMap(([scope, list]) => {
    const products = list.filter(({ op }) => PRODUCTS.has(op));
    const weight = products.flatMap((node) => matrixOf(graph, list, node))[0];
    const input = inputIds(list[0] as Node).find((id) => graph.values[id]?.role !== "parameter");
    const [last] = list.slice(-1);
    const output = last?.outputs[0];
    if (products.length !== 1 || !weight || input === undefined || !last || output === undefined) return [];
    return [{ scope: graph.scopes[scope] as Scope, weight, input, output, last: last.id }];
  });
}

/** The product's 2-d parameter, which may be transposed before it. */
function matrixOf(graph: Graph, list: readonly Node[], node: Node): Value[] {
  return inputIds(node).flatMap((id) => {
    const made = list.find(({ outputs }) => outputs.includes(id));
    const value = graph.values[made?.op === "transpose" ? (inputIds(made)[0] as ValueId) : id];
    return value?.role === "parameter" && value.spec.shape.length === 2 ? [value] : [];
  });
}

/** The look-up of the first input. */
function embeddingOfInputs(graph: Graph): NodeId | undefined {
  return graph.nodes.find(({ op }) => op === "embedding")?.id;
}

interface Parameters {
  readonly down: ValueId;
  readonly up: ValueId;
}

class Writer {
  private readonly graph: Graph;
  private readonly adapters: Adapters;
  private readonly autocast: boolean;
  private readonly values: Value[];
  private readonly nodes: Node[] = [];
  private readonly scopes: Scope[];
  private readonly residents: ValueId[];
  private readonly parameters = new Map<Target, Parameters>();
  /** By node of the graph: the last one that it and those added behind it became. */
  private readonly doneBy: NodeId[] = [];

  constructor(graph: Graph, adapters: Adapters, autocast: boolean) {
    this.graph = graph;
    this.autocast = autocast;
    this.adapters = adapters;
    this.values = graph.values.map((value) => ({ ...value, trainable: false }));
    this.scopes = [...graph.scopes];
    this.residents = [...graph.residents];
  }

  /** Adapters arrive after the model, in the order of its modules. */
  declare(targets: readonly Target[]): void {
    const { rank } = this.adapters;
    for (const target of targets) {
      const input = this.spec(target.input).shape.at(-1) as number;
      const output = this.spec(target.output).shape.at(-1) as number;
      const matrix = (name: string, shape: readonly number[]) =>
        this.value({
          name: `${target.scope.path}.${name}.default.weight`,
          role: "parameter",
          spec: dense(shape, "float32"),
          trainable: true,
          keepsType: true,
        });
      const down = matrix("lora_A", [rank, input]);
      const up = matrix("lora_B", [output, rank]);
      this.parameters.set(target, { down, up });
      this.residents.push(down, up);
    }
  }

  /** The node as it is; what a target returns gets another name, since its own goes to the sum. */
  copy(node: Node, target: Target | undefined): void {
    const outputs = target
      ? node.outputs.map((id) => (id === target.output ? this.activation("result", this.spec(id)) : id))
      : node.outputs;
    this.nodes.push({ ...node, id: this.nodes.length, outputs });
  }

  /** peft's Linear adds in the adapters' type; its layers of packed weights take a copy of the result, and add in that one's type. */
  adapt(target: Target, packed: boolean): void {
    const { down } = this.parameters.get(target) as Parameters;
    const { input, output, scope } = target;
    const { shape } = this.spec(output);
    const bare = this.nodes.at(-1)?.outputs[0] as ValueId;
    if (!packed) {
      const wide = this.castLike(input, down, scope.id);
      const sum = this.activation("sum", dense(shape, "float32"));
      const scaled = this.lowRank(target, wide);
      this.node("add", { self: bare, other: scaled }, {}, sum, scope.id);
      this.hold(bare);
      this.node("castLike", { self: sum, other: bare }, {}, output, scope.id);
      this.hold(sum);
      this.hold(wide, 2);
      return;
    }
    const result = this.activation("result", this.spec(output));
    this.node("clone", { self: bare }, {}, result, scope.id);
    const wide = this.autocast ? input : this.castLike(input, down, scope.id);
    const scaled = this.lowRank(target, wide);
    const added = this.autocast ? scaled : this.castLike(scaled, result, scope.id);
    this.node("add", { self: result, other: added }, {}, output, scope.id);
    if (!this.autocast) this.hold(wide);
    this.hold(added, 2);
  }

  private castLike(self: ValueId, other: ValueId, scope: ScopeId): ValueId {
    const cast = this.activation("x", this.spec(self));
    this.node("castLike", { self, other }, {}, cast, scope);
    return cast;
  }

  /** lora_B(lora_A(dropout(x))) * scaling */
  private lowRank(target: Target, x: ValueId): ValueId {
    const { down, up } = this.parameters.get(target) as Parameters;
    const { dropout, rank } = this.adapters;
    const { output, scope } = target;
    const { shape } = this.spec(output);
    let dropped = x;
    if (dropout > 0) {
      dropped = this.activation("dropped", this.spec(x));
      const at = this.scope(scope, "lora_dropout.default", "Dropout");
      this.node("dropout", { input: x }, { p: dropout, train: true }, dropped, at);
    }
    const product = (name: string, input: ValueId, weight: ValueId, size: readonly number[]) => {
      const made = this.activation(name, dense(size, "float32"));
      const at = this.scope(scope, `lora_${name}.default`, "Linear");
      this.node("linear", { input, weight, bias: null }, {}, made, at);
      return made;
    };
    const high = product("B", product("A", dropped, down, [...shape.slice(0, -1), rank]), up, shape);
    const scaled = this.activation("scaled", dense(shape, "float32"));
    this.node("mul", { self: high }, { other: 1 }, scaled, scope.id);
    return scaled;
  }

  /** `output.requires_grad_(True)` in a hook of the embeddings. */
  requireGrad({ outputs }: Node): void {
    const [output] = outputs as readonly [ValueId];
    const node = this.nodes.pop() as Node;
    const rows = this.activation("embeddings", this.spec(output));
    this.nodes.push({ ...node, outputs: [rows] });
    this.node("requireGrad", { self: rows }, {}, output, node.scope);
  }

  done(node: NodeId): void {
    this.doneBy[node] = this.nodes.length - 1;
  }

  finish(): Graph {
    const values = this.values.map((value) =>
      value.heldUntil === undefined || value.id >= this.graph.values.length
        ? value
        : { ...value, heldUntil: this.doneBy[value.heldUntil] as NodeId },
    );
    return { ...this.graph, values, nodes: this.nodes, scopes: this.scopes, residents: this.residents };
  }

  private spec(id: ValueId): TensorSpec {
    return (this.values[id] as Value).spec;
  }

  private value(value: Omit<Value, "id">): ValueId {
    const id = this.values.length;
    this.values.push({ ...value, id });
    return id;
  }

  private activation(name: string, spec: TensorSpec): ValueId {
    return this.value({
      name: `lora_${name}_${this.values.length}`,
      role: "activation",
      spec,
      trainable: false,
    });
  }

  private scope({ id, path }: Scope, name: string, kind: string): ScopeId {
    const made = this.scopes.length;
    this.scopes.push({ id: made, parent: id, path: `${path}.${name}`, kind });
    return made;
  }

  private node(
    op: string,
    inputs: Node["inputs"],
    attributes: Node["attributes"],
    output: ValueId,
    scope: ScopeId,
  ): void {
    this.nodes.push({ id: this.nodes.length, op, inputs, attributes, outputs: [output], scope });
  }

  /** A variable holds `id` up to the last node so far, and lets go of it after temporaries. */
  private hold(id: ValueId, released = 1): void {
    this.values[id] = { ...(this.values[id] as Value), heldUntil: this.nodes.length - 1, released };
  }
}
