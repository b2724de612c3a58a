/**
 * Graph → Tape for functions that JAX traced: the forward pass with what its linearization computes, the linear part transposed,
 * and which values go from one to the other: the residuals of `jax.vjp`.
 *
 * jax/_src/interpreters/ad.py (linearize, backward_pass), jax/_src/ad_checkpoint.py (remat: what the policy does not keep is
 * computed again from what a stretch reads); JAX 0.10.2.
 */
import { isFloating } from "../base/dtype.js";
import { RULES, unknownRule } from "../frameworks/jax/rules.js";
import {
  isTangent,
  type LinearOperation,
  type Linearizer,
  type Tangent,
  type Tensor,
} from "../frameworks/jax/rule.js";
import { otherTranspose, TRANSPOSES } from "../frameworks/jax/transposes.js";
import type { Attributes, Graph, LoopTurn, Node, NodeId, ValueId } from "../ir/graph.js";
import type { TrainingSetup } from "../ir/setup.js";
import type { ForwardEvent, GradNode, Operation, Storage, StorageId, Tape } from "../ir/tape.js";
import { dense, packedSize, type TensorSpec } from "../ir/tensor.js";

interface Linear extends LinearOperation {
  readonly node: NodeId;
  /** The stretch that is computed again, -1 for none. */
  readonly stretch: number;
}

interface Kept {
  readonly storage: StorageId;
  readonly node: NodeId;
}

export function linearize(graph: Graph, setup: Pick<TrainingSetup, "mode">): Tape {
  return new Linearization(graph).run(setup.mode === "train" && graph.traced?.kind === "function");
}

class Linearization implements Linearizer {
  private readonly graph: Graph;
  private readonly storages: Storage[] = [];
  private readonly operations: Operation[] = [];
  /** By storage: the operation that makes it, -1 for what is given. */
  private readonly maker: number[] = [];
  /** By storage: the stretch it was made in. */
  private readonly stretchOf: number[] = [];
  private readonly ofValue: (Tensor | undefined)[] = [];
  private readonly tangentOf: (Tangent | null | undefined)[] = [];
  private readonly linears: Linear[] = [];
  /** Storages computed again in backward, by the one of forward. */
  private readonly again = new Map<StorageId, Tensor>();
  private readonly kept: Kept[] = [];
  private readonly isKept = new Set<StorageId>();
  private node: NodeId = -1;
  private phase: Operation["phase"] = "forward";
  private stretch = -1;
  /** The loop and the place in its turn, -1 outside of loops. */
  private loop = -1;
  private place = 0;
  private added = 0;
  /** Stacked arrays that every turn reads another part of. */
  private readonly stacked = new Set<StorageId>();
  /** Values that no turn changes: what the first turn made of the same serves them all. scan: _scan_known_hoisting */
  private readonly invariant = new Map<
    string,
    { readonly reads: readonly StorageId[]; readonly outputs: readonly Tensor[] }
  >();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  run(differentiates: boolean): Tape {
    const { graph } = this;
    for (const { id, role, trainable, spec, name } of graph.values) {
      if (role === "activation") continue;
      this.ofValue[id] = this.tensor(spec, name, id);
      if (!differentiates || role !== "parameter" || !trainable || !isFloating(spec.dtype)) continue;
      this.tangentOf[id] = this.input(spec);
    }
    const stretches = graph.traced?.rematerialized ?? [];
    const turnOf = new Array<LoopTurn | undefined>(graph.nodes.length);
    for (const turn of graph.traced?.turns ?? []) turnOf.fill(turn, turn.first, turn.last + 1);
    let at = 0;
    for (const node of graph.nodes) {
      while (at < stretches.length && node.id > (stretches[at]?.last ?? 0)) at++;
      this.stretch = node.id >= (stretches[at]?.first ?? Number.POSITIVE_INFINITY) ? at : -1;
      const turn = turnOf[node.id];
      this.loop = turn?.loop ?? -1;
      this.place = node.id - (turn?.first ?? 0);
      this.added = 0;
      this.forward(node);
    }
    this.stretch = -1;
    this.loop = -1;
    const [loss] = graph.outputs;
    const gradients = differentiates && loss !== undefined ? this.backward(loss) : [];
    return this.tape(gradients);
  }

  // ------------------------------------------------------------------ forward

  op(name: string, inputs: readonly Tensor[], spec: TensorSpec, attributes: Attributes = {}): Tensor {
    return this.add(name, inputs, [spec], attributes)[0] as Tensor;
  }

  private add(
    op: string,
    inputs: readonly Tensor[],
    specs: readonly TensorSpec[],
    attributes: Attributes,
  ): readonly Tensor[] {
    const { node, phase } = this;
    const reads = [...new Set(inputs.filter(({ id }) => id >= 0).map(({ id }) => id))];
    const varies = this.loop < 0 || this.stretch >= 0 || reads.some((id) => this.stacked.has(id));
    const key = varies ? null : `${this.loop}/${this.place}/${this.added++}`;
    const before = key === null ? undefined : this.invariant.get(key);
    if (before && before.reads.length === reads.length && reads.every((id, i) => id === before.reads[i]))
      return before.outputs;
    const outputs = specs.map((spec) => this.tensor(spec, op, undefined));
    const makes = outputs.map(({ id }) => id);
    for (const id of makes) this.maker[id] = this.operations.length;
    this.operations.push({ op, node, phase, reads, makes, overwrites: false, attributes });
    if (key !== null && !before) this.invariant.set(key, { reads, outputs });
    return outputs;
  }

  linear(
    name: string,
    inputs: readonly (Tensor | Tangent)[],
    spec: TensorSpec,
    attributes: Attributes = {},
  ): Tangent {
    const { node, stretch } = this;
    this.linears.push({ name, inputs, spec, attributes, node, stretch });
    return { spec, tangent: this.linears.length - 1 };
  }

  private input(spec: TensorSpec): Tangent {
    return this.linear("input", [], spec);
  }

  private forward(node: Node): void {
    const { graph } = this;
    this.node = node.id;
    const given = node.inputs["inputs"] as readonly (ValueId | null)[]; // as: lowering writes one list of operands
    const literal: Tensor = { spec: dense([], "float32"), id: -1 };
    const inputs = given.map((id) => (id === null ? literal : (this.ofValue[id] as Tensor)));
    const tangents = given.map((id) => (id === null ? null : (this.tangentOf[id] ?? null)));
    const outputs = this.results(node, inputs);
    node.outputs.forEach((id, i) => {
      this.ofValue[id] = outputs[i];
    });
    if (tangents.every((tangent) => tangent === null)) return;
    const rule = RULES[node.op] ?? unknownRule;
    const applied = { name: node.op, inputs, outputs, attributes: node.attributes };
    const found = rule(this, applied, tangents);
    node.outputs.forEach((id, i) => {
      const { spec } = graph.values[id] as { spec: TensorSpec };
      this.tangentOf[id] = isFloating(spec.dtype) ? (found[i] ?? null) : null;
    });
  }

  /** A turn's part of a stacked input is no array of its own. */
  private results({ op, outputs, attributes }: Node, inputs: readonly Tensor[]): readonly Tensor[] {
    const specs = outputs.map((id) => (this.graph.values[id] as { spec: TensorSpec }).spec);
    const [first] = inputs;
    if (op === "scan_slice" && first && first.id >= 0 && this.storages[first.id]?.resident !== undefined) {
      this.stacked.add(first.id);
      return [{ spec: specs[0] as TensorSpec, id: first.id }];
    }
    return this.add(op, inputs, specs, attributes);
  }

  // ------------------------------------------------------------------ backward

  private backward(loss: ValueId): { parameter: ValueId; storage: StorageId; spec: TensorSpec }[] {
    const target = this.tangentOf[loss];
    if (!target) return [];
    this.phase = "backward";
    const needed = this.needed(target.tangent);
    const cotangents: (Tensor | undefined)[] = [];
    cotangents[target.tangent] = { spec: target.spec, id: -1 };
    for (let at = this.linears.length - 1; at >= 0; at--) {
      const operation = this.linears[at] as Linear;
      const cotangent = cotangents[at];
      if (needed[at] !== 1 || !cotangent || operation.name === "input") continue;
      this.node = operation.node;
      this.stretch = operation.stretch;
      const inputs = operation.inputs.map((operand) =>
        isTangent(operand) ? operand : this.residual(operand, operation),
      );
      const found = (TRANSPOSES[operation.name] ?? otherTranspose)(this, { ...operation, inputs }, cotangent);
      operation.inputs.forEach((operand, i) => {
        const gradient = found[i];
        if (!isTangent(operand) || !gradient) return;
        const before = cotangents[operand.tangent];
        cotangents[operand.tangent] = before
          ? this.op("add_any", [before, gradient], operand.spec)
          : gradient;
      });
    }
    const out: { parameter: ValueId; storage: StorageId; spec: TensorSpec }[] = [];
    for (const { id, role, spec } of this.graph.values) {
      const tangent = this.tangentOf[id];
      if (role !== "parameter" || !tangent) continue;
      const gradient = cotangents[tangent.tangent];
      if (gradient && gradient.id >= 0) out.push({ parameter: id, storage: gradient.id, spec });
    }
    return out;
  }

  /** Linear operations that the loss depends on. */
  private needed(root: number): Uint8Array {
    const needed = new Uint8Array(this.linears.length);
    needed[root] = 1;
    for (let at = root; at >= 0; at--) {
      if (needed[at] !== 1) continue;
      for (const operand of (this.linears[at] as Linear).inputs)
        if (isTangent(operand)) needed[operand.tangent] = 1;
    }
    return needed;
  }

  /** A value of forward that backward reads: kept, or computed again. */
  private residual(value: Tensor, { stretch, node }: Linear): Tensor {
    if (value.id < 0) return value;
    if (stretch < 0 || this.stretchOf[value.id] !== stretch) return this.keep(value, node);
    return { ...value, id: this.recompute(value.id, stretch, node) };
  }

  private keep(value: Tensor, node: NodeId): Tensor {
    if (!this.isKept.has(value.id)) {
      this.isKept.add(value.id);
      this.kept.push({ storage: value.id, node });
    }
    return value;
  }

  /** Makes `root` again from what the stretch reads and what its policy keeps. */
  private recompute(root: StorageId, stretch: number, node: NodeId): StorageId {
    const stack = [root];
    for (let id = stack.at(-1); id !== undefined; id = stack.at(-1)) {
      if (this.again.has(id)) {
        stack.pop();
        continue;
      }
      const maker = this.operations[this.maker[id] as number];
      const spec = (this.storages[id] as Storage).spec;
      if (!maker || this.stretchOf[id] !== stretch || this.isSaved(maker, stretch)) {
        this.again.set(id, this.keep({ spec, id }, node));
        stack.pop();
        continue;
      }
      const waits = maker.reads.filter((read) => this.stretchOf[read] === stretch && !this.again.has(read));
      if (waits.length > 0) {
        stack.push(...waits);
        continue;
      }
      const reads = maker.reads.map(
        (read) =>
          (this.again.get(read) ?? this.keep({ spec: (this.storages[read] as Storage).spec, id: read }, node))
            .id,
      );
      const makes = maker.makes.map((made) => {
        const copy = this.tensor((this.storages[made] as Storage).spec, maker.op, undefined);
        this.maker[copy.id] = this.operations.length;
        this.again.set(made, copy);
        return copy.id;
      });
      this.operations.push({ ...maker, phase: "backward", reads, makes });
      stack.pop();
    }
    return (this.again.get(root) as Tensor).id;
  }

  private isSaved({ op, attributes }: Operation, stretch: number): boolean {
    const keeps = this.graph.traced?.rematerialized[stretch]?.keeps;
    if (keeps === "everything") return true;
    if (keeps === "products") return op === "dot_general" || op === "conv_general_dilated";
    const batch = attributes?.["lhsBatch"];
    return (
      keeps === "products-without-batch" &&
      op === "dot_general" &&
      !(Array.isArray(batch) && batch.length > 0)
    );
  }

  // ------------------------------------------------------------------ what is left

  private tape(gradients: { parameter: ValueId; storage: StorageId; spec: TensorSpec }[]): Tape {
    const { graph, storages } = this;
    const byValue = this.ofValue.map((tensor) => tensor?.id);
    const roots = [
      ...graph.outputs.map((id) => byValue[id] as StorageId),
      ...gradients.map(({ storage }) => storage),
    ];
    const { gradNodes, events } = this.saves();
    return {
      graph,
      storages,
      events,
      gradNodes,
      storageOf: byValue,
      edgeOf: [],
      root: null,
      program: { operations: this.live(roots), gradients },
    };
  }

  private live(roots: readonly StorageId[]): Operation[] {
    const live = new Uint8Array(this.operations.length);
    const stack = [...roots];
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      const at = this.maker[id] ?? -1;
      if (at < 0 || live[at] === 1) continue;
      live[at] = 1;
      for (const read of (this.operations[at] as Operation).reads) stack.push(read);
    }
    return this.operations
      .filter((_, at) => live[at] === 1)
      .map((operation) =>
        this.storedTurn.has(operation.makes[0] as StorageId) &&
        operation.makes.some((id) => this.isKept.has(id))
          ? { ...operation, stored: true }
          : operation,
      );
  }

  /** Results of turns of loops. */
  private readonly storedTurn = new Set<StorageId>();

  private saves(): { gradNodes: GradNode[]; events: ForwardEvent[] } {
    const gradNodes = new Map<NodeId, GradNode & { saved: GradNode["saved"][number][] }>();
    const events: ForwardEvent[] = [];
    for (const { storage, node } of this.kept) {
      const { spec, label } = this.storages[storage] as Storage;
      const op = this.graph.nodes[node]?.op ?? "";
      const grad = gradNodes.get(node) ?? emptyNode(gradNodes.size, op, node);
      gradNodes.set(node, grad);
      grad.saved.push({ name: label, tensor: { spec, storage } });
      events.push({ kind: "save", storage, node, by: grad.id });
    }
    events.sort((a, b) => a.node - b.node);
    return { gradNodes: [...gradNodes.values()], events };
  }

  private tensor(spec: TensorSpec, label: string, resident: ValueId | undefined): Tensor {
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
    this.maker.push(-1);
    this.stretchOf.push(resident === undefined && this.phase === "forward" ? this.stretch : -1);
    if (this.loop >= 0 && this.phase === "forward") this.storedTurn.add(id);
    return { spec, id };
  }
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
