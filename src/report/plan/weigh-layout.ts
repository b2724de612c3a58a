/**
 * Layout → a time and a bound on memory, by closed forms alone: some hundred thousand a second.
 *
 * Time     stages of a pipeline take turns: (m + p - 1) times the slowest stage's micro-batch, for m micro-batches and p
 *          stages (Narayanan et al. 2021, arXiv:2104.04473, section 2.2.1). Per micro-batch compute is a roofline. Gathers and
 *          reductions of shares run beside compute and count where they take longer; all-reduces of tensor parallelism
 *          and what stages send wait for each other and count in full. Once a step gradients are reduced beside the last
 *          backward, the optimizer reads and writes its states, and the host takes part.
 * Rings    an all-gather or a reduce-scatter of b bytes over k ranks sends b (k - 1) / k from each, an all-reduce twice that
 *          (Thakur et al. 2005, Optimization of Collective Communication Operations in MPICH). A group over several
 *          machines has as many adapters as it has ranks in one of them.
 * Memory   meant as no more than the step takes, and up to 1 % above it in rare layouts (src/plan.test.ts): at the end of forward there are the shares, masters and states, and what every block
 *          of every micro-batch under way saves; at the loss, what its backward holds; at the optimizer, all gradients.
 * Untrue   kernels below their peak, launches, latency, imbalance of GPUs, allocations of collectives
 */
import type { Throughput } from "../../hardware/throughput.js";
import type { Mesh } from "../../ir/setup.js";
import { inFlightAt } from "./in-flight.js";
import { type Layout, type Way, WAYS } from "./layout.js";
import type { PassSeconds, PlanCheckpointing } from "./pass-seconds.js";

/** Of one rank at some degree of tensor parallelism. */
export interface RankFacts {
  readonly blocks: number;
  /** Elements, per block, before and after all blocks; `tied`: of the first that the last stage has, too. */
  readonly parameters: {
    readonly block: number;
    readonly first: number;
    readonly last: number;
    readonly tied: number;
  };
  seconds(part: "block" | "first" | "last", batch: number): PassSeconds;
  /** Per sample, by checkpointing. */
  readonly memory: Readonly<Record<PlanCheckpointing, RankMemory>>;
  /** All-reduces of tensor parallelism in one block's forward. */
  readonly reductions: number;
  /** Of the residual stream, one sample. */
  readonly streamBytes: number;
}

/** Lower bounds, in bytes. */
export interface RankMemory {
  /** Saved by one block, per sample. */
  readonly savedByBlock: number;
  /** Beside parameters and gradients when backward begins, with one block: at one sample, and per further one. */
  readonly atLoss: number;
  readonly perSample: number;
}

export interface Cluster {
  readonly gpus: number;
  readonly perNode: number;
  readonly intra: number;
  readonly inter: number;
  /** Of the host, a GPU's share. */
  readonly hostMemory: number;
  readonly throughput: Throughput;
}

/** Seconds of a step by what the slowest stage waits for. */
export interface Shares {
  readonly compute: number;
  /** Computed again in backward. */
  readonly recompute: number;
  /** All-reduces of tensor parallelism. */
  readonly tensor: number;
  /** Of gathers and reductions, what compute does not hide. */
  readonly data: number;
  /** Activations between stages. */
  readonly pipeline: number;
  /** Stages that have nothing to do. */
  readonly bubble: number;
  readonly optimizer: number;
  readonly host: number;
}

export interface Weighed {
  readonly seconds: number;
  readonly shares: Shares;
  /** The rank that takes most allocates at least this. */
  readonly boundBytes: number;
}

export function weighLayout(layout: Layout, facts: RankFacts, cluster: Cluster): Weighed {
  const way = WAYS[layout.way];
  const { pp } = layout.mesh;
  const stages = pp === 1 ? [0] : pp === 2 ? [0, 1] : [0, 1, pp - 1]; // those between are like the second
  let seconds = -1;
  let shares: Shares | null = null;
  let boundBytes = 0;
  for (const index of stages) {
    const stage = stageOf(facts, index, pp);
    const taken = stageSeconds({ layout, way, facts, cluster, stage });
    const sum = sumOf(taken);
    if (sum > seconds) [seconds, shares] = [sum, taken];
    boundBytes = Math.max(boundBytes, stageBytes({ layout, way, facts, stage }));
  }
  return { seconds, shares: shares as Shares, boundBytes }; // as: there is a first stage
}

interface Stage {
  readonly index: number;
  readonly blocks: number;
  readonly parameters: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** As many blocks each, or one less on the outer ones, as `cutStage` divides. */
function stageOf({ blocks, parameters }: RankFacts, index: number, pp: number): Stage {
  const [isFirst, isLast] = [index === 0, index === pp - 1];
  const even = blocks % pp === 0;
  const count = even ? blocks / pp : (blocks + 2) / pp - (isFirst || isLast ? 1 : 0);
  const ends = (isFirst ? parameters.first : 0) + (isLast ? parameters.last : 0);
  const copied = isLast && !isFirst ? parameters.tied : 0;
  return {
    index,
    blocks: count,
    parameters: count * parameters.block + ends + copied,
    isFirst,
    isLast,
  };
}

interface OfStage {
  readonly layout: Layout;
  readonly way: Way;
  readonly facts: RankFacts;
  readonly stage: Stage;
}

function stageSeconds({ layout, way, facts, cluster, stage }: OfStage & { cluster: Cluster }): Shares {
  const { mesh, batch, accumulate, checkpointing } = layout;
  const { throughput } = cluster;
  const block = facts.seconds("block", batch);
  let [forward, backward] = [stage.blocks * block.forward, stage.blocks * block.backward];
  const again = stage.blocks * block.again[checkpointing];
  for (const part of ["first", "last"] as const) {
    if (part === "first" ? !stage.isFirst : !stage.isLast) continue;
    const ends = facts.seconds(part, batch);
    forward += ends.forward;
    backward += ends.backward;
  }
  const stream = batch * facts.streamBytes;
  // two products' sums forward, as many gradients backward, and those of the forward that is computed again
  const sums = facts.reductions * (checkpointing === "none" ? 2 : checkpointing === "full" ? 3 : 2.5);
  const tensor = stage.blocks * sums * collective(2 * stream, "tp", mesh, cluster);
  const pipeline = mesh.pp === 1 ? 0 : (2 * stream) / linkOf("pp", mesh, cluster);
  const micro = forward + backward + again;
  const sent = sentSeconds(layout, way, stage, cluster);
  const hidden = Math.max(0, sent.forward - forward) + Math.max(0, sent.backward - backward - again);
  const owned =
    way.resident.whole * stage.parameters + (way.resident.shared * stage.parameters) / ranksOf(way, mesh);
  const once = Math.max(0, sent.once - backward - again);
  const slots = mesh.pp - 1;
  const each = micro + tensor + pipeline + hidden;
  return {
    compute: accumulate * (forward + backward),
    recompute: accumulate * again,
    tensor: accumulate * tensor,
    data: accumulate * hidden + once,
    pipeline: accumulate * pipeline,
    bubble: slots * each,
    optimizer: (2 * owned) / throughput.bandwidth,
    host: (stage.parameters / ranksOf(way, mesh)) * hostSeconds(way, cluster),
  };
}

/** Adam on the host reads a gradient, a master and two states in float32, and writes three of them. */
const HOST_STEP = 28;

/** Per parameter of a rank's share. */
function hostSeconds({ host }: Way, { throughput, hostMemory }: Cluster): number {
  return host === 0 ? 0 : host / throughput.host + HOST_STEP / hostMemory;
}

interface Sent {
  readonly forward: number;
  readonly backward: number;
  readonly once: number;
}

function sentSeconds({ mesh, accumulate }: Layout, way: Way, { parameters }: Stage, cluster: Cluster): Sent {
  if (way.shards === null) return { forward: 0, backward: 0, once: 0 };
  const over = (size: number, axis: keyof Mesh) => collective(size * parameters, axis, mesh, cluster);
  const { gathers, reduces } = way;
  const piped = mesh.pp > 1;
  const gather = gathers.passes > 0 ? over(gathers.bytes, way.shards) : 0;
  // a pipeline's stages that are never resharded gather once a step, and reduce in the last micro-batch alone
  // (torch/distributed/pipelining/stage.py, backward_maybe_with_nosync)
  const kept = piped && gathers.passes === 1;
  const replicas =
    way.shards === "fsdp" && mesh.dp > 1 ? collective((8 * parameters) / mesh.fsdp, "dp", mesh, cluster) : 0;
  const reduce = over(reduces.bytes, way.shards) + replicas;
  const often = reduces.every === "micro-batch" && !piped;
  // ZeRO 1 and 2 gather the stepped parameters
  const stepped = way.zero === 1 || way.zero === 2 ? over(2, "dp") : 0;
  return {
    forward: kept ? gather / accumulate : gather,
    backward: (gathers.passes === 2 ? gather : 0) + (often ? reduce : 0),
    once: (often ? 0 : reduce) + stepped,
  };
}

/** Of what is gathered or reduced in whole, `bytes`; an all-reduce is two of them. */
function collective(bytes: number, axis: keyof Mesh, mesh: Mesh, cluster: Cluster): number {
  const ranks = mesh[axis];
  return ranks === 1 ? 0 : (bytes * (ranks - 1)) / ranks / linkOf(axis, mesh, cluster);
}

/** From the inside: ranks next to each other share matrices, then shards, replicas, and stages outermost. */
const ORDER: readonly (keyof Mesh)[] = ["tp", "fsdp", "dp", "pp"];

/** Bytes per second that a rank sends along an axis. */
function linkOf(axis: keyof Mesh, mesh: Mesh, { perNode, intra, inter }: Cluster): number {
  let inner = 1;
  for (const other of ORDER) {
    if (other === axis) break;
    inner *= mesh[other];
  }
  if (inner * mesh[axis] <= perNode) return intra;
  const together = axis === "pp" ? 1 : Math.max(1, Math.floor(perNode / inner)); // of one group in one machine
  return Math.min(intra, together * inter);
}

function ranksOf({ shards }: Way, mesh: Mesh): number {
  return shards === null ? 1 : mesh[shards];
}

function stageBytes({ layout, way, facts, stage }: OfStage): number {
  const { mesh, batch, accumulate, checkpointing } = layout;
  const memory = facts.memory[checkpointing];
  const share = stage.parameters / ranksOf(way, mesh);
  const resident = way.resident.whole * stage.parameters + way.resident.shared * share;
  const gradients = way.gradients.whole * stage.parameters + way.gradients.shared * share;
  const under = inFlightAt(stage.index, mesh.pp, accumulate);
  const saved = batch * memory.savedByBlock;
  const whole = way.gathers.passes === 1 ? 2 * stage.blocks * facts.parameters.block : 0;
  const loss = stage.isLast ? memory.atLoss + (batch - 1) * memory.perSample - saved : 0;
  const forward = resident + whole + stage.blocks * saved * under + Math.max(0, loss);
  return Math.floor(Math.max(forward + (accumulate > 1 ? gradients : 0), resident + gradients));
}

export function sumOf(shares: Shares): number {
  const { compute, recompute, tensor, data, pipeline, bubble, optimizer, host } = shares;
  return compute + recompute + tensor + data + pipeline + bubble + optimizer + host;
}
