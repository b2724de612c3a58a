/**
 * Tape → Tape: what backward keeps when the model is compiled.
 *
 * Values are vertices; what backward reads must be kept or computed again from what is kept, by fused pointwise
 * kernels only. The cheapest choice is a minimum cut, with the weights and bans of AOTAutograd's partitioner. Values
 * that only fused neighbours read never lie in memory.
 *
 * Source  torch/_functorch/partitioners.py (solve_min_cut: get_node_weight, should_ban_recomputation,
 *         is_materialized_backwards, find_first_unfusible)
 */
import { bytes as toBytes } from "../base/units.js";
import {
  convertsLayout,
  hasHeavyGradient,
  readsGradientTwice,
  type Parts,
  type PartKind,
  partsOf,
} from "../frameworks/pytorch/compile/parts.js";
import { opRule } from "../frameworks/pytorch/table.js";
import type { NodeId } from "../ir/graph.js";
import type {
  Call,
  ForwardEvent,
  GradNode,
  GradNodeId,
  Storage,
  StorageId,
  Tape,
  TapeTensor,
} from "../ir/tape.js";
import type { TensorSpec } from "../ir/tensor.js";
import { int } from "../ops/rule.js";
import { VertexCut } from "./min-cut.js";

type VertexId = number;

interface Vertex {
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
/** Preference for keeping what lies close to backward. get_node_weight */
const DISTANCE = { factor: 1.1, most: 100 };

/** `end`: the first node that is not compiled, the loss outside the model. */
export function partition(tape: Tape, end: NodeId): Tape {
  return new Partition(tape, end).run();
}

class Partition {
  private readonly tape: Tape;
  private readonly end: NodeId;
  private readonly calls: readonly Call[];
  private readonly vertices: Vertex[] = [];
  private convertsWeights = false;
  /** Checkpointed operators keep to their own rule; to the others they are kernels that cannot be fused. */
  private readonly checkpointed: Uint8Array;
  private readonly current = new Map<StorageId, VertexId>();
  private readonly made: VertexId[][] = [];
  /** By gradient, the values it reads. */
  private readonly reads = new Map<GradNodeId, VertexId[]>();

  constructor(tape: Tape, end: NodeId) {
    this.tape = tape;
    this.end = end;
    this.checkpointed = new Uint8Array(tape.graph.nodes.length + 1);
    for (const { first, last } of tape.graph.checkpoints ?? []) this.checkpointed.fill(1, first, last + 1);
    this.calls = (tape.calls ?? []).filter(({ node }) => this.compiles(node));
  }

  run(): Tape {
    this.convertsWeights = convertsLayout(
      this.calls.flatMap(({ op, inputs, attributes }) => {
        const weight = op === "convolution" ? inputs.weight?.[0]?.spec : undefined;
        return weight ? [{ weight, groups: int(attributes, "groups", 1) }] : [];
      }),
      this.calls.length,
    );
    this.calls.forEach((call, at) => {
      this.made[at] = [];
      this.enter(call, at);
    });
    this.markReturned();
    this.banFarApart();
    const kept = this.solve();
    return this.rewrite(kept);
  }

  private compiles(node: NodeId): boolean {
    return node < this.end && this.checkpointed[node] === 0;
  }

  // ------------------------------------------------------------------ vertices

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

  // ------------------------------------------------------------------ the cut

  private fusible(a: VertexId, b: VertexId): boolean {
    const solid = ({ kind }: Vertex) => kind === "heavy" || kind === "source";
    return !solid(this.vertices[a] as Vertex) && !solid(this.vertices[b] as Vertex);
  }

  /** A value read again beyond the first kernel that cannot be fused: its late reader is not computed again. */
  private banFarApart(): void {
    for (const vertex of this.vertices) {
      if (vertex.users.length === 0) continue;
      const order = (id: VertexId) => (this.vertices[id] as Vertex).call;
      const most = Math.max(...vertex.users.map(order));
      const first = this.firstUnfusible(vertex.users, most);
      for (const user of vertex.users)
        if (order(user) > first && this.fusible(vertex.id, user))
          (this.vertices[user] as Vertex).banned = true;
    }
  }

  private firstUnfusible(start: readonly VertexId[], most: number): number {
    const seen = new Set<string>();
    const queue = start.map((id) => ({ id, fusible: true }));
    const order = (id: VertexId) => (this.vertices[id] as Vertex).call;
    while (queue.length > 0) {
      let next = 0;
      for (let i = 1; i < queue.length; i++)
        if (order((queue[i] as { id: VertexId }).id) < order((queue[next] as { id: VertexId }).id)) next = i;
      const [{ id, fusible }] = queue.splice(next, 1) as [{ id: VertexId; fusible: boolean }];
      if (!fusible) return order(id);
      for (const user of (this.vertices[id] as Vertex).users) {
        if (order(user) > most) continue;
        const fuses = this.fusible(id, user);
        if (seen.has(`${user} ${fuses}`)) continue;
        seen.add(`${user} ${fuses}`);
        queue.push({ id: user, fusible: fuses });
      }
    }
    return most;
  }

  private solve(): Set<VertexId> {
    const { vertices } = this;
    const distance = new Float64Array(vertices.length).fill(1e9);
    for (let id = vertices.length - 1; id >= 0; id--) {
      const { wanted, users } = vertices[id] as Vertex;
      if (wanted) distance[id] = 1;
      for (const user of users)
        distance[id] = Math.min(distance[id] as number, (distance[user] as number) + 1);
    }
    const weights = vertices.map(({ id, bytes, free, kind, users, readBySolid }) => {
      if (free) return 0;
      const near = DISTANCE.factor ** Math.max(Math.min(distance[id] as number, DISTANCE.most), 1);
      const solid = kind === "source" || readBySolid || users.some((user) => !this.fusible(id, user));
      return bytes * near * (solid ? 1 : 2);
    });
    const cut = new VertexCut(weights);
    for (const { id, from, banned, wanted } of vertices) {
      for (const input of from) cut.connect(input, id);
      if (banned || from.length === 0) cut.given(id);
      if (wanted) cut.wanted(id);
    }
    return new Set(cut.cut());
  }

  // ------------------------------------------------------------------ the new tape

  private rewrite(kept: ReadonlySet<VertexId>): Tape {
    const { tape, vertices } = this;
    const storages = [...tape.storages];
    const place = new Map<VertexId, StorageId>();
    const placeOf = (id: VertexId): StorageId => {
      const known = place.get(id);
      if (known !== undefined) return known;
      const { storage, bytes, label, call } = vertices[id] as Vertex;
      let own = storage !== null && this.current.get(storage) === id ? storage : undefined;
      if (own === undefined) {
        own = storages.length;
        const size = toBytes(Math.ceil(bytes));
        const spec: TensorSpec = { shape: [size], strides: [1], dtype: "uint8" };
        const node = this.calls[call]?.node ?? -1;
        storages.push({ id: own, bytes: size, label, resident: undefined, node, spec, workspace: false });
      }
      place.set(id, own);
      return own;
    };
    const holders = new Map<StorageId, GradNodeId[]>();
    const gradNodes = tape.gradNodes.map((node): GradNode => {
      if (!this.compiles(node.node)) return node;
      const holds = this.needed(this.reads.get(node.id) ?? [], kept).map(placeOf);
      for (const storage of holds) {
        const list = holders.get(storage) ?? [];
        list.push(node.id);
        holders.set(storage, list);
      }
      const fused = this.fusedEdges(node);
      return fused ? { ...node, holds, fused } : { ...node, holds };
    });
    const events = this.events(kept, placeOf, holders);
    const live = new Set<StorageId>();
    for (const { lastUse, id } of vertices) if (lastUse === Number.POSITIVE_INFINITY) live.add(placeOf(id));
    const storageOf = tape.storageOf.map((storage, id) => {
      if (storage === undefined) return undefined;
      const { role } = tape.graph.values[id] as { role: string };
      const inside = role === "activation" && this.compiles((tape.storages[storage] as Storage).node);
      return inside && !live.has(storage) && (tape.storages[storage] as Storage).resident === undefined
        ? undefined
        : storage;
    });
    return { ...tape, storages, events, gradNodes, storageOf };
  }

  /** A pointwise gradient is one kernel; what the next pointwise one reads of it never lies in memory. */
  private fusedEdges({ op, edges }: GradNode): readonly boolean[] | null {
    if (!this.isPointwise(op) || this.isView(op)) return null;
    return edges.map((edge) => {
      let reader = edge;
      for (;;) {
        if (reader === null || "parameter" in reader) return false;
        const node = this.tape.gradNodes[reader.node] as GradNode;
        if (!this.compiles(node.node)) return false;
        if (!this.isView(node.op)) return this.isPointwise(node.op) && !readsGradientTwice(node.op);
        reader = node.edges[0] ?? null;
      }
    });
  }

  private isPointwise(op: string): boolean {
    return opRule(op) !== undefined && !hasHeavyGradient(op) && !readsGradientTwice(op) && !KERNELS.has(op);
  }

  private isView(op: string): boolean {
    return opRule(op)?.aliases !== undefined;
  }

  /** The kept values that `wanted` is computed from. */
  private needed(wanted: readonly VertexId[], kept: ReadonlySet<VertexId>): VertexId[] {
    const found = new Set<VertexId>();
    const stack = [...wanted];
    const seen = new Set<VertexId>(stack);
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      const { kind, from } = this.vertices[id] as Vertex;
      if (kept.has(id) || kind === "source") {
        found.add(id);
        continue;
      }
      for (const input of from) {
        if (seen.has(input)) continue;
        seen.add(input);
        stack.push(input);
      }
    }
    return [...found];
  }

  private events(
    kept: ReadonlySet<VertexId>,
    placeOf: (id: VertexId) => StorageId,
    holders: ReadonlyMap<StorageId, readonly GradNodeId[]>,
  ): ForwardEvent[] {
    const { tape, vertices, calls } = this;
    const owned = new Set<StorageId>();
    for (const { view, outputs } of calls) if (!view) for (const { storage } of outputs) owned.add(storage);
    const dying: VertexId[][] = [];
    const solid = (vertex: Vertex) => kept.has(vertex.id) || vertex.readBySolid || vertex.kind === "heavy";
    for (const vertex of vertices)
      if (vertex.kind !== "source" && solid(vertex) && Number.isFinite(vertex.lastUse)) {
        dying[vertex.lastUse] ??= [];
        dying[vertex.lastUse]?.push(vertex.id);
      }
    const out: ForwardEvent[] = [];
    const save = (storage: StorageId, node: NodeId) => {
      for (const by of holders.get(storage) ?? []) out.push({ kind: "save", storage, node, by });
    };
    // what lies there before a compiled call is held from its first reader on
    const read: StorageId[][] = [];
    for (const { id, kind, firstUse } of vertices) {
      if (kind !== "source" || !holders.has(placeOf(id))) continue;
      read[firstUse] ??= [];
      read[firstUse]?.push(placeOf(id));
    }
    let at = 0;
    let next = 0;
    for (let node = 0; node <= tape.graph.nodes.length; node++) {
      for (; calls[at]?.node === node; at++) {
        for (const storage of read[at] ?? []) save(storage, node);
        this.runCall(calls[at] as Call, this.made[at] ?? [], out, { solid, placeOf, save, owned });
        for (const id of dying[at] ?? []) out.push({ kind: "drop", storage: placeOf(id), node });
      }
      for (; tape.events[next]?.node === node; next++) {
        const event = tape.events[next] as ForwardEvent;
        if (this.compiles(node) || (event.kind === "drop" && owned.has(event.storage))) continue;
        out.push(event);
      }
    }
    return out;
  }

  /** What the call makes in memory, and the scratch of its kernel. */
  private runCall(
    { node, from, to }: Call,
    made: readonly VertexId[],
    out: ForwardEvent[],
    { solid, placeOf, save, owned }: CallContext,
  ): void {
    for (const id of made) {
      if (!solid(this.vertices[id] as Vertex)) continue;
      out.push({ kind: "allocate", storage: placeOf(id), node });
      save(placeOf(id), node);
    }
    const inside = this.tape.events.slice(from, to);
    const scratch = new Set(inside.map(({ kind, storage }) => (kind === "drop" ? storage : -1)));
    for (const event of inside) {
      const kernels = event.kind !== "save" && scratch.has(event.storage) && !owned.has(event.storage);
      if (event.kind === "blas" || event.kind === "keep" || kernels) out.push(event);
    }
  }
}

/** Gradients that write into a larger tensor, by kernels of their own. */
const KERNELS: ReadonlySet<string> = new Set([
  "embedding",
  "index",
  "maxPool2d",
  "maxPool3d",
  "copySlices",
  "asStrided",
]);

interface CallContext {
  /** Whether the value lies in memory at all. */
  readonly solid: (vertex: Vertex) => boolean;
  readonly placeOf: (id: VertexId) => StorageId;
  readonly save: (storage: StorageId, node: NodeId) => void;
  readonly owned: ReadonlySet<StorageId>;
}
