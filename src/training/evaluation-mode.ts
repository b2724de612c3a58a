/**
 * Graph → Graph: the forward pass after `model.eval()`, for files that were exported in training mode.
 *
 * Dropout of every kind passes its input on, batch norm uses its running statistics and counts no batches, and
 * factors drawn at random (stochastic depth) are gone.
 */
import { type Graph, inputIds, type Node, type ValueId } from "../ir/graph.js";

const DROPOUTS: ReadonlySet<string> = new Set(["dropout", "featureDropout", "alphaDropout"]);
/** What a random factor is made with, after the tensor it is drawn into. */
const SCALING: ReadonlySet<string> = new Set(["div", "mul", "add", "floor", "cast"]);

/** What operators that stay are told. */
const EVALUATED: Readonly<Record<string, Node["attributes"]>> = {
  batchNorm: { training: false },
  scaledDotProductAttention: { dropout_p: 0 },
  lstm: { train: false },
  gru: { train: false },
  rnnTanh: { train: false },
  rnnRelu: { train: false },
};

export function evaluationMode(graph: Graph): Graph {
  const replaced = new Map<ValueId, ValueId>();
  const resolve = (id: ValueId): ValueId => {
    let at = id;
    for (let next = replaced.get(at); next !== undefined; next = replaced.get(at)) at = next;
    return at;
  };
  const random = new Set<ValueId>();
  const made = new Map<ValueId, Node>();
  const kept: Node[] = [];
  for (const node of graph.nodes) {
    const inputs = mapInputs(node, resolve);
    for (const id of node.outputs) made.set(id, node);
    const self = firstInput(inputs);
    if (DROPOUTS.has(node.op) && self !== null) {
      replaced.set(node.outputs[0] as ValueId, self);
      continue;
    }
    if (
      node.op === "bernoulli" ||
      (SCALING.has(node.op) &&
        self !== null &&
        random.has(self) &&
        inputIds(inputs).every((id) => random.has(id)))
    ) {
      for (const id of node.outputs) random.add(id);
      continue;
    }
    const factor = node.op === "mul" ? inputIds(inputs).find((id) => random.has(id)) : undefined;
    if (factor !== undefined) {
      replaced.set(node.outputs[0] as ValueId, inputIds(inputs).find((id) => id !== factor) ?? factor);
      continue;
    }
    if (countsBatches(graph, inputs)) continue;
    const changes = inputs.op === "batchNorm" && !hasStatistics(inputs) ? undefined : EVALUATED[inputs.op];
    kept.push({
      ...inputs,
      id: kept.length,
      ...(changes && { attributes: { ...inputs.attributes, ...changes } }),
    });
  }
  return { ...graph, ...withHeld(graph, kept), outputs: graph.outputs.map(resolve) };
}

/** Nodes that only made random factors are dropped; variables hold by node number, which has moved. */
function withHeld(graph: Graph, kept: readonly Node[]): Pick<Graph, "nodes" | "values"> {
  const read = new Set<ValueId>([...graph.outputs, ...kept.flatMap(inputIds)]);
  const nodes = kept
    .filter((node) => node.op !== "create" || node.outputs.some((id) => read.has(id)))
    .map((node, id) => ({ ...node, id }));
  const last = new Map<ValueId, number>();
  for (const node of nodes) for (const id of [...inputIds(node), ...node.outputs]) last.set(id, node.id);
  const before = new Map(graph.nodes.map((node) => [node.outputs[0], node.id]));
  const moved = nodes.map((node) => before.get(node.outputs[0]) ?? -1);
  const at = (old: number): number => {
    let low = 0;
    let high = moved.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((moved[middle] as number) <= old) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  const values = graph.values.map((value) =>
    value.heldUntil === undefined ? value : { ...value, heldUntil: at(value.heldUntil) },
  );
  return { nodes, values };
}

function mapInputs(node: Node, resolve: (id: ValueId) => ValueId): Node {
  const inputs: Record<string, Node["inputs"][string]> = {};
  for (const port in node.inputs) {
    const value = node.inputs[port] ?? null;
    inputs[port] =
      typeof value === "number"
        ? resolve(value)
        : (value?.map((id) => (id === null ? null : resolve(id))) ?? null);
  }
  return { ...node, inputs };
}

function firstInput(node: Node): ValueId | null {
  return inputIds(node)[0] ?? null;
}

/** `num_batches_tracked += 1` */
function countsBatches(graph: Graph, node: Node): boolean {
  const self = firstInput(node);
  const value = self === null ? undefined : graph.values[self];
  return (
    node.op === "add" &&
    node.attributes.inPlace === true &&
    value?.role === "buffer" &&
    value.spec.dtype === "int64"
  );
}

function hasStatistics(node: Node): boolean {
  return typeof node.inputs.running_mean === "number";
}
