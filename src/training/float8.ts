/**
 * Graph → Graph: `torchao.float8.convert_to_float8_training`. Linear modules whose widths are multiples of 16 are
 * converted, as torchao's examples choose them; products that code writes with a module's weight stay.
 */
import type { Graph, Node } from "../ir/graph.js";
import { isFloat8, type Precision } from "../ir/setup.js";

const ALIGNMENT = 16;

export function convertToFloat8(graph: Graph, precision: Precision): Graph {
  if (!isFloat8(precision)) return graph;
  const attributes = { rowwise: precision === "fp8-rowwise" };
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      isLinearModule(graph, node) ? { ...node, op: "float8Linear", attributes } : node,
    ),
  };
}

/** Its weight belongs to the module that is called. */
function isLinearModule(graph: Graph, { op, inputs, scope }: Node): boolean {
  const weight = typeof inputs.weight === "number" ? graph.values[inputs.weight] : undefined;
  if (op !== "linear" || weight?.role !== "parameter") return false;
  const aligned = weight.spec.shape.length === 2 && weight.spec.shape.every((size) => size % ALIGNMENT === 0);
  return aligned && weight.name === `${graph.scopes[scope]?.path}.weight`;
}
