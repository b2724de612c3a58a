/**
 * Batch norms that an inference graph spells out: statistics that do not train, under a root, times what goes through. Their
 * mean and variance become those of the mini-batch again. tensorflow/python/ops/nn_impl.py batch_normalization
 */
import { parseReference } from "./frame.js";
import type { NodeDef } from "./schema.js";

export interface Norm {
  /** Nodes that read the running statistics. */
  readonly mean: string;
  readonly variance: string;
  /** What is normalized: a reference. */
  readonly x: string;
}

const ADD = ["Add", "AddV2"];
/** What statistics pass through on their way. */
const VIEWS = ["Identity", "Reshape", "Squeeze", "ExpandDims", "Cast"];

/** By the node that reads a statistic. `isStatistic`: the node gives something that is not trained, as long as a vector. */
export function findNorms(
  nodes: ReadonlyMap<string, NodeDef>,
  isStatistic: (node: NodeDef) => boolean,
): ReadonlyMap<string, Norm> {
  const found = new Map<string, Norm>();
  const roots = [...nodes.values()].filter(({ op }) => op === "Rsqrt");
  if (roots.length === 0) return found;
  const readers = readersOf(nodes);
  const inputsOf = ({ input = [] }: NodeDef) => input.filter((text) => !text.startsWith("^"));
  const nodeOf = (text: string | undefined) =>
    text === undefined ? undefined : nodes.get(parseReference(text).node);
  /** The node that reads a statistic, behind views of it. */
  const statistic = (text: string | undefined): NodeDef | null => {
    let node = nodeOf(text);
    for (let steps = 0; node && steps < 8; steps++) {
      if (isStatistic(node)) return node;
      if (!VIEWS.includes(node.op ?? "")) return null;
      node = nodeOf(inputsOf(node)[0]);
    }
    return null;
  };
  for (const root of roots) {
    const sum = nodeOf(inputsOf(root)[0]);
    const variance = sum && ADD.includes(sum.op ?? "") ? statistic(inputsOf(sum)[0]) : null;
    if (!variance) continue;
    // gamma may stand in between
    const scales = [root, ...(readers.get(root.name ?? "") ?? []).filter(({ op }) => op === "Mul")];
    for (const scale of scales) {
      const products = (readers.get(scale.name ?? "") ?? []).filter(({ op }) => op === "Mul");
      const others = products.map((product) => inputsOf(product).find((text) => nodeOf(text) !== scale));
      const mean = others.map(statistic).find((node) => node !== null);
      const x = others.find((text) => text !== undefined && statistic(text) === null);
      if (!mean || x === undefined) continue;
      const norm = { mean: mean.name ?? "", variance: variance.name ?? "", x };
      found.set(norm.mean, norm);
      found.set(norm.variance, norm);
      break;
    }
  }
  return found;
}

function readersOf(nodes: ReadonlyMap<string, NodeDef>): Map<string, NodeDef[]> {
  const readers = new Map<string, NodeDef[]>();
  for (const node of nodes.values())
    for (const text of node.input ?? []) {
      if (text.startsWith("^")) continue;
      const { node: name } = parseReference(text);
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  return readers;
}
