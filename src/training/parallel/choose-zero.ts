/** The texts a user writes about DeepSpeed: `--zero 2`, `--deepspeed reduce_bucket_size=2e8,overlap_comm=true`. */
import type { DType } from "../../base/dtype.js";
import { type MasterWeights, type Mesh, type Precision, storedType, type Zero } from "../../ir/setup.js";
import {
  mastersNeed16Bits,
  notWithZero,
  unknownStage,
  wrongOffload,
  wrongDeepSpeed,
  zeroNeedsReplicas,
  zeroNotComputed,
} from "./zero-complaints.js";

export interface MasterOptions {
  readonly mode?: string;
  readonly precision?: Precision;
  readonly zero?: number;
  readonly deepspeed?: string;
  readonly masterWeights?: "megatron" | "nanotron";
  readonly gradients?: "fp32" | "bf16" | "fp16";
  readonly shardedOptimizer?: boolean;
  readonly parallel?: string;
  readonly offload?: string;
  readonly zeroGrad?: string;
  readonly optimizerInBackward?: boolean;
  readonly lora?: string;
  readonly quantize?: string;
  readonly ema?: boolean;
  readonly bucketMb?: number;
  readonly bucketView?: boolean;
  readonly ddp?: boolean;
  readonly noOptimizer?: boolean;
  readonly optimizer?: string | false;
}

const TYPES: Readonly<Record<string, DType>> = { fp32: "float32", bf16: "bfloat16", fp16: "float16" };

type Choice = Omit<Zero, "stage" | "gradients" | "offloadOptimizer" | "offloadParameters">;

/** deepspeed/runtime/zero/config.py, DeepSpeed 0.19.8. overlap_comm is on from stage 3 on when nobody says so. */
const DEEPSPEED_DEFAULTS: Choice = {
  reduceBucket: 5e8,
  overlapComm: false,
  prefetchBucket: 5e7,
  persistenceThreshold: 1e5,
  maxLive: 1e9,
  maxReuseDistance: 1e9,
};

/** By the key of its configuration file: the field, and the first stage that reads it. */
const KEYS: Readonly<Record<string, readonly [field: keyof Choice, from: number, until: number]>> = {
  reduce_bucket_size: ["reduceBucket", 1, 3],
  overlap_comm: ["overlapComm", 1, 2],
  stage3_prefetch_bucket_size: ["prefetchBucket", 3, 3],
  stage3_param_persistence_threshold: ["persistenceThreshold", 3, 3],
  stage3_max_live_parameters: ["maxLive", 3, 3],
  stage3_max_reuse_distance: ["maxReuseDistance", 3, 3],
};

/** Null without `--zero`. */
export function chooseZero(options: MasterOptions, mesh: Mesh): Zero | null {
  const { zero, precision = "fp32", deepspeed } = options;
  if (zero === undefined) {
    if (deepspeed !== undefined) throw notWithZero("--deepspeed", "no --zero", "a stage, --zero 1|2|3");
    return null;
  }
  if (zero !== 0 && zero !== 1 && zero !== 2 && zero !== 3) throw unknownStage(zero);
  if (mesh.fsdp > 1)
    throw notWithZero("--zero", `--parallel fsdp=${mesh.fsdp}`, "one way to share the model out");
  if (mesh.pp > 1)
    throw zeroNotComputed("--zero", `pp=${mesh.pp}`, "its pipeline engine has gradients of its own");
  if (zero > 0 && mesh.dp === 1) throw zeroNeedsReplicas(zero);
  if (zero === 3 && mesh.tp > 1)
    throw zeroNotComputed("--zero 3", `tp=${mesh.tp}`, "no recorded step tells of it");
  if (precision !== "fp32" && precision !== "bf16" && precision !== "fp16")
    throw zeroNotComputed(
      "--zero",
      `--precision ${precision}`,
      "DeepSpeed holds the model in fp32, bf16 or fp16",
    );
  refuseBeside(options);
  const stored = storedType(precision);
  const gradients = options.gradients === undefined ? stored : (TYPES[options.gradients] as DType);
  if (gradients !== stored && (gradients !== "float32" || zero === 0 || zero === 3 || stored === "float16"))
    throw zeroNotComputed(
      "--gradients",
      `${options.gradients} with --zero ${zero} and --precision ${precision}`,
      "gradients are added up in the parameters' type, or for bf16 in fp32 with stages 1 and 2",
    );
  const offloaded = offloadedParts(options.offload);
  return {
    stage: zero,
    gradients,
    ...configuration(deepspeed ?? "", zero),
    offloadOptimizer: offloaded.includes("optimizer"),
    offloadParameters: offloaded.includes("parameters"),
  };
}

/** `activations` alone, or what DeepSpeed keeps on the host. */
export function checkOffload({ offload, zero }: MasterOptions): void {
  const parts = offloadedParts(offload);
  if (offload === undefined || (parts.length === 1 && parts[0] === "activations")) return;
  const known = parts.every((part) => part === "optimizer" || part === "parameters");
  const stage = zero ?? 0;
  if (
    !known ||
    new Set(parts).size < parts.length ||
    stage === 0 ||
    (parts.includes("parameters") && stage < 3)
  )
    throw wrongOffload(zero === undefined ? offload : `${offload} with --zero ${zero}`);
}

function offloadedParts(offload: string | undefined): string[] {
  return offload === undefined ? [] : offload.split(",").map((word) => word.trim());
}

function refuseBeside(options: MasterOptions): void {
  const beside = [
    options.masterWeights && `--master-weights ${options.masterWeights}`,
    options.shardedOptimizer && "--sharded-optimizer",
    options.bucketMb !== undefined && "--bucket-mb",
    options.bucketView && "--bucket-view",
    options.ddp && "--ddp",
    options.zeroGrad !== undefined && `--zero-grad ${options.zeroGrad}`,
    options.optimizerInBackward && "--optimizer-in-backward",
    options.lora !== undefined && "--lora",
    options.quantize !== undefined && "--quantize",
    options.ema && "--ema",
    options.mode === "inference" && "--mode inference",
    (options.noOptimizer || options.optimizer === false) && "--no-optimizer",
  ].find((flag) => flag);
  if (beside) throw notWithZero("--zero", beside, "DeepSpeed's engine alone, which does this its own way");
}

function configuration(text: string, stage: number): Choice {
  let chosen: Choice = { ...DEEPSPEED_DEFAULTS, overlapComm: stage === 3 };
  const seen = new Set<string>();
  for (const part of text.split(",").filter((word) => word.trim() !== "")) {
    const [key = "", value = ""] = part.split("=").map((word) => word.trim());
    const row = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (!row || seen.has(key)) throw wrongDeepSpeed(part, Object.keys(KEYS));
    const [field, from, until] = row;
    if (stage < from || stage > until) throw wrongDeepSpeed(`${key} with --zero ${stage}`, Object.keys(KEYS));
    seen.add(key);
    chosen = { ...chosen, [field]: field === "overlapComm" ? truth(part, value) : size(part, value) };
  }
  return chosen;
}

function truth(part: string, value: string): boolean {
  if (value !== "true" && value !== "false") throw wrongDeepSpeed(part, Object.keys(KEYS));
  return value === "true";
}

/** DeepSpeed takes 5e8, too. */
function size(part: string, value: string): number {
  const count = Number(value);
  if (value === "" || !Number.isSafeInteger(count) || count < 1)
    throw wrongDeepSpeed(part, Object.keys(KEYS));
  return count;
}

/** Null without `--master-weights`. */
export function chooseMasters(options: MasterOptions, mesh: Mesh): MasterWeights | null {
  const { masterWeights: by, precision = "fp32", gradients, zero } = options;
  if (by === undefined) {
    if (gradients !== undefined && zero === undefined)
      throw mastersNeed16Bits("--gradients", "no --master-weights");
    return null;
  }
  if (precision !== "bf16" && precision !== "fp16")
    throw mastersNeed16Bits("--master-weights", `--precision ${precision}`);
  if (mesh.fsdp > 1)
    throw notWithZero(
      "--master-weights",
      `--parallel fsdp=${mesh.fsdp}`,
      "dp: shards of fully_shard are float32 already",
    );
  const beside = [
    options.optimizerInBackward && "--optimizer-in-backward",
    options.lora !== undefined && "--lora",
    options.quantize !== undefined && "--quantize",
    options.ema && "--ema",
    options.zeroGrad !== undefined && `--zero-grad ${options.zeroGrad}`,
    options.mode === "inference" && "--mode inference",
    options.bucketView && "--bucket-view",
    (options.noOptimizer || options.optimizer === false) && "--no-optimizer",
  ].find((flag) => flag);
  if (beside)
    throw notWithZero("--master-weights", beside, "training with an optimizer that steps float32 copies");
  const stored = storedType(precision);
  const type = gradients === undefined ? "float32" : (TYPES[gradients] as DType);
  if (type !== "float32" && (type !== stored || by === "nanotron"))
    throw mastersNeed16Bits("--gradients", `${gradients} with --precision ${precision} and ${by}`);
  return { by, gradients: type, sharded: options.shardedOptimizer === true };
}
