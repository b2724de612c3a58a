/**
 * Graph → Graph: which stretches of the forward pass run under `torch.utils.checkpoint`: the blocks of the model.
 */
import { type Checkpoint, type Graph, inputIds, type ValueId } from "../ir/graph.js";
import type { Checkpointing } from "../ir/setup.js";
import { blocksOf, spans } from "./blocks.js";

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
