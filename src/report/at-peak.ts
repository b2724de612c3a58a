/** What is alive at the peak, by category and block by block. */
import { roundUp } from "../base/units.js";
import type { Graph } from "../ir/graph.js";
import type { Framework, StepChoice, TrainingSetup } from "../ir/setup.js";
import {
  type Block,
  type BlockId,
  blockOf,
  CATEGORIES,
  type Category,
  type Phase,
  type Section,
  type Step,
} from "../ir/step.js";
import type { Peak } from "../ir/timeline.js";
import { operatorOf, placeOf } from "./places.js";
import type { AliveReport } from "./report.js";

/**
 * All block sizes are multiples of this. c10/cuda/CUDACachingAllocator.cpp, kMinBlockSize; xla/tsl/framework/bfc_allocator.h,
 * kMinAllocationSize.
 */
export const GRANULARITY: Readonly<Record<Framework, number>> = { pytorch: 512, tensorflow: 256, jax: 256 };

/** Rounded bytes by category. What cached blocks hold beyond the request (see `unsplit`) counts as temporaries. */
export function categoriesAtPeak(step: Step, peak: Peak, granularity: number): Record<Category, number> {
  const sums = Object.fromEntries(CATEGORIES.map((category) => [category, 0])) as Record<Category, number>;
  for (const id of peak.alive) {
    const { category, bytes } = step.blocks[id] as Block;
    sums[category] += roundUp(bytes, granularity);
  }
  sums.temporaries += unsplit(step, peak, granularity);
  return sums;
}

/** The allocator hands out a cached block whole when less than 1 MiB would remain: what that adds at the peak. */
function unsplit(step: Step, peak: Peak, granularity: number): number {
  let rounded = 0;
  for (const id of peak.alive) rounded += roundUp((step.blocks[id] as Block).bytes, granularity);
  return peak.allocated - rounded;
}

/** Every block alive at the peak, the largest first. */
export function blocksAtPeak(
  step: Step,
  peak: Peak,
  graph: Graph,
  { step: which, framework = "pytorch" }: Pick<TrainingSetup, "step" | "framework">,
): AliveReport[] {
  const granularity = GRANULARITY[framework];
  const lives = lifetimes(step, which);
  const list = peak.alive.map((id): AliveReport => {
    const block = step.blocks[id] as Block;
    const { category, shape, dtype, bytes, because } = block;
    const { from, until } = lives.get(id) ?? {};
    return {
      name: nameOf(block, graph, from),
      category,
      shape,
      dtype,
      bytes: roundUp(bytes, granularity),
      from: from ? describe(graph, from) : "before the step",
      until: until ? endOf(block, graph, until) : "the process ends",
      because,
    };
  });
  const rest = unsplit(step, peak, granularity);
  if (rest > 0) list.push(remainder(rest, framework));
  return list.sort((a, b) => b.bytes - a.bytes);
}

const UNSPLIT: Readonly<Record<Framework, string>> = {
  pytorch: "a cached block up to 1 MiB larger than asked is handed out whole",
  jax: "a free chunk less than twice as large as asked is handed out whole",
  tensorflow: "a free chunk less than twice as large as asked is handed out whole",
};

function remainder(bytes: number, framework: Framework): AliveReport {
  return {
    name: "unsplit remainders",
    category: "temporaries",
    shape: [bytes],
    dtype: "uint8",
    bytes,
    from: "the allocator",
    until: "their blocks are freed",
    because: UNSPLIT[framework],
  };
}

/** Tensors that have a name keep it; results and scratch of operators are named after where they are made. */
export function nameOf({ label, category, node }: Block, graph: Graph, from: Moment | undefined): string {
  if (category === "gradients") return `gradient of ${label}`;
  const made = category === "savedTensors" || category === "temporaries" || category === "workspace";
  if (!made || from === undefined || from.node < 0 || node === null || label.startsWith("cuBLAS"))
    return label;
  const place = placeOf(graph, from.node);
  if (category === "workspace") return `scratch of ${place}`;
  if (from.phase === "backward") return `gradient made at ${place}`;
  const operator = graph.nodes[from.node];
  const op = operator ? operatorOf(operator) : label;
  return place === op ? `result of ${op}` : `result of ${place} (${op})`;
}

export interface Moment {
  readonly phase: Phase;
  readonly node: number;
  /** It happens in the step before the reported one. */
  readonly earlier: boolean;
}

function describe(graph: Graph, { phase, node, earlier }: Moment): string {
  const first = earlier ? "first " : "";
  if (phase === "resident") return "before the step";
  if (phase === "zero-grad") return `${first}zero_grad`;
  if (phase === "optimizer") return `${first}optimizer step`;
  return node < 0 ? `end of ${first}${phase}` : `${first}${phase} of ${placeOf(graph, node)}`;
}

/** Gradients die in zero_grad; the other blocks that live as long are locals of the step function. */
function endOf({ category }: Block, graph: Graph, moment: Moment): string {
  const returns = moment.phase === "zero-grad" && category !== "gradients";
  return returns ? "the step returns" : describe(graph, moment);
}

/** When blocks of the reported step come and go; a block of a step before it has no end here. */
export function lifetimes(step: Step, which: StepChoice): Map<BlockId, { from?: Moment; until?: Moment }> {
  const lives = new Map<BlockId, { from?: Moment; until?: Moment }>();
  const walk = ({ phase, actions, nodes }: Section, earlier: boolean) => {
    actions.forEach((action, i) => {
      const id = blockOf(action);
      const moment = { phase, node: nodes[i] ?? -1, earlier };
      if (action > 0) lives.set(id, { from: moment });
      else lives.set(id, { ...lives.get(id), until: moment });
    });
  };
  const steady = which === "steady";
  walk(step.resident, steady);
  for (const section of step.first) walk(section, steady);
  if (steady) for (const section of step.steady) walk(section, false);
  return lives;
}
