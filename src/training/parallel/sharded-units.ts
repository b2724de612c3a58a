/**
 * Graph → Graph: which modules gather their parameters for their call, and the node that tells that their backward is over.
 *
 * Every block is wrapped, then the whole model, which keeps the parameters that no block has. Under fully_shard a block's
 * arguments that have a gradient pass through one node more.
 * Source  torch/distributed/fsdp/_fully_shard (fully_shard, RegisterPostBackwardFunction), wrap.py (ModuleWrapPolicy), torch 2.14.1
 */
import { isFloating } from "../../base/dtype.js";
import {
  type Graph,
  inputIds,
  type Node,
  type NodeId,
  renamedInputs,
  type ShardedUnit,
  type Value,
  type ValueId,
} from "../../ir/graph.js";
import { blocksOf, spans } from "../blocks.js";
import { notOneType } from "./complaints.js";

interface Stretch {
  readonly path: string;
  readonly first: NodeId;
  readonly last: NodeId;
}

/** `entering`: arguments pass through a node of their own; else units are flat, and train as a whole. */
export function markShardedUnits(graph: Graph, entering: boolean): Graph {
  const marked = unitsOf(graph, entering);
  return entering ? marked : unitsOf(trainedWhole(marked), entering); // with the arguments that have a gradient then
}

/** Views of a flat parameter need gradients if one of its parameters does. */
function trainedWhole(graph: Graph): Graph {
  const values = [...graph.values];
  for (const { path, parameters } of graph.units ?? []) {
    const all = parameters.map((id) => values[id] as Value);
    const dtypes = [...new Set(all.map(({ spec }) => spec.dtype))];
    if (dtypes.length > 1) throw notOneType(path, dtypes);
    if (!all.some(({ trainable }) => trainable)) continue;
    for (const value of all)
      if (!value.trainable) values[value.id] = { ...value, trainable: true, unstepped: true };
  }
  return { ...graph, values };
}

function unitsOf(graph: Graph, entering: boolean): Graph {
  const blocks = stretches(graph);
  const { entered, at, entries, given } = withEntries(graph, blocks, entering);
  const owned = new Set<ValueId>();
  const inner = blocks.map(({ path, first, last }, i): ShardedUnit => {
    const parameters = parametersUnder(graph, `${path}.`, entering).filter((id) => !owned.has(id));
    for (const id of parameters) owned.add(id);
    return {
      path,
      first: entries[i] ?? (at[first] as NodeId),
      last: at[last] as NodeId,
      parameters,
      arguments: given[i] ?? [],
      outputs: outputsOf(entered, at[first] as NodeId, at[last] as NodeId),
      entry: entries[i] ?? null,
    };
  });
  const called = modelCall(graph);
  const last = called === null ? entered.nodes.length - 1 : (at[called] as NodeId);
  const root: ShardedUnit = {
    path: "",
    first: entered.nodes.findIndex(({ attributes }) => attributes.castsInput !== true),
    last,
    parameters: parametersUnder(graph, "", entering).filter((id) => !owned.has(id)),
    arguments: [],
    outputs: called === null ? entered.outputs : outputsOf(entered, 0, last),
    entry: null,
  };
  return { ...entered, units: [root, ...inner.filter(({ parameters }) => parameters.length > 0)] };
}

/** The last node of the model's own call, where a trainer's code runs after it. */
function modelCall(graph: Graph): NodeId | null {
  const call = graph.scopes.find(({ id, path }) => id !== 0 && path === "");
  return call === undefined ? null : (spans(graph).last[call.id] as NodeId);
}

function stretches(graph: Graph): Stretch[] {
  const { first, last } = spans(graph);
  return blocksOf(graph)
    .map(({ id, path }) => ({ path, first: first[id] as NodeId, last: last[id] as NodeId }))
    .sort((a, b) => a.first - b.first);
}

/**
 * Under one module, in the order they are packed: fully_shard takes those of modules inside first, the order of arrival;
 * FullyShardedDataParallel a module's own first. An adapter's lie beside the layer's that it adapts.
 */
function parametersUnder({ values, residents }: Graph, prefix: string, innerFirst: boolean): ValueId[] {
  const ids = innerFirst ? residents : values.map(({ id }) => id);
  const own = ids.filter((id) => {
    const { role, tiedTo, name } = values[id] as Value;
    return role === "parameter" && tiedTo === undefined && name.startsWith(prefix);
  });
  const layers = own.map((id) => layerOf((values[id] as Value).name));
  const first = new Map<string, number>();
  layers.forEach((layer, i) => {
    if (!first.has(layer)) first.set(layer, i);
  });
  const place = new Map(own.map((id, i) => [id, first.get(layers[i] as string) as number]));
  return own.sort((a, b) => (place.get(a) as number) - (place.get(b) as number));
}

/** The module whose own parameter it is; of an adapter, the layer that it adapts. */
function layerOf(name: string): string {
  return name.replace(/(\.lora_[^.]+(\.[^.]+)*)?\.[^.]+$/, "");
}

/** The graph with a node before each block for its arguments that have a gradient. `at`: where a node is now. */
function withEntries(
  graph: Graph,
  blocks: readonly Stretch[],
  entering: boolean,
): {
  readonly entered: Graph;
  readonly at: readonly NodeId[];
  readonly entries: readonly (NodeId | undefined)[];
  readonly given: readonly (readonly ValueId[] | undefined)[];
} {
  const wants = wantsGradient(graph);
  const values = [...graph.values];
  const nodes: Node[] = [];
  const at: NodeId[] = [];
  const entries: (NodeId | undefined)[] = [];
  const given: ValueId[][] = [];
  let renamed = new Map<ValueId, ValueId>();
  let block = 0;
  const rename = (id: ValueId) => renamed.get(id) ?? id;
  for (const node of graph.nodes) {
    const stretch = blocks[block];
    if (stretch?.first === node.id) {
      renamed = new Map();
      const passed = argumentsOf(graph, stretch).filter((value) => wants[value] === 1);
      given[block] = passed;
      for (const id of entering ? passed : []) {
        const result = values.length;
        const { name, spec } = graph.values[id] as Graph["values"][number];
        values.push({ id: result, name: `${name}_entered`, role: "activation", spec, trainable: false });
        renamed.set(id, result);
        entries[block] ??= nodes.length;
        nodes.push({
          id: nodes.length,
          op: "moduleEntry",
          inputs: { self: id },
          attributes: {},
          outputs: [result],
          scope: node.scope,
        });
      }
    }
    at.push(nodes.length);
    nodes.push({ ...node, id: nodes.length, inputs: renamedInputs(node.inputs, rename) });
    if (stretch?.last === node.id) {
      renamed = new Map();
      block += 1;
    }
  }
  const moved = values.map((value) =>
    value.heldUntil === undefined ? value : { ...value, heldUntil: at[value.heldUntil] as NodeId },
  );
  return { entered: { ...graph, values: moved, nodes }, at, entries, given };
}

/** Activations that a stretch reads and does not make. */
function argumentsOf({ nodes, values }: Graph, { first, last }: Stretch): ValueId[] {
  const made = new Set<ValueId>();
  const read = new Set<ValueId>();
  for (let id = first; id <= last; id++) {
    const node = nodes[id] as Node;
    for (const value of inputIds(node))
      if (!made.has(value) && values[value]?.role === "activation") read.add(value);
    for (const value of node.outputs) made.add(value);
  }
  return [...read];
}

/** What a stretch makes and later nodes, or the model's caller, read. */
function outputsOf(graph: Graph, first: NodeId, last: NodeId): ValueId[] {
  const made = new Set<ValueId>();
  for (let id = first; id <= last; id++)
    for (const value of (graph.nodes[id] as Node).outputs) made.add(value);
  const read = new Set<ValueId>(graph.outputs);
  for (let id = last + 1; id < graph.nodes.length; id++)
    for (const value of inputIds(graph.nodes[id] as Node)) read.add(value);
  return [...made].filter((value) => read.has(value));
}

/** By value: 1 where a trained parameter lies behind it. */
function wantsGradient({ values, nodes }: Graph): Uint8Array {
  const wants = new Uint8Array(values.length);
  for (const { id, role, trainable } of values) if (role === "parameter" && trainable) wants[id] = 1;
  for (const node of nodes) {
    if (node.op === "detach") continue;
    if (node.op !== "requireGrad" && !inputIds(node).some((id) => wants[id] === 1)) continue;
    for (const id of node.outputs) if (isFloating(values[id]?.spec.dtype ?? "int64")) wants[id] = 1;
  }
  return wants;
}
