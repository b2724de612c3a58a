/**
 * Graph → Tape for frameworks that trace a step before it runs: the forward operations, those that gradient functions add, in
 * the order they are added, and what is left when what nobody needs is pruned.
 *
 * Gradients are propagated as TensorFlow's tape does: an operation's gradient function runs when the gradients of all its results
 * are there, first come first served, and gradients that meet are added by one AddN. tensorflow/c/eager/tape.h, 2.21.
 */
import { isFloating } from "../base/dtype.js";
import { invariant } from "../base/invariant.js";
import { type Shape, elements } from "../base/shape.js";
import type { Emitter, GraphOperation, GraphTensor, TracedOperation } from "../frameworks/tensorflow/op.js";
import { operationOf } from "../frameworks/tensorflow/table.js";
import type { Attributes, Graph, Node, NodeId, ValueId } from "../ir/graph.js";
import type { StepSetup } from "../ir/setup.js";
import type { ForwardEvent, GradNode, Operation, Storage, StorageId, Tape } from "../ir/tape.js";
import { dense, packedSize, type TensorSpec } from "../ir/tensor.js";

interface Added extends TracedOperation {
  readonly op: string;
  readonly rule: GraphOperation;
  readonly node: NodeId;
  readonly phase: "forward" | "backward";
}

const CONSTANT = -1;
/** More gradients than this of one tensor are added early, when they take more bytes than that. */
const EARLY = { count: 4, bytes: 128 * 1024 * 1024 };

export function traceProgram(graph: Graph, setup: StepSetup): Tape {
  return new Tracing(graph, setup.optimizer !== null).run(setup.mode === "train");
}

class Tracing implements Emitter {
  private readonly graph: Graph;
  /** An optimizer is given the gradients. */
  private readonly updates: boolean;
  private readonly storages: Storage[] = [];
  private readonly added: Added[] = [];
  /** By tensor. */
  private readonly madeBy: number[] = [];
  private readonly storageOf: StorageId[] = [];
  private readonly tracked: boolean[] = [];
  private readonly recorded: boolean[] = [];
  private readonly ofValue: (GraphTensor | undefined)[] = [];
  private node: NodeId = -1;
  private phase: "forward" | "backward" = "forward";

  constructor(graph: Graph, updates: boolean) {
    this.graph = graph;
    this.updates = updates;
  }

  run(training: boolean): Tape {
    const { graph } = this;
    for (const value of graph.values) {
      if (value.role === "activation") continue;
      const storage = this.storage(value.spec, value.name, value.id);
      const isTrained = training && value.role === "parameter" && value.trainable;
      this.ofValue[value.id] = this.tensor(value.spec, storage, -1, isTrained);
    }
    for (const node of graph.nodes) this.forward(node);
    const [loss] = graph.outputs;
    const target = loss === undefined ? undefined : this.ofValue[loss];
    const gradients = training && target && !isFolded(target) ? this.backpropagate(target) : new Map();
    const roots = graph.outputs.map((id) => this.ofValue[id] as GraphTensor); // as: outputs are made
    const live = this.live([...roots, ...gradients.values()]);
    return this.tape(live, gradients);
  }

  // ------------------------------------------------------------------ Emitter

  all(op: string, inputs: readonly GraphTensor[], attributes: Attributes = {}): readonly GraphTensor[] {
    const rule = operationOf(op);
    invariant(rule, `TensorFlow operation ${op} is known`);
    const specs = rule.infer(
      inputs.map(({ spec }) => spec),
      attributes,
    );
    if (!rule.effect && inputs.length > 0 && inputs.every(isFolded))
      return specs.map((spec) => ({ spec, id: CONSTANT }));
    return this.add(op, rule, inputs, attributes, specs);
  }

  one(op: string, inputs: readonly GraphTensor[], attributes: Attributes = {}): GraphTensor {
    return this.all(op, inputs, attributes)[0] as GraphTensor;
  }

  constant(shape: Shape = [], dtype: TensorSpec["dtype"] = "float32"): GraphTensor {
    return { spec: dense(shape, dtype), id: CONSTANT };
  }

  private add(
    op: string,
    rule: GraphOperation,
    inputs: readonly GraphTensor[],
    attributes: Attributes,
    specs: readonly TensorSpec[],
  ): readonly GraphTensor[] {
    const at = this.added.length;
    const forward = this.phase === "forward";
    // what has no gradient is not recorded, and nothing behind it asks for one
    const records =
      forward && rule.gradient !== undefined && inputs.some(({ id }) => id >= 0 && this.tracked[id]);
    const outputs = specs.map((spec, i) => {
      const source = rule.alias ? inputs[i] : undefined;
      const shown = source && source.id >= 0 ? this.storageOf[source.id] : undefined;
      const storage = shown ?? this.storage(spec, op, undefined);
      return this.tensor(spec, storage, at, records && isFloating(spec.dtype));
    });
    const needs = inputs.map(({ id }) => id >= 0 && this.tracked[id] === true);
    this.added.push({ op, rule, inputs, outputs, attributes, needs, node: this.node, phase: this.phase });
    this.recorded.push(records);
    return outputs;
  }

  /** Indices of a sparse gradient are the optimizer's to read. */
  private needed({ op, inputs }: Added): readonly GraphTensor[] {
    return op === "IndexedSlices" && !this.updates ? inputs.slice(0, 1) : inputs;
  }

  private forward(node: Node): void {
    this.node = node.id;
    const given = node.inputs.inputs as readonly (ValueId | null)[]; // as: the graph is drawn with one list of operands
    const known = given.map((id) => (id === null ? null : (this.ofValue[id] as GraphTensor)));
    const dtype = known.find((tensor) => tensor !== null && tensor.spec.dtype !== "bool")?.spec.dtype;
    const inputs = known.map((tensor) => tensor ?? this.constant([], dtype));
    const results = this.all(node.op, inputs, node.attributes);
    node.outputs.forEach((id, i) => {
      this.ofValue[id] = results[i];
    });
  }

  // ------------------------------------------------------------------ backward

  /** By parameter, in the order the graph lists them. */
  private backpropagate(loss: GraphTensor): Map<ValueId, GraphTensor> {
    this.phase = "backward";
    const { uses, missing } = this.reachable(loss);
    const gradients = new Map<number, GraphTensor[]>([
      [loss.id, [this.constant(loss.spec.shape, loss.spec.dtype)]],
    ]);
    const queue = [this.madeBy[loss.id] as number];
    for (let next = 0; next < queue.length; next++) {
      const at = queue[next] as number;
      const operation = this.added[at] as Added;
      this.node = operation.node;
      const arrived = operation.outputs.map(({ id }) => this.sum(gradients.get(id)));
      for (const { id } of operation.outputs) gradients.delete(id);
      const found = arrived.some((grad) => grad !== null)
        ? (operation.rule.gradient?.(this, operation, arrived) ?? [])
        : [];
      operation.inputs.forEach(({ id }, i) => {
        if (id < 0 || !this.tracked[id]) return;
        const gradient = found[i];
        if (gradient) this.collect(gradients, id, gradient);
        const left = (uses.get(id) as number) - 1;
        uses.set(id, left);
        const maker = this.madeBy[id] as number;
        if (left > 0 || maker < 0) return;
        const waits = (missing.get(maker) as number) - 1;
        missing.set(maker, waits);
        if (waits === 0) queue.push(maker);
      });
    }
    this.node = -1;
    const out = new Map<ValueId, GraphTensor>();
    for (const { id, role, trainable } of this.graph.values) {
      if (role !== "parameter" || !trainable) continue;
      const gradient = this.sum(gradients.get((this.ofValue[id] as GraphTensor).id));
      if (gradient && !isFolded(gradient)) out.set(id, gradient);
    }
    return out;
  }

  /** How often each tensor's gradient is asked for, and how many results of an operation are waited for. */
  private reachable(loss: GraphTensor): { uses: Map<number, number>; missing: Map<number, number> } {
    const uses = new Map<number, number>();
    const missing = new Map<number, number>();
    const reached = new Set<number>();
    const stack = [this.madeBy[loss.id] as number];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at < 0 || reached.has(at) || !this.recorded[at]) continue;
      reached.add(at);
      for (const { id } of (this.added[at] as Added).inputs) {
        if (id < 0 || !this.tracked[id]) continue;
        const before = uses.get(id) ?? 0;
        uses.set(id, before + 1);
        if (before > 0) continue;
        const maker = this.madeBy[id] as number;
        if (maker >= 0) missing.set(maker, (missing.get(maker) ?? 0) + 1);
        stack.push(maker);
      }
    }
    return { uses, missing };
  }

  private collect(gradients: Map<number, GraphTensor[]>, id: number, gradient: GraphTensor): void {
    const list = gradients.get(id) ?? [];
    gradients.set(id, list);
    list.push(gradient);
    const early = list.length > EARLY.count && list.length * elements(gradient.spec.shape) * 4 > EARLY.bytes;
    if (early) gradients.set(id, [this.one("AddN", list)]);
  }

  private sum(gradients: readonly GraphTensor[] | undefined): GraphTensor | null {
    if (!gradients) return null;
    return gradients.length === 1 ? (gradients[0] as GraphTensor) : this.one("AddN", gradients);
  }

  // ------------------------------------------------------------------ what is left

  /** Operations that the outputs, the gradients and variables' new values need. */
  private live(roots: readonly GraphTensor[]): Uint8Array {
    const live = new Uint8Array(this.added.length);
    const stack = roots.filter(({ id }) => id >= 0).map(({ id }) => this.madeBy[id] as number);
    this.added.forEach(({ rule }, at) => {
      if (rule.effect) stack.push(at);
    });
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at < 0 || live[at] === 1) continue;
      live[at] = 1;
      for (const { id } of this.needed(this.added[at] as Added))
        if (id >= 0) stack.push(this.madeBy[id] as number);
    }
    return live;
  }

  private tape(live: Uint8Array, gradients: ReadonlyMap<ValueId, GraphTensor>): Tape {
    const { graph, storages } = this;
    const operations: Operation[] = [];
    this.added.forEach((added, at) => {
      if (live[at] !== 1) return;
      const { op, rule, node, phase, outputs } = added;
      const storageOf = ({ id }: GraphTensor) => this.storageOf[id] as StorageId;
      const reads = [
        ...new Set(
          this.needed(added)
            .filter(({ id }) => id >= 0)
            .map(storageOf),
        ),
      ];
      const makes = rule.alias ? [] : outputs.map(storageOf);
      operations.push({ op, node, phase, reads, makes, overwrites: rule.overwrites === true });
    });
    const byValue = this.ofValue.map((tensor) =>
      tensor && tensor.id >= 0 ? this.storageOf[tensor.id] : undefined,
    );
    const { gradNodes, events } = this.kept(operations);
    return {
      graph,
      storages,
      events,
      gradNodes,
      storageOf: byValue,
      edgeOf: [],
      root: null,
      program: {
        operations,
        gradients: [...gradients].map(([parameter, { id, spec }]) => ({
          parameter,
          storage: this.storageOf[id] as StorageId,
          spec,
        })),
      },
    };
  }

  /** Values of the forward pass that a gradient's operations read, by the node whose gradient it is. */
  private kept(operations: readonly Operation[]): { gradNodes: GradNode[]; events: ForwardEvent[] } {
    const made = new Set<StorageId>();
    for (const { phase, makes } of operations) if (phase === "forward") for (const id of makes) made.add(id);
    const events: ForwardEvent[] = [];
    const nodes = new Map<NodeId, GradNode & { readonly saved: GradNode["saved"][number][] }>();
    for (const { op, phase, node, reads } of operations) {
      if (phase !== "backward" || node < 0) continue;
      for (const storage of reads) {
        const { resident, spec, label } = this.storages[storage] as Storage;
        if (resident === undefined && !made.has(storage)) continue;
        const id = nodes.size;
        const grad = nodes.get(node) ?? emptyNode(id, op, node);
        nodes.set(node, grad);
        if (grad.saved.some(({ tensor }) => tensor.storage === storage)) continue;
        grad.saved.push({ name: label, tensor: { spec, storage } });
        events.push({ kind: "save", storage, node, by: grad.id });
      }
    }
    events.sort((a, b) => a.node - b.node); // a value counts with the first layer whose gradient reads it
    return { gradNodes: [...nodes.values()], events };
  }

  private tensor(spec: TensorSpec, storage: StorageId, maker: number, tracked: boolean): GraphTensor {
    const id = this.storageOf.length;
    this.storageOf.push(storage);
    this.madeBy.push(maker);
    this.tracked.push(tracked);
    return { spec, id };
  }

  private storage(spec: TensorSpec, label: string, resident: ValueId | undefined): StorageId {
    const id = this.storages.length;
    const { node } = this;
    this.storages.push({
      id,
      bytes: packedSize(spec),
      label,
      node,
      spec,
      resident,
      workspace: false,
      trial: false,
    });
    return id;
  }
}

function isFolded({ id }: GraphTensor): boolean {
  return id === CONSTANT;
}

function emptyNode(id: number, op: string, node: NodeId): GradNode & { saved: GradNode["saved"][number][] } {
  return {
    id,
    op,
    node,
    attributes: {},
    inputs: [],
    ports: [],
    outputs: [],
    shown: undefined,
    edges: [],
    saved: [],
  };
}
