/** Names for where something happens: module paths, and operators where no module owns them. */
import type { Graph, Node } from "../ir/graph.js";

/** The module path of forward node `id`, or the operator's name when it is the model's own. */
export function placeOf(graph: Graph, id: number): string {
  const node = graph.nodes[id];
  if (!node) return graph.name;
  return graph.scopes[node.scope]?.path || operatorOf(node);
}

/** `crossEntropy` and `torch.ops.aten.foo.default` as a person says them: `cross_entropy`, `foo`. */
export function operatorOf({ op }: Node): string {
  const name = /^torch\.ops\.\w+\.(\w+)/.exec(op)?.[1] ?? op;
  return snakeCase(name);
}

/** `runningMean` as PyTorch spells it: `running_mean`. */
export function snakeCase(name: string): string {
  if (/^[A-Z]/.test(name)) return name; // TensorFlow's operations
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
