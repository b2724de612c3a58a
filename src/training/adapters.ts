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
import { dense, type TensorSpec } from "../ir/tensor.js";
import { doraOfPacked } from "./adapter-complaints.js";
import { type Target, targetsOf } from "./adapter-targets.js";

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

/** The look-up of the first input. */
function embeddingOfInputs(graph: Graph): NodeId | undefined {
  return graph.nodes.find(({ op }) => op === "embedding")?.id;
}

interface Parameters {
  readonly down: ValueId;
  readonly up: ValueId;
  readonly magnitude?: ValueId;
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
      const magnitude = this.adapters.dora ? matrix("lora_magnitude_vector", [output]) : undefined;
      this.parameters.set(target, { down, up, ...(magnitude !== undefined && { magnitude }) });
      this.residents.push(down, up, ...(magnitude === undefined ? [] : [magnitude]));
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
    if (this.adapters.dora) {
      this.adaptWithMagnitude(target, bare, packed);
      return;
    }
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

  /**
   * DoRA: result + (m/n - 1) * base + m/n * lora(x), where n is the norm of weight + BA, whose history is cut. BA is made by a pass
   * of the identity; with dropout the base layer's product is made again.
   * Source  peft 0.21: tuners/lora/dora.py DoraLinearLayer.forward
   */
  private adaptWithMagnitude(target: Target, bare: ValueId, packed: boolean): void {
    const { down, up, magnitude } = this.parameters.get(target) as Parameters;
    const { input, output, scope, weight } = target;
    const product = this.nodes.at(-1) as Node;
    if (packed || magnitude === undefined || product.op !== "linear")
      throw doraOfPacked(packed ? "--quantize" : "--lora");
    const { shape } = this.spec(output);
    const [outputs, inputs] = weight.spec.shape as readonly [number, number];
    const wide = this.castLike(input, down, scope.id);
    const x = this.dropped(target, wide);
    const apart = { noGrad: true };
    const make = (
      op: string,
      ports: Node["inputs"],
      attributes: Node["attributes"],
      size: readonly number[],
    ) => {
      const made = this.activation(op, dense(size, "float32"));
      this.node(op, ports, attributes, made, scope.id);
      return made;
    };
    const eye = make("create", {}, { ...apart, size: [inputs, inputs], dtype: "float32", spelledOut: true }, [
      inputs,
      inputs,
    ]);
    const narrow = make("linear", { input: eye, weight: down, bias: null }, apart, [
      inputs,
      this.adapters.rank,
    ]);
    const delta = make("linear", { input: narrow, weight: up, bias: null }, apart, [inputs, outputs]);
    const whole = make("castLike", { self: weight.id, other: x }, apart, [outputs, inputs]);
    const scaled = make("mul", { self: delta }, { ...apart, other: 1 }, [inputs, outputs]);
    const turned = make("transpose", { self: scaled }, { ...apart, dim0: 0, dim1: 1 }, [outputs, inputs]);
    const merged = make("add", { self: whole, other: turned }, apart, [outputs, inputs]);
    const norm = make("vectorNorm", { self: merged }, { ...apart, ord: 2, dim: [1] }, [outputs]);
    const ratio = make("div", { self: magnitude, other: norm }, {}, [outputs]);
    const scale = make("view", { self: ratio }, { size: [1, outputs] }, [1, outputs]);
    const high = this.product("B", target, this.product("A", target, x, down), up);
    const { bias = null } = product.inputs;
    const base =
      x !== wide
        ? make("linear", { input: x, weight: whole, bias: null }, {}, shape)
        : bias === null
          ? bare
          : make("sub", { self: bare, other: bias }, {}, shape);
    const less = make("sub", { self: scale }, { other: 1 }, [1, outputs]);
    const first = make("mul", { self: less, other: base }, {}, shape);
    const second = make(
      "mul",
      { self: make("mul", { self: scale, other: high }, {}, shape) },
      { other: 1 },
      shape,
    );
    const change = make("add", { self: first, other: second }, {}, shape);
    for (const [order, id] of [narrow, eye, delta, whole].entries()) this.hold(id, order + 1);
    const sum = make("add", { self: bare, other: change }, {}, shape);
    this.hold(bare);
    this.node("castLike", { self: sum, other: bare }, {}, output, scope.id);
    this.hold(sum);
    this.hold(wide, 2);
  }

  private dropped({ scope }: Target, x: ValueId): ValueId {
    const { dropout } = this.adapters;
    if (dropout === 0) return x;
    const made = this.activation("dropped", this.spec(x));
    const at = this.scope(scope, "lora_dropout.default", "Dropout");
    this.node("dropout", { input: x }, { p: dropout, train: true }, made, at);
    return made;
  }

  private product(name: "A" | "B", { scope }: Target, input: ValueId, weight: ValueId): ValueId {
    const size = [...this.spec(input).shape.slice(0, -1), this.spec(weight).shape[0] as number];
    const made = this.activation(name, dense(size, "float32"));
    const at = this.scope(scope, `lora_${name}.default`, "Linear");
    this.node("linear", { input, weight, bias: null }, {}, made, at);
    return made;
  }

  /** lora_B(lora_A(dropout(x))) * scaling */
  private lowRank(target: Target, x: ValueId): ValueId {
    const { down, up } = this.parameters.get(target) as Parameters;
    const high = this.product("B", target, this.product("A", target, this.dropped(target, x), down), up);
    const scaled = this.activation("scaled", dense(this.spec(high).shape, "float32"));
    this.node("mul", { self: high }, { other: 1 }, scaled, target.scope.id);
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
