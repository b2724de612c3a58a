/** The steady step as a recording would tell it: the same rules over the moments of the simulation. */
import type { ImportedModel } from "./importers/model.js";
import { type BlockEvents, measureBlocks, type ModuleName } from "./importers/measure-blocks.js";
import type { Graph } from "./ir/graph.js";
import type { MeasuredPhase } from "./ir/recording.js";
import type { Block, Phase, Step } from "./ir/step.js";
import type { Timeline } from "./ir/timeline.js";
import type { PredictedBlocks } from "./report/compare.js";
import { resolveSetup } from "./resolve-setup.js";
import { runPipeline } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

const PHASES: Readonly<Record<Phase, MeasuredPhase | null>> = {
  resident: null,
  forward: "forward",
  backward: "backward",
  optimizer: "optimizer",
  "zero-grad": "optimizer",
  validation: null,
};

/** Options must have gone through `checkOptions`. */
export function predictBlocks(
  model: ImportedModel,
  options: Options,
): PredictedBlocks & { readonly handles: number } {
  const { resolved } = worstRank(model, resolveSetup(options, model));
  const { graph, step, timeline } = runPipeline(model, resolved, { moments: true });
  const { names, paths, ofNode } = modulesOf(graph);
  const { groups, modules } = measureBlocks(eventsOf(step, timeline, ofNode), names);
  const pathOf = new Map(names.map(({ kind, index }, i) => [`${kind}_${index}`, paths[i] ?? ""]));
  const { alive } = resolved.setup.step === "first" ? timeline.first.peak : timeline.steady.peak;
  return {
    groups,
    modules: modules.map((module) => ({
      ...module,
      path: pathOf.get(`${module.kind}_${module.index}`) ?? "",
    })),
    handles: alive.filter((id) => (step.blocks[id] as Block).label.startsWith("cuBLAS")).length,
  };
}

function eventsOf({ blocks }: Step, { moments }: Timeline, ofNode: (node: number) => number): BlockEvents {
  const own = moments.filter(({ kind, block }) => block !== null && (kind === "allocate" || kind === "free"));
  const made = new Map<number, number>();
  const releasedBy = new Array<number>(own.length).fill(-1);
  const kinds = own.map(({ kind, block }, i): 1 | 0 | -1 => {
    const id = block ?? -1;
    if (kind === "allocate") {
      made.set(id, i);
      return 1;
    }
    const from = made.get(id);
    if (from === undefined) return 0;
    releasedBy[from] = i;
    made.delete(id);
    return -1;
  });
  // what a request got is what the total grew by
  let before = 0;
  const sizes = own.map(({ kind, size, allocated }, i) => {
    const change = i === 0 ? (kind === "free" ? -size : size) : allocated - before;
    before = allocated;
    return Math.abs(change);
  });
  return {
    releasedBy,
    kinds,
    sizes,
    totals: own.map(({ allocated }) => allocated),
    phases: own.map(({ phase }) => PHASES[phase]),
    places: own.map(({ block, phase }) =>
      phase === "forward" ? ofNode(blocks[block ?? -1]?.node ?? -1) : -1,
    ),
  };
}

/** Modules as torch.profiler numbers them: by class, in the order of their first call. */
function modulesOf({ nodes, scopes }: Graph) {
  const names: ModuleName[] = [];
  const paths: string[] = [];
  const counts = new Map<string, number>();
  const byPath = new Map<string, number>();
  for (const { path, kind } of scopes) {
    if (path === "" || byPath.has(path)) continue; // the loss runs there, too, and is no module's
    const index = counts.get(kind) ?? 0;
    counts.set(kind, index + 1);
    byPath.set(path, names.push({ kind, index }) - 1);
    paths.push(path);
  }
  const ofNode = (node: number): number => byPath.get(scopes[nodes[node]?.scope ?? -1]?.path ?? "") ?? -1;
  return { names, paths, ofNode };
}
