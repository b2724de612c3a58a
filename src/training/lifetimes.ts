/**
 * How long Python keeps the forward pass's tensors.
 *
 * A tensor lives until the last operator that reads it; one that is passed to a module lives until that module's call
 * returns, because the caller's frame holds the argument; a variable holds it until it is bound again or its function
 * returns, where the source says so. What the step function returns lives to the end of the step.
 */
import { once } from "../base/once.js";
import {
  type Graph,
  inputIds,
  type Node,
  type NodeId,
  type ScopeId,
  type Value,
  type ValueId,
} from "../ir/graph.js";
import type { StorageId, Tape } from "../ir/tape.js";

export interface Lifetimes {
  /** After which node each storage loses its last Python reference; `Infinity` for what the step function holds. */
  readonly end: Float64Array;
  /** In which order those of one node are let go; 0 before all others. */
  readonly order: Int32Array;
}

export function lastUses({ graph, storageOf }: Tape, storages: number): Lifetimes {
  const end = new Float64Array(storages).fill(-1);
  const order = new Int32Array(storages);
  const returns = scopeEnds(graph);
  const depths = scopeDepths(graph);
  const deepest = depths.reduce((most, depth) => Math.max(most, depth), 0);
  const producer = new Int32Array(graph.values.length).fill(-1);
  const extend = (value: ValueId, until: number, released = 0) => {
    const storage = storageOf[value] as StorageId | undefined;
    if (storage === undefined || until < (end[storage] as number)) return;
    order[storage] =
      until > (end[storage] as number) ? released : Math.max(order[storage] as number, released);
    end[storage] = until;
  };
  for (const node of graph.nodes) {
    for (const value of readBy(node)) {
      const outside = graph.nodes[producer[value] as NodeId]?.scope ?? null;
      const call = outermostCall(graph, node.scope, outside);
      if (call === null) extend(value, node.id);
      else extend(value, returns[call] as number, 1 + deepest - (depths[call] as number));
    }
    for (const value of node.outputs) {
      producer[value] = node.id;
      const { heldUntil = -1, released = 0 } = graph.values[value] as Value;
      extend(value, Math.max(node.id, heldUntil), heldUntil >= node.id ? released : 0);
    }
  }
  for (const value of graph.values)
    if (value.role !== "activation") extend(value.id, Number.POSITIVE_INFINITY);
  for (const value of graph.outputs) extend(value, Number.POSITIVE_INFINITY);
  for (const { op, outputs } of graph.nodes)
    if (op === "requireGrad") for (const value of outputs) extend(value, Number.POSITIVE_INFINITY);
  if (graph.scaledLoss) extend(graph.scaledLoss.value, Number.POSITIVE_INFINITY);
  return { end, order };
}

/** Storages by the node after which they end, in the order they go; results that nobody takes die last made first. */
export const dyingAfter = once((tape: Tape): readonly (readonly StorageId[] | undefined)[] => {
  const { storages } = tape;
  const { end: ends, order } = lastUses(tape, storages.length);
  const dying: StorageId[][] = [];
  ends.forEach((end, storage) => {
    if (end < 0 || !Number.isFinite(end)) return;
    const together = dying[end];
    if (together) together.push(storage);
    else dying[end] = [storage];
  });
  dying.forEach((together, node) => {
    const untaken = together.filter((id) => storages[id]?.node === node);
    if (untaken.length > 1)
      dying[node] = [...together.filter((id) => storages[id]?.node !== node), ...untaken.reverse()];
    const reader = tape.graph.nodes[node];
    if (reader) dying[node] = lastOfListFirst(dying[node] as StorageId[], reader, tape);
    dying[node]?.sort((a, b) => (order[a] as number) - (order[b] as number));
  });
  return dying;
});

/** A list that an operator was given dies from its end. */
function lastOfListFirst(together: StorageId[], { inputs }: Node, { storageOf }: Tape): StorageId[] {
  const lists = Object.values(inputs).filter((argument) => Array.isArray(argument));
  if (lists.length === 0 || together.length < 2) return together;
  const place = new Map<StorageId, number>();
  for (const value of lists.flat())
    if (value !== null) place.set(storageOf[value as ValueId] as StorageId, place.size);
  const listed = together.filter((id) => place.has(id));
  listed.sort((a, b) => (place.get(b) as number) - (place.get(a) as number));
  return together.map((id) => (place.has(id) ? (listed.shift() as StorageId) : id));
}

/** What the operator needs the tensors of: `x.to(other.dtype)` asks `other` before. */
function readBy(node: Node): ValueId[] {
  return node.op === "castLike" ? [node.inputs.self as ValueId] : inputIds(node);
}

/** The last node of every module call, inner calls included. */
function scopeEnds(graph: Graph): Int32Array {
  const ends = new Int32Array(graph.scopes.length).fill(-1);
  for (const node of graph.nodes) {
    for (let scope: ScopeId | null = node.scope; scope !== null; scope = graph.scopes[scope]?.parent ?? null)
      ends[scope] = node.id;
  }
  return ends;
}

/** The outermost call that holds `inner` but not `outside`: what it was given lives until it returns. */
function outermostCall(graph: Graph, inner: ScopeId, outside: ScopeId | null): ScopeId | null {
  let call: ScopeId | null = null;
  for (let scope: ScopeId | null = inner; scope !== null; scope = graph.scopes[scope]?.parent ?? null) {
    if (contains(graph, scope, outside)) break;
    call = scope;
  }
  return call;
}

/** By module call, how many calls it happens in. */
function scopeDepths(graph: Graph): number[] {
  const depths: number[] = [];
  for (const { id, parent } of graph.scopes) depths[id] = parent === null ? 0 : (depths[parent] ?? 0) + 1;
  return depths;
}

function contains(graph: Graph, outer: ScopeId, inner: ScopeId | null): boolean {
  for (let scope = inner; scope !== null; scope = graph.scopes[scope]?.parent ?? null)
    if (scope === outer) return true;
  return false;
}
