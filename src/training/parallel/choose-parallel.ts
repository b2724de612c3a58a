/** The texts a user writes about several GPUs: `fsdp=8,tp=4`, `params=bf16,reduce=fp32`, `version=1,strategy=no-shard`. */
import type { DType } from "../../base/dtype.js";
import type { FlatStrategy, FullSharding, Mesh, Parallel, Replication } from "../../ir/setup.js";
import {
  axisMissing,
  meshDiffers,
  policyOfOther,
  unknownAxis,
  wrongLayout,
  wrongPolicy,
} from "./complaints.js";
import { checkFlat, checkTogether, type StepOptions } from "./computed-together.js";

export interface ParallelOptions extends StepOptions {
  readonly parallel?: string;
  readonly gpus?: number;
  readonly fsdp?: string;
  readonly pipeline?: "1f1b" | "gpipe";
  readonly stageBlocks?: string;
  readonly ddp?: boolean;
  readonly bucketView?: boolean;
  readonly bucketMb?: number;
  readonly shardedOptimizer?: boolean;
}

/** One GPU. */
export const ALONE: Mesh = { dp: 1, fsdp: 1, tp: 1, pp: 1 };
/** More GPUs than any cluster has. */
const MOST = 1_048_576;

/** Null: one GPU. Without axes, all GPUs are replicas. */
export function chooseParallel(options: ParallelOptions): Parallel | null {
  const asked = options.parallel === undefined ? {} : axesIn(options.parallel);
  const mesh: Mesh =
    options.parallel === undefined ? { ...ALONE, dp: options.gpus ?? 1 } : { ...ALONE, ...asked };
  const product = sizeOf(mesh);
  if (options.gpus !== undefined && product !== options.gpus)
    throw meshDiffers(options.parallel ?? "", product, options.gpus);
  refuseIdle(options, mesh);
  if (product === 1) return null;
  checkTogether(options, mesh);
  const sharding = mesh.fsdp > 1 ? policyIn(options.fsdp ?? "") : null;
  if (sharding?.flat) checkFlat(mesh);
  const replication = mesh.dp > 1 && !sharding ? replicationOf(options) : null;
  const layout = options.stageBlocks === undefined ? {} : { stageBlocks: blocksIn(options.stageBlocks) };
  return { mesh, sharding, replication, schedule: options.pipeline ?? "1f1b", ...layout, stage: 0 };
}

/** Settings of an axis that the mesh does not have would be ignored. */
function refuseIdle(options: ParallelOptions, mesh: Mesh): void {
  if (options.fsdp !== undefined && mesh.fsdp === 1) throw axisMissing("--fsdp", "fsdp");
  if (options.stageBlocks !== undefined && mesh.pp === 1) throw axisMissing("--stage-blocks", "pp");
  if (options.pipeline !== undefined && mesh.pp === 1) throw axisMissing("--pipeline", "pp");
  const replicates = mesh.dp > 1 && mesh.fsdp === 1;
  if (options.ddp === true && !replicates) throw axisMissing("--ddp", "dp");
  if (options.bucketMb !== undefined && !replicates) throw axisMissing("--bucket-mb", "dp");
  if (options.bucketView === true && !replicates) throw axisMissing("--bucket-view", "dp");
  if (options.shardedOptimizer === true && !replicates) throw axisMissing("--sharded-optimizer", "dp");
}

function blocksIn(text: string): number[] {
  const counts = text.split(",").map((word) => (/^\d+$/.test(word.trim()) ? Number(word) : -1));
  const least = (stage: number) => (stage === counts.length - 1 ? 0 : 1); // the last one may have the head alone
  if (counts.some((count, stage) => count < least(stage))) throw wrongLayout(null, 0, 0);
  return counts;
}

/** Number of GPUs. */
export function sizeOf(mesh: Mesh): number {
  return Object.values(mesh).reduce((product, ranks) => product * ranks, 1);
}

function axesIn(text: string): Partial<Mesh> {
  const axes: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [axis = "", ranks = ""] = part.split("=").map((word) => word.trim());
    if (!Object.hasOwn(ALONE, axis) || axis in axes) throw unknownAxis(part, Object.keys(ALONE));
    const count = Number(ranks);
    if (!/^\d+$/.test(ranks) || count < 1 || count > MOST) throw unknownAxis(part, Object.keys(ALONE));
    axes[axis] = count;
  }
  return axes;
}

const TYPES: Readonly<Record<string, DType>> = {
  fp32: "float32",
  bf16: "bfloat16",
  fp16: "float16",
};

const STRATEGIES: readonly FlatStrategy[] = ["full-shard", "shard-grad-op", "no-shard"];

type Policy = Omit<FullSharding, "flat">;

/**
 * PyTorch's defaults: no mixed precision, blocks reshard after forward and the root does not. `but-last`: as torchtitan, which
 * leaves the last block whole too, since its backward comes first.
 */
const DEFAULTS: Policy = { gathered: null, reduced: null, reshard: true, reshardRoot: false };

/** By the name of an option: what its value makes of a policy. */
const POLICY: Readonly<Record<string, (value: string) => Partial<Policy> | undefined>> = {
  params: (value) => (Object.hasOwn(TYPES, value) ? { gathered: TYPES[value] ?? null } : undefined),
  reduce: (value) => (Object.hasOwn(TYPES, value) ? { reduced: TYPES[value] ?? null } : undefined),
  reshard: (value) =>
    value === "auto"
      ? {}
      : value === "but-last"
        ? { reshardLast: false }
        : value === "true" || value === "false"
          ? { reshard: value === "true", reshardRoot: value === "true" }
          : undefined,
  version: (value) => (value === "1" || value === "2" ? {} : undefined),
  strategy: (value) => (STRATEGIES.some((known) => known === value) ? {} : undefined),
};

function policyIn(text: string): FullSharding {
  const said = new Map<string, string>();
  let policy = DEFAULTS;
  for (const part of text.split(",").filter((word) => word.trim() !== "")) {
    const [name = "", ...value] = part.split("=").map((word) => word.trim());
    const chosen = Object.hasOwn(POLICY, name) ? POLICY[name]?.(value.join("=")) : undefined;
    if (!chosen || said.has(name)) throw wrongPolicy(part);
    said.set(name, value.join("="));
    policy = { ...policy, ...chosen };
  }
  const first = said.get("version") === "1";
  const foreign = first ? "reshard" : "strategy";
  if (said.has(foreign)) throw policyOfOther(foreign, first);
  const strategy = STRATEGIES.find((known) => known === said.get("strategy")) ?? "full-shard";
  return { ...policy, flat: first ? strategy : null };
}

/** Megabytes of a bucket when nobody says so. torch/nn/parallel/distributed.py */
const BUCKET_MB = 25;
const MIB = 1024 * 1024;

function replicationOf({ bucketView, bucketMb, shardedOptimizer }: ParallelOptions): Replication {
  return {
    bucketBytes: (bucketMb ?? BUCKET_MB) * MIB,
    firstBucketBytes: bucketMb === undefined ? MIB : bucketMb * MIB, // dist._DEFAULT_FIRST_BUCKET_BYTES
    bucketView: bucketView === true,
    shardedOptimizer: shardedOptimizer === true,
  };
}
