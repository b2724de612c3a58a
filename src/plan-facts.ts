/** Model → what closed forms of plans need of one rank: a few small runs of the engine per degree of tensor parallelism. */
import { bindModel } from "./bind-model.js";
import { InputError } from "./base/complaint.js";
import { elements } from "./base/shape.js";
import type { Throughput } from "./hardware/throughput.js";
import type { ImportedModel } from "./importers/model.js";
import { type Graph, inputIds, type Node, type Value, type ValueId } from "./ir/graph.js";
import { packedSize } from "./ir/tensor.js";
import { totalsOf } from "./report/totals.js";
import { CHECKPOINTINGS, parametersOf, passSeconds, type PassSeconds } from "./report/plan/pass-seconds.js";
import type { RankFacts, RankMemory } from "./report/plan/weigh-layout.js";
import { OPS } from "./ops/table.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { blocksOf, spans } from "./training/blocks.js";

export interface FactsInput {
  readonly model: ImportedModel;
  /** What all plans share; without a mesh, and at a batch of one. */
  readonly options: Options;
  readonly throughput: Throughput;
}

/** The complaint where the model cannot be shared out so. */
export function rankFacts(input: FactsInput, tp: number): RankFacts | InputError {
  try {
    return factsOf(input, tp);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

function factsOf({ model, options, throughput }: FactsInput, tp: number): RankFacts {
  const graph = graphAt(model, options, tp);
  const cuts = cutsOf(graph);
  const count = cuts.blocks;
  const seen = new Set<ValueId>();
  const ranges = {
    first: { graph, from: 0, to: cuts.from },
    block: { graph, from: cuts.from, to: cuts.to },
    last: { graph, from: cuts.to, to: graph.nodes.length },
  };
  const [first, inBlocks, last] = [ranges.first, ranges.block, ranges.last].map((range) =>
    parametersOf(range, seen),
  ) as [number, number, number];
  const known = {
    first: new Map<number, PassSeconds>(),
    block: new Map<number, PassSeconds>(),
    last: new Map<number, PassSeconds>(),
  };
  return {
    blocks: count,
    parameters: { block: count > 0 ? inBlocks / count : 0, first, last, tied: tiedElements(graph) },
    seconds: (part, batch) => {
      const before = known[part].get(batch);
      if (before) return before;
      const whole = passSeconds({ ...ranges[part], throughput, isView }, batch);
      const made = part === "block" && count > 0 ? scaled(whole, 1 / count) : whole;
      known[part].set(batch, made);
      return made;
    },
    memory: memoryOf(model, options, { tp, count, streamBytes: cuts.streamBytes }),
    reductions: tp > 1 && count > 0 ? rowProducts(graphAt(model, options, 1), graph) / count : 0,
    streamBytes: cuts.streamBytes,
  };
}

function graphAt(model: ImportedModel, options: Options, tp: number): Graph {
  const { setup, bindings } = resolveSetup({ ...options, ...meshOf(tp, 1), batch: 1 }, model);
  return bindModel(model, bindings, setup).graph;
}

function meshOf(tp: number, pp: number): Options {
  const axes = [tp > 1 && `tp=${tp}`, pp > 1 && `pp=${pp}`].filter(Boolean);
  return axes.length > 0 ? { parallel: axes.join(",") } : {};
}

/** Reshapes that must copy are taken for views, too. */
function isView({ op }: Node): boolean {
  const rule: { readonly aliases?: string } | undefined = (OPS as Readonly<Record<string, object>>)[op];
  return rule?.aliases !== undefined;
}

interface Cuts {
  readonly blocks: number;
  /** First node of the first block, and first node after the last one. */
  readonly from: number;
  readonly to: number;
  readonly streamBytes: number;
}

function cutsOf(graph: Graph): Cuts {
  const { first, last } = spans(graph);
  const blocks = blocksOf(graph);
  if (blocks.length === 0)
    return { blocks: 0, from: graph.nodes.length, to: graph.nodes.length, streamBytes: 0 };
  const from = Math.min(...blocks.map(({ id }) => first[id] as number));
  const to = Math.max(...blocks.map(({ id }) => last[id] as number)) + 1;
  const sent = graph.nodes[to - 1]?.outputs[0];
  const streamBytes = sent === undefined ? 0 : packedSize((graph.values[sent] as Value).spec);
  return { blocks: blocks.length, from, to, streamBytes };
}

function tiedElements({ values }: Graph): number {
  return values
    .filter(({ role, tiedTo }) => role === "parameter" && tiedTo !== undefined)
    .reduce((sum, { spec }) => sum + elements(spec.shape), 0);
}

/** Linear layers of which a rank has a part of the inputs, so that what the ranks make is added up. */
function rowProducts(whole: Graph, shared: Graph): number {
  const widths = new Map(whole.values.map(({ name, spec }) => [name, spec.shape.at(-1)]));
  const rows = new Set(
    shared.values
      .filter(
        ({ role, name, spec }) =>
          role === "parameter" && spec.shape.length === 2 && widths.get(name) !== spec.shape[1],
      )
      .map(({ id }) => id),
  );
  return shared.nodes.filter((node) => inputIds(node).some((id) => rows.has(id))).length;
}

function scaled({ forward, backward, again }: PassSeconds, by: number): PassSeconds {
  return {
    forward: forward * by,
    backward: backward * by,
    again: { none: 0, "selective=2": again["selective=2"] * by, full: again.full * by },
  };
}

/** Blocks that a model needs to be cut into stages of one and two. */
const LEAST_BLOCKS = 4;

/**
 * Stages with one and with two blocks tell what a block saves; the last one with one block tells what the loss takes, at one and at
 * two samples. A peak over moments that are each a line in the batch lies above the line through two of its values.
 */
function memoryOf(
  model: ImportedModel,
  options: Options,
  { tp, count, streamBytes }: { tp: number; count: number; streamBytes: number },
): RankFacts["memory"] {
  const canCut = count >= LEAST_BLOCKS;
  const at = CHECKPOINTINGS.map((checkpointing): [string, RankMemory] => {
    const run = (stage: Stage | null, batch: number) =>
      smallRun(model, options, { tp, checkpointing, stage, batch });
    const middle = (blocks: number): Stage => ({ layout: [1, blocks, count - 1 - blocks], index: 1 });
    const end: Stage | null = canCut ? { layout: [count - 1, 1], index: 1 } : null;
    const savedByBlock = canCut ? run(middle(2), 1).saved - run(middle(1), 1).saved : 0;
    // what the stage before sends, and the gradient that is sent back, lie in buffers that a whole model has not
    const own = canCut ? 2 * streamBytes : 0;
    const [one, two] = [run(end, 1).beside - own, run(end, 2).beside - 2 * own];
    return [checkpointing, { savedByBlock, atLoss: Math.max(0, one), perSample: Math.max(0, two - one) }];
  });
  return Object.fromEntries(at) as unknown as RankFacts["memory"]; // as: one entry each
}

interface Stage {
  readonly layout: readonly number[];
  readonly index: number;
}

interface SmallRun {
  readonly tp: number;
  readonly checkpointing: (typeof CHECKPOINTINGS)[number];
  readonly stage: Stage | null;
  readonly batch: number;
}

/** Saved bytes, and the peak without parameters and gradients. */
function smallRun(
  model: ImportedModel,
  options: Options,
  { tp, checkpointing, stage, batch }: SmallRun,
): { saved: number; beside: number } {
  const { optimizer: _, clipGrad: __, ...rest } = options;
  const resolved = resolveSetup(
    {
      ...rest,
      ...meshOf(tp, stage?.layout.length ?? 1),
      ...(stage && { stageBlocks: stage.layout.join(",") }),
      precision: "bf16",
      noOptimizer: true,
      checkpointing,
      batch,
    },
    model,
  );
  const { parallel } = resolved.setup;
  const setup =
    parallel && stage ? { ...resolved.setup, parallel: { ...parallel, stage: stage.index } } : resolved.setup;
  const { tape, step, timeline } = runPipeline(model, {
    ...resolved,
    setup,
    machine: { ...resolved.machine, capacity: null },
  });
  const { parameterBytes, gradientBytes, savedTensorBytes } = totalsOf(tape, step, "steady");
  return {
    saved: savedTensorBytes,
    beside: Math.max(0, timeline.steady.peak.allocated - parameterBytes - gradientBytes),
  };
}
