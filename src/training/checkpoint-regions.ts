/**
 * Graph → Graph: which stretches of the forward pass run under `torch.utils.checkpoint`.
 *
 * Libraries checkpoint the blocks of their models: the numbered children of a list. Where such a child is itself little
 * more than a list of blocks, a stage, its children are the blocks. A model whose code says which modules it checkpoints
 * (Hugging Face's GradientCheckpointingLayer) has those.
 */
import {
  type Checkpoint,
  type Graph,
  inputIds,
  type Scope,
  type ScopeId,
  type ValueId,
} from "../ir/graph.js";
import type { Checkpointing } from "../ir/setup.js";

/** A numbered module whose inner blocks hold this share of its operators is a stage. */
const STAGE = 0.8;

export function markCheckpoints(graph: Graph, checkpointing: Checkpointing | null): Graph {
  if (!checkpointing) return graph;
  const checkpoints = regions(graph, checkpointing.every).map((region) =>
    withArguments(inputsOf(graph, region), region),
  );
  return { ...graph, checkpoints };
}

interface Region {
  readonly first: number;
  readonly last: number;
  /** What the first block's call was given, where that is known. */
  readonly given: readonly ValueId[];
}

/** Arguments that no operator reads are kept, too. */
function withArguments(checkpoint: Checkpoint, { given }: Region): Checkpoint {
  if (given.length === 0) return checkpoint;
  const read = checkpoint.inputs.filter((value) => !given.includes(value));
  return { ...checkpoint, inputs: [...read, ...given] };
}

/** Blocks in execution order; `every` neighbours of one list make one region. */
function regions(graph: Graph, every: number): Region[] {
  const { first, last } = spans(graph);
  const blocks = blocksOf(graph).sort((a, b) => (first[a.id] as number) - (first[b.id] as number));
  const out: Region[] = [];
  let list = "";
  let count = 0;
  for (const { id, path, block } of blocks) {
    const container = path.slice(0, path.lastIndexOf("."));
    const open = out[out.length - 1];
    const region = { first: first[id] as number, last: last[id] as number, given: block ?? [] };
    if (open && container === list && count < every && region.first === open.last + 1) {
      out[out.length - 1] = { ...open, last: region.last };
      count += 1;
    } else {
      out.push(region);
      list = container;
      count = 1;
    }
  }
  return out;
}

function spans({ nodes, scopes }: Graph): { first: Int32Array; last: Int32Array; count: Int32Array } {
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
function blocksOf(graph: Graph): Scope[] {
  const { count, first, last } = spans(graph);
  const children: Scope[][] = graph.scopes.map(() => []);
  for (const scope of graph.scopes) if (scope.parent !== null) children[scope.parent]?.push(scope);
  const isBlock = ({ id, path }: Scope) =>
    /(^|\.)\d+$/.test(path) && (children[id] as Scope[]).length > 0 && (count[id] as number) > 0;
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

/** What the checkpointed function closes over or is given: it lives until the region's backward is over. */
function inputsOf({ nodes, values }: Graph, { first, last }: Region): Checkpoint {
  const made = new Set<ValueId>();
  const inputs = new Set<ValueId>();
  for (let id = first; id <= last; id++) {
    const node = nodes[id];
    if (!node) continue;
    for (const value of inputIds(node)) {
      const role = values[value]?.role;
      if (!made.has(value) && (role === "activation" || role === "input")) inputs.add(value);
    }
    for (const value of node.outputs) made.add(value);
  }
  return { first, last, inputs: [...inputs] };
}
