/** How to spread a model over a cluster: every layout is weighed by closed forms, the best are simulated until enough fit. */
import { InputError, noLayout } from "./complaints.js";
import { linksOf } from "./hardware/links.js";
import { throughputOf } from "./hardware/throughput.js";
import type { ImportedModel } from "./importers/model.js";
import { rankFacts } from "./plan-facts.js";
import { checkPlanOptions, type PlanOptions, type PlanQuestion } from "./plan-options.js";
import { flagsOf, meshText, optionsOf, type Simulated, simulate } from "./plan-simulated.js";
import { divisors, layouts } from "./plan-space.js";
import type { Layout } from "./report/plan/layout.js";
import { WAYS } from "./report/plan/layout.js";
import { CHECKPOINTINGS } from "./report/plan/pass-seconds.js";
import type { Plan, PlanReport, PlanSetup, RejectedPlan } from "./report/plan/report.js";
import { type Cluster, type RankFacts, type Weighed, weighLayout } from "./report/plan/weigh-layout.js";
import { whyOf } from "./report/plan/why.js";
import { countParameters } from "./report/totals.js";
import { bindModel } from "./bind-model.js";
import { type ResolvedSetup, resolveSetup } from "./resolve-setup.js";
import type { Options } from "./settings.js";

export type { PlanOptions } from "./plan-options.js";

/** What no plan says otherwise: states step in one kernel, segments grow page by page. */
const DEFAULTS: Options = { optimizer: "adamw:fused", allocatorConf: "expandable_segments:True" };

/** Layouts simulated before the answer is as good as it gets. */
const MOST_SIMULATED = 60;
/** Simulated when nothing fits, those with the smallest bounds. */
const MISSES = 6;
const SHOWN_REJECTED = 5;

/** Plans that fit, best first, each simulated; why others do not. `JSON.stringify` prints the contract's JSON. */
export function plan(model: ImportedModel, options: PlanOptions = {}): PlanReport {
  const question = checkPlanOptions(options);
  const shared = { ...DEFAULTS, ...question.options };
  const alone = resolveSetup({ ...shared, precision: "bf16", batch: 1 }, model);
  const { machine, report: setup } = alone;
  const cluster = clusterOf(question, machine.gpu);
  const space = spaceOf(model, { question, shared, cluster });
  const weighed = weighAll(space, cluster);
  if (weighed.length === 0) throw nothingDivides(question, space);
  const walk = walkBest(model, weighed, { question, shared, capacity: machine.capacity ?? 0 });
  const best = walk.fitting[0]?.weighed.seconds ?? null;
  return {
    schema: "plimsoll/plan@1",
    model: {
      name: model.name,
      source: model.source,
      parameterCount: countParameters(bindModel(model, alone.bindings, alone.setup).graph).parameterCount,
    },
    cluster: {
      gpu: machine.gpu ?? question.gpu,
      gpus: question.gpus,
      nodes: Math.ceil(question.gpus / cluster.perNode),
      capacityBytes: machine.capacity ?? 0,
      intraBytesPerSecond: cluster.intra,
      interBytesPerSecond: cluster.inter,
    },
    globalBatch: question.globalBatch,
    sequence: setup.sequence,
    confidence: question.confidence,
    plans: walk.fitting.map((each) => planOf(each, best ?? 1, shared)),
    rejected: walk.rejected.slice(0, SHOWN_REJECTED).map((each) => rejectedOf(each, best, shared)),
    counts: { ...walk.counts, refused: space.refused },
    nearestMiss: walk.miss && rejectedOf(walk.miss, null, shared),
    assumptions: assumptionsOf(question, cluster, alone),
    roofline: throughputOf(machine.gpu).basis,
  };
}

export function clusterOf({ gpus, nodes, intra, inter }: PlanQuestion, gpu: string | null): Cluster {
  const links = linksOf(gpu);
  return {
    gpus,
    perNode: nodes === null ? Math.min(gpus, links.perNode) : gpus / nodes,
    intra: intra ?? links.intra,
    inter: inter ?? links.inter,
    hostMemory: links.hostMemory,
    throughput: throughputOf(gpu),
  };
}

export interface PlanSpace {
  readonly question: PlanQuestion;
  readonly facts: ReadonlyMap<number, RankFacts>;
  readonly refused: { readonly parallel: string; readonly because: string }[];
}

interface Given {
  readonly question: PlanQuestion;
  readonly shared: Options;
  readonly cluster: Cluster;
}

/** Matrices are shared out within a machine: what is beyond would wait for the network twice in every block. */
export function spaceOf(model: ImportedModel, { question, shared, cluster }: Given): PlanSpace {
  const asked = question.fixed.mesh?.tp;
  const tensors =
    asked === undefined ? divisors(question.gpus).filter((tp) => tp <= cluster.perNode) : [asked];
  const facts = new Map<number, RankFacts>();
  const refused: { parallel: string; because: string }[] = [];
  for (const tp of tensors) {
    const found = rankFacts({ model, options: shared, throughput: cluster.throughput }, tp);
    if (found instanceof InputError) {
      if (tp === 1 || asked !== undefined) throw found;
      refused.push({ parallel: `tp=${tp}`, because: found.complaint.rule });
    } else facts.set(tp, found);
  }
  return { question, facts, refused };
}

export interface Candidate {
  readonly layout: Layout;
  readonly weighed: Weighed;
}

/** The fastest first. */
export function weighAll({ question, facts }: PlanSpace, cluster: Cluster): Candidate[] {
  const [first] = facts.values();
  const tensors = [...facts.keys()];
  const out: Candidate[] = [];
  for (const layout of layouts({ question, tensors, blocks: first?.blocks ?? 0 })) {
    const rank = facts.get(layout.mesh.tp) as RankFacts; // tensors are its keys
    out.push({ layout, weighed: weighLayout(layout, rank, cluster) });
  }
  return out.sort(
    (a, b) => a.weighed.seconds - b.weighed.seconds || a.weighed.boundBytes - b.weighed.boundBytes,
  );
}

interface Settled extends Candidate {
  readonly simulated: Simulated;
  readonly place: number;
}

interface Walk {
  readonly fitting: readonly Settled[];
  readonly rejected: readonly Settled[];
  readonly counts: Omit<PlanReport["counts"], "refused">;
  readonly miss: Settled | null;
}

interface WalkOptions {
  readonly question: PlanQuestion;
  readonly shared: Options;
  readonly capacity: number;
}

function walkBest(model: ImportedModel, all: readonly Candidate[], options: WalkOptions): Walk {
  const { question, shared, capacity } = options;
  const settle = (candidate: Candidate, place: number): Settled | null => {
    const simulated = simulate(model, candidate.layout, { shared, confidence: question.confidence });
    return simulated && { ...candidate, simulated, place };
  };
  const fitting: Settled[] = [];
  const rejected: Settled[] = [];
  const counts = {
    weighed: all.length,
    overByBound: 0,
    simulated: 0,
    overBySimulation: 0,
    overBesideOther: 0,
    slower: 0,
  };
  for (const [i, candidate] of all.entries()) {
    const over = candidate.weighed.boundBytes > capacity;
    if (over) counts.overByBound++;
    else if (fitting.length >= question.top || counts.simulated >= MOST_SIMULATED) counts.slower++;
    else if (rejected.some((other) => isLighter(other.layout, candidate.layout))) counts.overBesideOther++;
    else {
      const settled = settle(candidate, i + 1);
      if (!settled) continue;
      counts.simulated++;
      if (settled.simulated.fits) fitting.push(settled);
      else {
        counts.overBySimulation++;
        rejected.push(settled);
      }
    }
  }
  const miss = fitting.length > 0 ? null : nearest(all, rejected, settle);
  return { fitting, rejected, counts, miss };
}

/** Whether `a` takes no more than `b`: the same mesh and way, no more samples at a time, no less computed again. */
function isLighter(a: Layout, b: Layout): boolean {
  if (a.way !== b.way || meshText(a.mesh) !== meshText(b.mesh) || a.batch > b.batch) return false;
  const under = ({ accumulate, mesh }: Layout) => Math.min(accumulate, mesh.pp + 1);
  if (under(a) > under(b)) return false;
  return CHECKPOINTINGS.indexOf(a.checkpointing) >= CHECKPOINTINGS.indexOf(b.checkpointing);
}

function nearest(
  all: readonly Candidate[],
  rejected: readonly Settled[],
  settle: (candidate: Candidate, place: number) => Settled | null,
): Settled | null {
  const smallest = [...all].sort((a, b) => a.weighed.boundBytes - b.weighed.boundBytes).slice(0, MISSES);
  const tried = smallest.map((each) => settle(each, all.indexOf(each) + 1)).filter((each) => each !== null);
  return (
    [...rejected, ...tried].sort((a, b) => a.simulated.missingBytes - b.simulated.missingBytes)[0] ?? null
  );
}

function setupOf(layout: Layout, shared: Options): PlanSetup {
  const { way, mesh, batch, accumulate, checkpointing } = layout;
  const { title, engines, zero, offload } = WAYS[way];
  const { gpu: _, ...options } = optionsOf(layout, shared);
  return {
    parallel: meshText(mesh),
    mesh,
    way,
    title,
    engines,
    zero,
    batch,
    accumulate,
    checkpointing,
    offload,
    flags: flagsOf(options),
  };
}

function planOf({ layout, weighed, simulated, place }: Settled, best: number, shared: Options): Plan {
  const { allocatedBytes, reservedBytes, deviceTotalBytes, missingBytes } = simulated;
  return {
    ...setupOf(layout, shared),
    place,
    peak: { allocatedBytes, reservedBytes, deviceTotalBytes },
    headroomBytes: -missingBytes,
    stepSeconds: weighed.seconds,
    relativeStepTime: weighed.seconds / best,
    seconds: weighed.shares,
    why: whyOf(weighed),
  };
}

function rejectedOf(
  { layout, weighed, simulated }: Settled,
  best: number | null,
  shared: Options,
): RejectedPlan {
  const { deviceTotalBytes, missingBytes } = simulated;
  const relativeStepTime = best === null ? null : weighed.seconds / best;
  return { ...setupOf(layout, shared), deviceTotalBytes, missingBytes, relativeStepTime };
}

function nothingDivides(
  { gpus, globalBatch, fixed, engine }: PlanQuestion,
  { facts }: PlanSpace,
): InputError {
  const [first] = facts.values();
  const fixes = [
    fixed.mesh && `--parallel ${meshText(fixed.mesh)}`,
    fixed.batch !== null && `--batch ${fixed.batch}`,
    fixed.accumulate !== null && `--accumulate ${fixed.accumulate}`,
    fixed.checkpointing !== null && `--checkpointing ${fixed.checkpointing}`,
    fixed.zero !== null && `--zero ${fixed.zero}`,
    engine && `--emit ${engine}`,
  ].filter(Boolean);
  return noLayout(
    [`--gpus ${gpus}`, `--global-batch ${globalBatch}`, ...fixes].join(", "),
    `a mesh of ${gpus} GPUs whose replicas divide ${globalBatch} samples, tp among ${[...facts.keys()].join(", ")}, pp that divides ${first?.blocks ?? 0} blocks`,
    `--global-batch ${gpus} gives every GPU one sample; leave out what is held to see more`,
  );
}

function assumptionsOf(
  { globalBatch, gpus }: PlanQuestion,
  cluster: Cluster,
  { machine }: ResolvedSetup,
): PlanReport["assumptions"] {
  const { because } = linksOf(machine.gpu);
  const gigabytes = (speed: number) => `${speed / 1e9} GB/s`;
  return [
    {
      setting: "bandwidth",
      value: `${gigabytes(cluster.intra)} within a machine, ${gigabytes(cluster.inter)} between`,
      because,
    },
    {
      setting: "precision",
      value: "bf16",
      because:
        "all plans step float32 masters with float32 states, so that none is faster for being less exact",
    },
    {
      setting: "global-batch",
      value: String(globalBatch),
      because: globalBatch === gpus ? "one sample a GPU unless --global-batch says more" : "as asked",
    },
    {
      setting: "tensor parallelism",
      value: "without sequence parallelism",
      because: "between layers every rank of tp has all tokens; engines that share them out take less",
    },
    {
      setting: "time",
      value: "roofline",
      because: "peaks of arithmetic and wires: only ratios of plans mean something, see docs/PLANS.md",
    },
    {
      setting: "collectives",
      value: "not counted",
      because: "NCCL's own buffers lie outside the allocator: up to several GiB a rank",
    },
  ];
}
