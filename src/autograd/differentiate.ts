/**
 * Graph → Tape: what the framework dispatches in the forward pass, and what autograd keeps of it.
 *
 * Walks the nodes in order. A composite operator is lowered to the primitives autograd sees; a primitive that reads a
 * tensor needing a gradient leaves a grad node, which keeps the values its gradient formulas read.
 */
import { type DType, isDifferentiable, isFloating } from "../base/dtype.js";
import { invariant } from "../base/invariant.js";
import { type Bytes, bytes, NO_BYTES } from "../base/units.js";
import { castPolicy, castTarget, eligible } from "../frameworks/pytorch/autocast.js";
import { holds, KernelRun, type Use } from "../frameworks/pytorch/kernel-run.js";
import type { Device, Held, KernelRule, Traced, TracedInput, Tracer } from "../frameworks/pytorch/kernel.js";
import { selection } from "../frameworks/pytorch/selective.js";
import { kernelRule, lowering, opRule } from "../frameworks/pytorch/table.js";
import type { Attributes, Graph, Node, ValueId } from "../ir/graph.js";
import { autocastType, type TapeSetup } from "../ir/setup.js";
import type {
  Call,
  Edge,
  ForwardEvent,
  GradNode,
  GradNodeId,
  Storage,
  StorageId,
  Tape,
  TapeTensor,
} from "../ir/tape.js";
import { packedSize, type TensorSpec } from "../ir/tensor.js";
import type { OpRule } from "../ops/rule.js";
import { inputSpecs, namedInputs, outputNames, readsOf, type Sources, UNKNOWN } from "./saved-values.js";

type SavedValue = GradNode["saved"][number];

/** A tensor object: in-place operators move its history on, and views know whose memory they show. */
interface Tensor extends Traced {
  edge: Edge;
  readonly base: Tensor | null;
}

const NOTHING = {};
const NO_SOURCES: Sources = { ports: [], edges: [], specs: [] };

export function differentiate(graph: Graph, setup: TapeSetup, device: Device): Tape {
  const writer = new TapeWriter(graph, setup, device);
  for (const node of graph.nodes) writer.run(node);
  return writer.finish();
}

/** Holds the state of one walk; a class because lowering calls back into it. */
class TapeWriter implements Tracer {
  readonly device: Device;
  private readonly graph: Graph;
  private readonly training: boolean;
  private readonly storages: Storage[] = [];
  private readonly events: ForwardEvent[] = [];
  private readonly gradNodes: GradNode[] = [];
  private readonly selective: boolean;
  /** Of selective checkpointing: which matrix products are computed again after all. */
  private readonly skipped: number | null;
  private readonly dispatched: Call[] | null;
  private readonly tensors: (Tensor | undefined)[] = [];
  /** Storages made while the current node is lowered; what the graph does not keep is dropped when it ends. */
  private open: StorageId[] = [];
  /** By storage: which operator of the pass it is a result of. */
  private readonly madeBy: (number | undefined)[] = [];
  private executed = 0;
  private node: Node | null = null;
  private readonly kernel: KernelRun;
  /** The operator whose kernel runs. */
  private running = "";
  /** The type that autocast lowers to; null outside of it and inside the operators it has cast for. */
  autocast: DType | null;
  /** Below `torch.no_grad()`. */
  private gradless = false;
  /** The type of the last floating result. */
  private latest: DType = "float32";
  /** Casts of parameters, kept until the autocast context exits. By storage. */
  private readonly keptStorages = new Map<string, StorageId>();
  private readonly casts = new Map<StorageId, Tensor>();

  constructor(graph: Graph, setup: TapeSetup, device: Device) {
    this.graph = graph;
    this.device = device;
    this.kernel = new KernelRun(device, {
      make: (spec, size, use) => {
        const label = use === "tensor" ? this.running : `${this.running} workspace`;
        const storage = this.storage(size, label, spec, undefined, use);
        this.emit("allocate", storage);
        return { spec, storage };
      },
      release: (storage) => this.emit("drop", storage),
      kept: (label, size) => this.kept(label, size),
      blas: () => this.events.push({ kind: "blas", storage: -1, node: (this.node as Node).id }),
    });
    this.training = setup.mode === "train";
    this.selective = setup.checkpointing?.selective === true;
    this.skipped = setup.checkpointing?.skippedProducts ?? null;
    this.dispatched = setup.compile || this.selective ? [] : null;
    this.autocast = autocastType(setup.precision);
    const flatSizes = new Map<number, Bytes>();
    for (const { flat, spec } of graph.values)
      if (flat !== undefined) flatSizes.set(flat, bytes((flatSizes.get(flat) ?? 0) + packedSize(spec)));
    for (const value of graph.values) {
      if (value.role === "activation") continue;
      if (value.tiedTo !== undefined) {
        this.tensors[value.id] = this.tensors[value.tiedTo];
        continue;
      }
      const size =
        value.role === "host" ? NO_BYTES : (flatSizes.get(value.flat ?? -1) ?? packedSize(value.spec));
      const first = value.flat === undefined ? undefined : this.tensors[value.flat];
      const storage = first?.storage ?? this.storage(size, value.name, value.spec, value.id);
      const edge: Edge =
        this.training && value.role === "parameter" && value.trainable ? { parameter: value.id } : null;
      this.tensors[value.id] = { spec: value.spec, storage, edge, base: null };
    }
  }

  run(node: Node): void {
    this.node = node;
    if (node.attributes.autocast === false) this.leaveAutocast();
    this.open = [];
    const inputs: Record<string, TracedInput> = {};
    for (const port in node.inputs) {
      const argument = node.inputs[port];
      if (argument === null || argument === undefined) inputs[port] = null;
      else if (typeof argument === "number") inputs[port] = this.tensors[argument] ?? null;
      else inputs[port] = argument.map((id) => (id === null ? null : (this.tensors[id] ?? null)));
    }
    const attributes = this.followed(node);
    const specs = node.outputs.map((id) => (this.graph.values[id] as { spec: TensorSpec }).spec);
    const { autocast } = this;
    if (attributes.outsideAutocast === true) this.autocast = null;
    const results = this.dispatch(node.op, inputs, attributes, specs).slice(0, node.outputs.length); // further ones are for backward alone
    this.autocast = autocast;
    node.outputs.forEach((id, i) => {
      const tensor = results[i] as Tensor | undefined;
      if (tensor === undefined) return;
      const leaf = node.op === "requireGrad" && this.training && tensor.edge === null;
      this.tensors[id] = leaf ? { ...tensor, edge: { parameter: id } } : tensor;
      if (isFloating(tensor.spec.dtype)) this.latest = tensor.spec.dtype;
    });
    this.dropRest(results);
  }

  /** Temporaries die last made first; the results of one operator, which are a tuple, in their order. */
  private dropRest(results: readonly Traced[]): void {
    const { open, madeBy } = this;
    for (let end = open.length; end > 0; ) {
      const call = madeBy[open[end - 1] as StorageId];
      let start = end - 1;
      while (call !== undefined && start > 0 && madeBy[open[start - 1] as StorageId] === call) start--;
      for (let i = start; i < end; i++) {
        const storage = open[i] as StorageId;
        if (!holds(results, storage)) this.emit("drop", storage);
      }
      end = start;
    }
  }

  /** Under autocast, a tensor made in another's type follows the one computed just before it. */
  private followed({ op, attributes }: Node): Attributes {
    const follows =
      this.autocast !== null &&
      op === "create" &&
      attributes.dtype === "float32" &&
      attributes.spelledOut !== true;
    return follows ? { ...attributes, dtype: this.latest } : attributes;
  }

  finish(): Tape {
    this.node = null;
    this.leaveAutocast();
    const { graph, storages, gradNodes } = this;
    const events = this.withoutDeadNodes();
    const loss = graph.scaledLoss?.value ?? graph.outputs[0];
    const root = loss === undefined ? undefined : this.tensors[loss];
    return {
      graph,
      storages,
      events,
      gradNodes,
      ...(this.dispatched && { calls: this.dispatched }),
      ...(this.selective && { cached: this.cachedResults() }),
      storageOf: this.tensors.map((tensor) => tensor?.storage),
      edgeOf: this.tensors.map((tensor) => tensor?.edge),
      root: root?.edge ? { edge: root.edge, spec: root.spec } : null,
    };
  }

  /** A node that no output leads back to dies with its results, and with it what it keeps: indices of a choice, say. */
  private withoutDeadNodes(): ForwardEvent[] {
    const reached = new Uint8Array(this.gradNodes.length);
    const { outputs, scaledLoss } = this.graph;
    for (const id of scaledLoss ? [...outputs, scaledLoss.value] : outputs) {
      const edge = this.tensors[id]?.edge;
      if (edge && "node" in edge) reached[edge.node] = 1;
    }
    let dead = 0;
    for (let id = reached.length - 1; id >= 0; id--) {
      if (reached[id] === 0) dead += 1;
      else
        for (const edge of (this.gradNodes[id] as GradNode).edges)
          if (edge && "node" in edge) reached[edge.node] = 1;
    }
    if (dead === 0) return this.events;
    return this.events.filter((event) => event.kind !== "save" || reached[event.by] === 1);
  }

  /** What selective checkpointing keeps of the checkpointed operators. */
  private cachedResults(): StorageId[] {
    const regions = (this.graph.checkpoints ?? []).map(({ first, last }) => ({
      holds: ({ node }: Call) => node >= first && node <= last,
      keeps: selection(this.skipped),
    }));
    const kept = (this.dispatched ?? []).filter((call) =>
      regions.find(({ holds }) => holds(call))?.keeps(call.op),
    );
    return [...new Set(kept.flatMap(({ outputs }) => outputs.map(({ storage }) => storage)))];
  }

  // ------------------------------------------------------------------ Tracer

  call(op: string, inputs: Readonly<Record<string, TracedInput>>, attributes: Attributes = {}): Traced {
    return this.calls(op, inputs, attributes)[0] as Traced;
  }

  calls(
    op: string,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes: Attributes = {},
  ): readonly Traced[] {
    const outer = this.open;
    this.open = [];
    const results = this.dispatch(op, inputs, attributes);
    this.dropRest(results);
    this.open = [...outer, ...this.open.filter((storage) => holds(results, storage))];
    return results;
  }

  drop({ storage }: Traced): void {
    const at = this.open.indexOf(storage);
    if (at < 0) return;
    this.open.splice(at, 1);
    this.emit("drop", storage);
  }

  withoutGradients<T>(run: () => T): T {
    const before = this.gradless;
    this.gradless = true;
    try {
      return run();
    } finally {
      this.gradless = before;
    }
  }

  statement(run: () => Traced): Traced {
    const outer = this.open;
    this.open = [];
    const result = run();
    this.dropRest([result]);
    this.open = this.open.includes(result.storage) ? [...outer, result.storage] : outer;
    return result;
  }

  // ------------------------------------------------------------------ dispatch

  /** Autocast first, then what the operator is composed of. `given`: the results' specs, when the graph asks. */
  private dispatch(
    op: string,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes: Attributes,
    given?: readonly TensorSpec[],
  ): readonly Traced[] {
    const policy = this.autocast === null ? undefined : castPolicy(op, this.device);
    if (this.autocast === null || policy === undefined || attributes.inPlace === true)
      return this.lowered(op, inputs, attributes, given);
    const lower = this.autocast;
    this.autocast = null; // the operator runs below autocast
    try {
      if (policy === "result32") {
        const first = inputs[opRule(op)?.inputs[0] ?? "self"];
        const casts = first && "storage" in first && eligible(first.spec.dtype) && attributes.dtype == null;
        return this.lowered(op, inputs, casts ? { ...attributes, dtype: "float32" } : attributes, given);
      }
      const target = castTarget(policy, lower, inputs);
      return this.lowered(op, target ? this.castAll(inputs, target, lower) : inputs, attributes, given);
    } finally {
      this.autocast = lower;
    }
  }

  private lowered(
    op: string,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes: Attributes,
    given?: readonly TensorSpec[],
  ): readonly Traced[] {
    const lower = lowering(op, given !== undefined);
    if (!lower) return this.primitive(op, inputs, attributes, given);
    const rule = opRule(op);
    if (given && !rule) return [lower(this, inputs, attributes, given)].flat();
    invariant(rule, `operator ${op} is known`);
    return [lower(this, inputs, attributes, rule.infer(inputSpecs(inputs), attributes))].flat();
  }

  /** The last argument is cast first: that is how the compiled wrapper evaluates its arguments. */
  private castAll(
    inputs: Readonly<Record<string, TracedInput>>,
    dtype: DType,
    lower: DType,
  ): Record<string, TracedInput> {
    const out: Record<string, TracedInput> = { ...inputs };
    for (const port of Object.keys(inputs).reverse()) {
      const value = inputs[port];
      if (!value) continue;
      if ("storage" in value) out[port] = this.castOne(value, dtype, lower);
      else out[port] = value.map((tensor) => tensor && this.castOne(tensor, dtype, lower));
    }
    return out;
  }

  /** cached_cast: casts of trained parameters to the lower type are kept. */
  private castOne(tensor: Traced, dtype: DType, lower: DType): Traced {
    if (tensor.spec.dtype === dtype || !eligible(tensor.spec.dtype)) return tensor;
    const kept = dtype === lower && this.isTrainedParameter(tensor);
    const before = kept ? this.casts.get(tensor.storage) : undefined;
    if (before) return before;
    const [cast] = this.primitive("cast", { self: tensor }, { dtype });
    if (kept) {
      this.casts.set(tensor.storage, cast as Tensor);
      this.open.splice(this.open.indexOf((cast as Tensor).storage), 1);
    }
    return cast as Tensor;
  }

  private isTrainedParameter(tensor: Traced): boolean {
    const { resident } = this.storages[tensor.storage] as Storage;
    const value = resident === undefined ? undefined : this.graph.values[resident];
    return value?.role === "parameter" && value.trainable && (tensor as Tensor).base === null;
  }

  private leaveAutocast(): void {
    this.autocast = null;
    for (const { storage } of this.casts.values()) this.emit("drop", storage);
    this.casts.clear();
  }

  // ------------------------------------------------------------------ one primitive

  private primitive(
    op: string,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes: Attributes,
    given?: readonly TensorSpec[],
  ): Tensor[] {
    const rule = opRule(op) ?? UNKNOWN;
    const inPlace = attributes.inPlace === true;
    const self = inPlace ? (inputs[rule.inputs[0]?.replace("?", "") ?? "self"] as Tensor) : null;
    const specs = self ? [self.spec] : this.specsOf(op, rule, inputs, attributes, given);
    const sources = this.sourcesOf(rule, inputs);
    const from = this.events.length;
    const differentiable =
      sources.edges.some((edge) => edge !== null) && specs.some(({ dtype }) => isDifferentiable(dtype));
    const kernel = kernelRule(op);

    // an in-place operator whose gradient reads what it overwrites keeps a copy
    const reads = differentiable ? readsOf(rule, kernel, sources, inputs, specs.length) : [];
    const copy =
      self && reads.includes("self") && kernel.inPlace !== "result"
        ? this.allocate(self.spec, "copy kept for backward")
        : null;

    const id = this.gradNodes.length;
    const node = (this.node as Node).id;
    const saved: SavedValue[] = [];
    // inputs are saved before the kernel runs, results after it
    const names = outputNames(rule, specs.length);
    for (const name of reads) {
      if (names.includes(name)) continue;
      if (name === "self" && self) this.save(saved, id, name, copy ?? self);
      else for (const [label, tensor] of namedInputs(name, inputs)) this.save(saved, id, label, tensor);
    }
    const outputs = this.execute(op, rule, kernel, inputs, attributes, specs, self);
    if (this.dispatched) {
      const view = !self && rule.aliases !== undefined && outputs[0]?.base !== null;
      this.recordCall({ op, attributes, inputs, outputs, view, grad: differentiable ? id : null, from });
    }
    if (!differentiable) return outputs;
    for (const name of reads) {
      const output = outputs[names.indexOf(name)]; // not every result is made every time
      if (output) this.save(saved, id, name, output);
    }
    const base = self?.base ?? null;
    this.gradNodes.push({
      id,
      op: base ? "copySlices" : op,
      node,
      attributes: base ? { ...attributes, inner: op } : attributes,
      inputs: base ? [base.spec, ...sources.specs.slice(1)] : sources.specs,
      ports: sources.ports,
      outputs: base ? [base.spec] : outputs.map(({ spec }) => spec),
      shown: base ? self?.spec : undefined,
      edges: base ? [base.edge, ...sources.edges.slice(1)] : sources.edges,
      saved,
    });
    if (copy) this.drop(copy);
    if (base && self) {
      base.edge = { node: id, slot: 0 };
      self.edge = this.viewOf(base, self.spec);
    } else {
      outputs.forEach((tensor, slot) => {
        if (isDifferentiable(tensor.spec.dtype)) tensor.edge = { node: id, slot };
      });
    }
    return outputs;
  }

  private save(saved: SavedValue[], by: GradNodeId, name: string, tensor: Held): void {
    saved.push({ name, tensor });
    this.events.push({ kind: "save", storage: tensor.storage, node: (this.node as Node).id, by });
  }

  private recordCall(call: {
    readonly op: string;
    readonly attributes: Attributes;
    readonly inputs: Readonly<Record<string, TracedInput>>;
    readonly outputs: readonly Tensor[];
    readonly view: boolean;
    readonly grad: GradNodeId | null;
    readonly from: number;
  }): void {
    const inputs: Record<string, TapeTensor[]> = {};
    for (const port in call.inputs) {
      const value = call.inputs[port];
      if (!value) continue;
      const list = "storage" in value ? [value] : value.filter((tensor) => tensor !== null);
      inputs[port] = list.map(({ spec, storage }) => ({ spec, storage }));
    }
    const outputs = call.outputs.map(({ spec, storage }) => ({ spec, storage }));
    const node = (this.node as Node).id;
    this.dispatched?.push({ ...call, node, inputs, outputs, to: this.events.length });
  }

  /** A view's history is drawn again from its base after an in-place change. */
  private viewOf(base: Tensor, spec: TensorSpec): Edge {
    const id = this.gradNodes.length;
    this.gradNodes.push({
      id,
      op: "asStrided",
      node: (this.node as Node).id,
      attributes: {},
      inputs: [base.spec],
      ports: ["self"],
      outputs: [spec],
      shown: undefined,
      edges: [base.edge],
      saved: [],
    });
    return { node: id, slot: 0 };
  }

  private specsOf(
    op: string,
    rule: OpRule,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes: Attributes,
    given?: readonly TensorSpec[],
  ): readonly TensorSpec[] {
    if (rule !== UNKNOWN) return rule.infer(inputSpecs(inputs), attributes);
    invariant(given !== undefined, `operator ${op} is known or comes with its results`);
    return given;
  }

  private execute(
    op: string,
    rule: OpRule,
    { forward, unsafe }: KernelRule,
    inputs: Readonly<Record<string, TracedInput>>,
    attributes: Attributes,
    specs: readonly TensorSpec[],
    self: Tensor | null,
  ): Tensor[] {
    if (self) {
      self.edge = self.edge ?? null;
      return [self];
    }
    const source = rule.aliases ? (inputs[rule.aliases] as Tensor | null) : null;
    if (source && (rule.aliasesWhen?.(inputSpecs(inputs), attributes) ?? true)) {
      return specs.map((spec) => ({
        spec,
        storage: source.storage,
        edge: null,
        base: unsafe ? null : (source.base ?? source),
      }));
    }
    if (!forward) return specs.map((spec) => this.allocate(spec, op));
    this.running = op;
    const results = forward(this.kernel, { inputs, outputs: specs, attributes });
    this.kernel.end(results);
    this.executed += 1;
    return results.map(({ spec, storage }) => {
      const known = this.isKept(storage) || this.open.includes(storage); // results can share one buffer
      if (!known) this.open.push(storage);
      this.madeBy[storage] = this.executed;
      return { spec, storage, edge: null, base: null };
    });
  }

  /** The differentiable inputs, in the order of the row's gradients; a list port has several. */
  private sourcesOf(rule: OpRule, inputs: Readonly<Record<string, TracedInput>>): Sources {
    if (!this.training || this.gradless || this.node?.attributes.noGrad === true) return NO_SOURCES;
    const sources = { ports: [] as string[], edges: [] as Edge[], specs: [] as TensorSpec[] };
    const add = (port: string, { edge, spec }: Traced) => {
      sources.ports.push(port);
      sources.edges.push(isDifferentiable(spec.dtype) ? edge : null);
      sources.specs.push(spec);
    };
    for (const port in rule === UNKNOWN ? inputs : (rule.backward ?? NOTHING)) {
      const value = inputs[port];
      if (!value) continue;
      if ("storage" in value) add(port, value);
      else for (const tensor of value) if (tensor) add(port, tensor);
    }
    return sources;
  }

  private allocate(spec: TensorSpec, label: string): Tensor {
    const storage = this.storage(packedSize(spec), label, spec);
    this.emit("allocate", storage);
    this.open.push(storage);
    return { spec, storage, edge: null, base: null };
  }

  private storage(
    size: Bytes,
    label: string,
    spec: TensorSpec,
    resident?: ValueId,
    use: Use = "tensor",
  ): StorageId {
    const id = this.storages.length;
    this.storages.push({
      id,
      bytes: size,
      label,
      node: this.node?.id ?? -1,
      spec,
      resident,
      workspace: use !== "tensor",
      trial: use === "trial",
    });
    return id;
  }

  /** Storages that the process makes once, by label. */
  private kept(label: string, size: Bytes): Held {
    const spec: TensorSpec = { shape: [size], strides: [1], dtype: "uint8" };
    const known = this.keptStorages.get(label);
    const storage = known ?? this.storage(size, label, spec, undefined, "workspace");
    if (known === undefined) this.emit("keep", storage);
    this.keptStorages.set(label, storage);
    return { spec, storage };
  }

  private isKept(storage: StorageId): boolean {
    if (this.keptStorages.size === 0) return false;
    return [...this.keptStorages.values()].includes(storage);
  }

  private emit(kind: "allocate" | "drop" | "keep", storage: StorageId): void {
    this.events.push({ kind, storage, node: this.node?.id ?? this.graph.nodes.length });
  }
}
