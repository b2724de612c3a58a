/**
 * Graph → Graph: the part of a model that one stage of a pipeline runs.
 *
 * Stages have as many blocks each, or the outer ones one less; the first also runs what comes before them, the last what comes after. What the stage
 * before makes is received in a buffer of its own, and its gradient sent back. Values that no parameter decides, such as masks and positions, are
 * made on every stage that reads them.
 */
import { elements } from "../../base/shape.js";
import { type Graph, inputIds, type Node, type NodeId, type Value, type ValueId } from "../../ir/graph.js";
import { blocksOf, spans } from "../blocks.js";
import { layersDoNotDivide, wrongLayout } from "./complaints.js";

/** `layout`: blocks of every stage; null: divided evenly. */
export function cutStage(
  graph: Graph,
  index: number,
  count: number,
  layout: readonly number[] | null = null,
): Graph {
  const [from, to] = range(graph, index, count, layout);
  const { kept, received } = reach(graph, from, to);
  const sent = index === count - 1 ? graph.outputs : boundary(graph, from, to);
  return assemble(graph, { index, count, from, kept, received, sent });
}

/** First and last node of the stage. */
function range(
  graph: Graph,
  index: number,
  count: number,
  layout: readonly number[] | null,
): [NodeId, NodeId] {
  const { last } = spans(graph);
  const ends = blocksOf(graph)
    .map(({ id }) => last[id] as NodeId)
    .sort((a, b) => a - b);
  const before = layout ? blocksInLayout(layout, ends.length, count) : blocksBefore(ends.length, count);
  if (!before) throw layersDoNotDivide(ends.length, count);
  const from = index === 0 ? 0 : (ends[before(index) - 1] as NodeId) + 1;
  const to = index === count - 1 ? graph.nodes.length - 1 : (ends[before(index + 1) - 1] as NodeId);
  return [from, to];
}

/**
 * How many blocks the stages before one have: as many each, or one less on the first and on the last, which have the embedding
 * and the head. Llama Team 2024 (arXiv:2407.21783), section 3.3.2. Null where neither divides.
 */
function blocksBefore(blocks: number, count: number): ((stage: number) => number) | null {
  if (blocks > 0 && blocks % count === 0) return (stage) => (stage * blocks) / count;
  if ((blocks + 2) % count !== 0 || (blocks + 2) / count < 2) return null;
  return (stage) => (stage * (blocks + 2)) / count - 1;
}

/** As the user says. */
function blocksInLayout(layout: readonly number[], blocks: number, count: number): (stage: number) => number {
  const total = layout.reduce((sum, each) => sum + each, 0);
  if (layout.length !== count || total !== blocks) throw wrongLayout(layout, blocks, count);
  return (stage) => layout.slice(0, stage).reduce((sum, each) => sum + each, 0);
}

/** By value: 1 where a parameter lies behind it. */
function trainedValues({ values, nodes }: Graph): Uint8Array {
  const trained = new Uint8Array(values.length);
  for (const { id, role } of values) if (role === "parameter") trained[id] = 1;
  for (const node of nodes)
    if (valuesRead(node).some((id) => trained[id] === 1)) for (const id of node.outputs) trained[id] = 1;
  return trained;
}

/** Of a tensor whose type another one follows, the values of the other do not matter. */
function valuesRead(node: Node): ValueId[] {
  return node.op === "castLike" ? [node.inputs.self as ValueId] : inputIds(node);
}

/** What is made again on a stage that has not the tensor whose type it follows. */
function standingAlone(node: Node, { values }: Graph): Node {
  if (node.op !== "castLike") return node;
  const { dtype } = (values[node.outputs[0] as ValueId] as Value).spec;
  const inputs = { self: node.inputs.self as ValueId };
  return { ...node, op: "cast", inputs, attributes: { dtype, spelledOut: true } };
}

/** The nodes that the stage runs, and the values it must be sent. */
function reach(graph: Graph, from: NodeId, to: NodeId): { kept: Uint8Array; received: ValueId[] } {
  const trained = trainedValues(graph);
  const madeBy = new Map<ValueId, NodeId>();
  for (const node of graph.nodes) for (const id of node.outputs) if (!madeBy.has(id)) madeBy.set(id, node.id);
  const kept = new Uint8Array(graph.nodes.length).fill(1, from, to + 1);
  const received = new Set<ValueId>();
  for (let at = to; at >= 0; at--) {
    if (kept[at] === 0) continue;
    const node = graph.nodes[at] as Node;
    for (const id of at < from ? valuesRead(node) : inputIds(node)) {
      const maker = madeBy.get(id);
      if (maker === undefined || maker >= from) continue;
      if (trained[id] === 1) received.add(id);
      else kept[maker] = 1;
    }
  }
  return { kept, received: [...received].sort((a, b) => a - b) };
}

/** What the stage makes, or received, and a later one reads. */
function boundary(graph: Graph, from: NodeId, to: NodeId): ValueId[] {
  const { received } = reach(graph, to + 1, graph.nodes.length - 1);
  const made = new Set<ValueId>();
  for (let at = from; at <= to; at++) for (const id of (graph.nodes[at] as Node).outputs) made.add(id);
  return received.filter((id) => made.has(id));
}

interface Stage {
  readonly index: number;
  readonly count: number;
  readonly from: NodeId;
  readonly kept: Uint8Array;
  readonly received: readonly ValueId[];
  readonly sent: readonly ValueId[];
}

function assemble(graph: Graph, { index, count, from, kept, received, sent }: Stage): Graph {
  const values = [...graph.values];
  const nodes: Node[] = [];
  for (const id of received) {
    const { spec, name } = values[id] as Value;
    const raw = values.length;
    values.push({ id: raw, name: `${name}_received`, role: "input", spec, trainable: false });
    nodes.push({
      id: nodes.length,
      op: "requireGrad",
      inputs: { self: raw },
      attributes: {},
      outputs: [id],
      scope: 0,
    });
  }
  const at: NodeId[] = [];
  for (const node of graph.nodes) {
    const own = node.id < from ? standingAlone(node, graph) : node;
    if (kept[node.id] === 1) nodes.push({ ...own, id: nodes.length });
    at.push(Math.max(0, nodes.length - 1));
  }
  const read = new Set<ValueId>(nodes.flatMap(inputIds));
  for (const id of [...read]) {
    const first = values[id]?.tiedTo;
    if (first !== undefined) read.add(first);
  }
  const elsewhere = { parameterCount: 0, trainableParameterCount: 0 };
  const placed = values.map((value): Value => {
    const moved =
      value.heldUntil === undefined ? value : { ...value, heldUntil: at[value.heldUntil] as NodeId };
    if (value.role === "activation" || value.role === "constant" || read.has(value.id)) return moved;
    if (value.role === "parameter" && value.tiedTo === undefined) {
      const size = (value.parts ?? 1) * elements(value.spec.shape);
      elsewhere.parameterCount += size;
      if (value.trainable) elsewhere.trainableParameterCount += size;
    }
    return { ...moved, role: "host", trainable: false };
  });
  return {
    ...graph,
    values: placed,
    nodes,
    outputs: sent,
    residents: graph.residents.filter((id) => read.has(id)),
    stage: { index, count, elsewhere },
  };
}
