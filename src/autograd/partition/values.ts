/** The compiled part of a tape as values: what each is made from, who reads it, and what backward asks for. */
import {
  convertsLayout,
  hasHeavyGradient,
  type PartKind,
  type Parts,
  partsOf,
} from "../../frameworks/pytorch/compile/parts.js";
import { opRule } from "../../frameworks/pytorch/table.js";
import type { NodeId } from "../../ir/graph.js";
import type { Call, GradNodeId, Storage, StorageId, Tape, TapeTensor } from "../../ir/tape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { int } from "../../ops/rule.js";

export type VertexId = number;

export interface Vertex {
  readonly id: VertexId;
  readonly bytes: number;
  /** `source`: there before the compiled part starts. */
  readonly kind: PartKind | "source";
  /** Costs nothing to keep: parameters and buffers. */
  readonly free: boolean;
  readonly from: VertexId[];
  readonly users: VertexId[];
  /** The storage it lies in; null for parts, which eager kernels do not make. */
  readonly storage: StorageId | null;
  readonly call: number;
  readonly label: string;
  /** Must not be computed again. */
  banned: boolean;
  /** Something outside fused kernels reads it in the forward pass. */
  readBySolid: boolean;
  /** The first call that reads a source. */
  readonly firstUse: number;
  /** The last call that reads it; infinite for what the compiled part returns. */
  lastUse: number;
  wanted: boolean;
}

/** A result this many times smaller than what it is computed from is kept. should_ban_recomputation */
const REDUCES = 4;
export class Values {
  readonly tape: Tape;
  readonly calls: readonly Call[];
  readonly vertices: Vertex[] = [];
  /** The value that a storage holds in the end. */
  readonly current = new Map<StorageId, VertexId>();
  /** By call, the values it makes. */
  readonly made: VertexId[][] = [];
  /** By gradient, the values it reads. */
  readonly reads = new Map<GradNodeId, VertexId[]>();
  private readonly end: NodeId;
  private readonly convertsWeights: boolean;
  /** Checkpointed operators keep to their own rule; to the others they are kernels that cannot be fused. */
  private readonly checkpointed: Uint8Array;

  /** `end`: the first node that is not compiled, the loss outside the model. */
  constructor(tape: Tape, end: NodeId) {
    this.tape = tape;
    this.end = end;
    this.checkpointed = new Uint8Array(tape.graph.nodes.length + 1);
    for (const { first, last } of tape.graph.checkpoints ?? []) this.checkpointed.fill(1, first, last + 1);
    this.calls = (tape.calls ?? []).filter(({ node }) => this.compiles(node));
    const convolutions = this.calls.flatMap(({ op, inputs, attributes }) => {
      const weight = op === "convolution" ? inputs.weight?.[0]?.spec : undefined;
      return weight ? [{ weight, groups: int(attributes, "groups", 1) }] : [];
    });
    this.convertsWeights = convertsLayout(convolutions, this.calls.length);
    this.calls.forEach((call, at) => {
      this.made[at] = [];
      this.enter(call, at);
    });
    this.markReturned();
  }

  compiles(node: NodeId): boolean {
    return node < this.end && this.checkpointed[node] === 0;
  }

  private enter(call: Call, at: number): void {
    if (call.view) return;
    const rule = opRule(call.op);
    const specs: Record<string, TensorSpec | undefined> = {};
    const before: Record<string, VertexId[]> = {};
    for (const port in call.inputs) {
      if (port.startsWith("running_")) continue; // statistics are updated, not read, in training
      const tensors = call.inputs[port] ?? [];
      before[port] = tensors.map((tensor) => this.read(tensor.storage, at));
      specs[port] = tensors[0]?.spec;
    }
    if (this.convertsWeights && call.op === "convolution") this.convertWeight(before, call, at);
    const names = rule?.outputs ?? call.outputs.map((_, i) => `result${i}`);
    call.outputs.forEach(({ spec }, i) => {
      specs[names[i] ?? ""] = spec;
    });
    const parts = partsOf(call.op, specs);
    const inputs = Object.values(before).flat();
    if (parts.kind === "heavy") for (const id of inputs) (this.vertices[id] as Vertex).readBySolid = true;
    const after: Record<string, VertexId[]> = {};
    const fromInputs =
      parts.part && !parts.part.from.includes("result") ? this.part(call, parts, before, at) : null;
    call.outputs.forEach((tensor, i) => {
      if (i > 0 && fromInputs !== null) {
        this.current.set(tensor.storage, fromInputs); // statistics and masks are the part
        return;
      }
      const from = parts.partIsRead && fromInputs !== null ? [...inputs, fromInputs] : inputs;
      const vertex = this.vertex(tensor, parts.kind, from, call, at);
      this.current.set(tensor.storage, vertex);
      after[names[i] ?? ""] = [vertex];
    });
    const part = fromInputs ?? (parts.part ? this.part(call, parts, { ...before, ...after }, at) : null);
    if (call.grad === null) return;
    const saved = this.tape.gradNodes[call.grad]?.saved.map(({ name }) => name) ?? [];
    const wanted = [...new Set(parts.reads ?? saved)].flatMap(
      (name) => after[name] ?? before[name] ?? before[name.replace(/\d+$/, "")] ?? [],
    );
    if (parts.partIsSaved && part !== null) wanted.push(part);
    this.reads.set(call.grad, wanted);
    for (const id of wanted) {
      const vertex = this.vertices[id] as Vertex;
      vertex.wanted = true;
      if (hasHeavyGradient(call.op)) vertex.banned = true; // it must lie in memory then anyway
    }
  }

  /** A copy of the weight that convolution and gradient read; one value per filter has no other layout. */
  private convertWeight(before: Record<string, VertexId[]>, { inputs }: Call, at: number): void {
    const spec = inputs.weight?.[0]?.spec;
    const [weight] = before.weight ?? [];
    if (!spec || weight === undefined || spec.shape.slice(2).every((size) => size === 1)) return;
    const { bytes, kind } = this.vertices[weight] as Vertex;
    if (kind !== "source") return; // a cast is written in that layout at once
    const label = "weight, channels last";
    before.weight = [
      this.add({ bytes, kind: "pointwise", free: false, from: [weight], storage: null, call: at, label }),
    ];
  }

  private read(storage: StorageId, at: number): VertexId {
    let id = this.current.get(storage);
    if (id === undefined) {
      const { bytes, resident, label } = this.tape.storages[storage] as Storage;
      const role = resident === undefined ? undefined : this.tape.graph.values[resident]?.role;
      id = this.add({
        bytes,
        kind: "source",
        free: role === "parameter" || role === "buffer",
        firstUse: at,
        from: [],
        storage,
        call: -1,
        label,
      });
      this.current.set(storage, id);
    }
    const vertex = this.vertices[id] as Vertex;
    vertex.lastUse = Math.max(vertex.lastUse, at);
    return id;
  }

  private vertex(
    tensor: TapeTensor,
    kind: PartKind,
    from: readonly VertexId[],
    { op }: Call,
    at: number,
  ): VertexId {
    const { bytes } = this.tape.storages[tensor.storage] as Storage;
    const id = this.add({ bytes, kind, free: false, from, storage: tensor.storage, call: at, label: op });
    const read = from.reduce((sum, input) => sum + (this.vertices[input] as Vertex).bytes, 0);
    const vertex = this.vertices[id] as Vertex;
    if (kind !== "pointwise" || bytes * REDUCES < read) vertex.banned = true;
    return id;
  }

  private part(
    { op }: Call,
    { part }: Parts,
    known: Record<string, VertexId[]>,
    at: number,
  ): VertexId | null {
    if (!part) return null;
    const from = part.from.flatMap((name) => known[name] ?? []);
    const id = this.add({
      bytes: part.bytes,
      kind: part.kind,
      free: false,
      from,
      storage: null,
      call: at,
      label: `part of ${op}`,
    });
    if (part.kind !== "pointwise") (this.vertices[id] as Vertex).banned = true;
    return id;
  }

  private add(
    draft: Pick<Vertex, "bytes" | "kind" | "free" | "storage" | "call" | "label"> & {
      readonly firstUse?: number;
      from: readonly VertexId[];
    },
  ): VertexId {
    const id = this.vertices.length;
    const from = [...new Set(draft.from)];
    this.vertices.push({
      firstUse: draft.call,
      ...draft,
      id,
      from,
      users: [],
      banned: draft.kind === "source",
      readBySolid: false,
      lastUse: draft.call,
      wanted: false,
    });
    for (const input of from) (this.vertices[input] as Vertex).users.push(id);
    this.made[draft.call]?.push(id);
    return id;
  }

  /** What the loss and the caller see lives on. */
  private markReturned(): void {
    const returned = new Set<StorageId>();
    for (const id of this.tape.graph.outputs) returned.add(this.tape.storageOf[id] ?? -1);
    for (const { node, inputs } of this.tape.calls ?? [])
      if (!this.compiles(node))
        for (const tensors of Object.values(inputs)) for (const { storage } of tensors) returned.add(storage);
    for (const storage of returned) {
      const vertex = this.vertices[this.current.get(storage) ?? -1];
      if (!vertex) continue;
      vertex.readBySolid = true;
      vertex.lastUse = Number.POSITIVE_INFINITY;
    }
  }
}
