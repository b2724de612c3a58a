/** The tape as the compiler leaves it: kept values are saved, and what only fused neighbours read is never allocated. */
import { bytes as toBytes } from "../../base/units.js";
import { hasHeavyGradient, readsGradientTwice } from "../../frameworks/pytorch/compile/parts.js";
import { opRule } from "../../frameworks/pytorch/table.js";
import type { NodeId } from "../../ir/graph.js";
import type { Call, ForwardEvent, GradNode, GradNodeId, Storage, StorageId, Tape } from "../../ir/tape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import type { Values, Vertex, VertexId } from "./values.js";

export function rewriteTape(values: Values, kept: ReadonlySet<VertexId>): Tape {
  return new Rewriting(values).rewrite(kept);
}

class Rewriting {
  private readonly values: Values;
  private readonly tape: Tape;
  private readonly calls: readonly Call[];
  private readonly vertices: readonly Vertex[];

  constructor(values: Values) {
    this.values = values;
    this.tape = values.tape;
    this.calls = values.calls;
    this.vertices = values.vertices;
  }

  rewrite(kept: ReadonlySet<VertexId>): Tape {
    const { tape, vertices } = this;
    const storages = [...tape.storages];
    const place = new Map<VertexId, StorageId>();
    const placeOf = (id: VertexId): StorageId => {
      const known = place.get(id);
      if (known !== undefined) return known;
      const { storage, bytes, label, call } = vertices[id] as Vertex;
      let own = storage !== null && this.values.current.get(storage) === id ? storage : undefined;
      if (own === undefined) {
        own = storages.length;
        const size = toBytes(Math.ceil(bytes));
        const spec: TensorSpec = { shape: [size], strides: [1], dtype: "uint8" };
        const node = this.calls[call]?.node ?? -1;
        storages.push({
          id: own,
          bytes: size,
          label,
          resident: undefined,
          node,
          spec,
          workspace: false,
          trial: false,
        });
      }
      place.set(id, own);
      return own;
    };
    const holders = new Map<StorageId, GradNodeId[]>();
    const gradNodes = tape.gradNodes.map((node): GradNode => {
      if (!this.values.compiles(node.node)) return node;
      const holds = this.needed(this.values.reads.get(node.id) ?? [], kept).map(placeOf);
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
      const inside = role === "activation" && this.values.compiles((tape.storages[storage] as Storage).node);
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
        if (!this.values.compiles(node.node)) return false;
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
        this.runCall(calls[at] as Call, this.values.made[at] ?? [], out, { solid, placeOf, save, owned });
        for (const id of dying[at] ?? []) out.push({ kind: "drop", storage: placeOf(id), node });
      }
      for (; tape.events[next]?.node === node; next++) {
        const event = tape.events[next] as ForwardEvent;
        if (this.values.compiles(node) || (event.kind === "drop" && owned.has(event.storage))) continue;
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
