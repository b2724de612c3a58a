/**
 * The blocks of a model: what libraries checkpoint, wrap and shard one by one.
 *
 * They are the numbered children of a list. Where such a child is itself little more than a list of blocks, a stage, its
 * children are the blocks. A model whose code says which modules it checkpoints (Hugging Face's
 * GradientCheckpointingLayer) has those.
 */
import type { Graph, Scope, ScopeId } from "../ir/graph.js";

/** A numbered module whose inner blocks hold this share of its operators is a stage. */
const STAGE = 0.8;

/** By scope, its first and its last node (-1: none) and how many it has. */
export function spans({ nodes, scopes }: Graph): { first: Int32Array; last: Int32Array; count: Int32Array } {
  const first = new Int32Array(scopes.length).fill(-1);
  const last = new Int32Array(scopes.length).fill(-1);
  const count = new Int32Array(scopes.length);
  for (const { id, scope } of nodes)
    for (let at: ScopeId | null = scope; at !== null; at = scopes[at]?.parent ?? null) {
      if (first[at] === -1) first[at] = id;
      last[at] = id;
      count[at] = (count[at] as number) + 1;
    }
  return { first, last, count };
}

/** Numbered calls with modules inside, outermost first, stages opened. */
export function blocksOf(graph: Graph): Scope[] {
  const { count, first, last } = spans(graph);
  const children: Scope[][] = graph.scopes.map(() => []);
  for (const scope of graph.scopes) if (scope.parent !== null) children[scope.parent]?.push(scope);
  const isBlock = ({ id, path }: Scope) =>
    /(^|[._])\d+$/.test(path) && (children[id] as Scope[]).length > 0 && (count[id] as number) > 0;
  const inside = (scope: Scope): Scope[] =>
    (children[scope.id] as Scope[]).flatMap((child) => (isBlock(child) ? opened(child) : inside(child)));
  const opened = (block: Scope): Scope[] => {
    const inner = inside(block);
    const covered = inner.reduce((sum, { id }) => sum + (count[id] as number), 0);
    return inner.length > 0 && covered >= STAGE * (count[block.id] as number) ? inner : [block];
  };
  // a module called again later is not one stretch
  const contiguous = ({ id }: Scope) => (last[id] as number) - (first[id] as number) + 1 === count[id];
  const declared = graph.scopes.filter(({ id, block }) => block && (count[id] as number) > 0);
  if (declared.length > 0) return declared.filter(contiguous);
  return graph.scopes
    .filter(({ parent }) => parent === null)
    .flatMap((root) => (isBlock(root) ? opened(root) : inside(root)))
    .filter(contiguous);
}
