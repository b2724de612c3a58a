/** Which modules of a graph low-rank adapters go beside: each is one product with a weight of its own. */
import {
  type Graph,
  inputIds,
  type Node,
  type NodeId,
  type Scope,
  type ScopeId,
  type Value,
  type ValueId,
} from "../ir/graph.js";
import type { Adapters } from "../ir/setup.js";
import { noTarget } from "./adapter-complaints.js";

/** Operators that multiply by a matrix of parameters. */
const PRODUCTS: ReadonlySet<string> = new Set(["linear", "addmm", "matmul", "linear4bit"]);

/** A module that is one product with its own weight. */
export interface Target {
  readonly scope: Scope;
  readonly weight: Value;
  readonly input: ValueId;
  readonly output: ValueId;
  readonly last: NodeId;
}

export function targetsOf(graph: Graph, { targets }: Adapters): Target[] {
  const found = projections(graph);
  const chosen =
    targets === "all-linear"
      ? found.filter(({ scope }) => /\.\d+\./.test(scope.path)) // what lies in a block: not the model's head
      : targets.flatMap((name) => {
          const matching = found.filter(({ scope: { path } }) => path === name || path.endsWith(`.${name}`));
          if (matching.length === 0)
            throw noTarget(name, [...new Set(found.map(({ scope }) => tail(scope.path)))]);
          return matching;
        });
  if (chosen.length === 0)
    throw noTarget(
      "all-linear",
      found.map(({ scope }) => tail(scope.path)),
    );
  return [...new Set(chosen)].sort((a, b) => a.weight.id - b.weight.id);
}

const tail = (path: string) => path.slice(path.lastIndexOf(".") + 1);

/** Every module without modules inside that runs one product with a weight of its own. */
function projections(graph: Graph): Target[] {
  const inner = new Set(graph.scopes.map(({ parent }) => parent));
  const nodes = new Map<ScopeId, Node[]>();
  for (const node of graph.nodes) {
    if (inner.has(node.scope)) continue;
    const list = nodes.get(node.scope);
    if (list) list.push(node);
    else nodes.set(node.scope, [node]);
  }
  return [...nodes].flatMap(([scope, list]) => {
    const products = list.filter(({ op }) => PRODUCTS.has(op));
    const weight = products.flatMap((node) => matrixOf(graph, list, node))[0];
    const input = inputIds(list[0] as Node).find((id) => graph.values[id]?.role !== "parameter");
    const [last] = list.slice(-1);
    const output = last?.outputs[0];
    if (products.length !== 1 || !weight || input === undefined || !last || output === undefined) return [];
    return [{ scope: graph.scopes[scope] as Scope, weight, input, output, last: last.id }];
  });
}

/** The product's 2-d parameter, which may be transposed before it. */
function matrixOf(graph: Graph, list: readonly Node[], node: Node): Value[] {
  return inputIds(node).flatMap((id) => {
    const made = list.find(({ outputs }) => outputs.includes(id));
    const value = graph.values[made?.op === "transpose" ? (inputIds(made)[0] as ValueId) : id];
    return value?.role === "parameter" && value.spec.shape.length === 2 ? [value] : [];
  });
}
