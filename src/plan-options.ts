/** What `plan` is asked beyond a setup: the cluster, the global batch, and what is fixed of a plan. */
import { checkFlags } from "./check-options.js";
import {
  contradiction,
  engineMissing,
  needsCluster,
  notABandwidth,
  notAChoice,
  notAConfidence,
  notACount,
  notSearched,
} from "./complaints.js";
import type { Mesh } from "./ir/setup.js";
import type { Engine } from "./report/plan/layout.js";
import { CONFIDENCES } from "./report/interval.js";
import { chooseParallel, sizeOf } from "./training/parallel/choose-parallel.js";
import { flagOf, type Options } from "./settings.js";

export interface PlanOptions extends Options {
  /** Samples of one optimizer step over all GPUs; default: one for each GPU. */
  readonly globalBatch?: number | string;
  /** Machines; default: as many as eight GPUs each make. */
  readonly nodes?: number | string;
  /** Gigabytes per second that a GPU sends to others of its machine, one way. */
  readonly intraGbps?: number | string;
  /** And to other machines. */
  readonly interGbps?: number | string;
  /** Plans that are shown; default: 5. */
  readonly top?: number | string;
  readonly confidence?: number | string;
  /** Only plans that this engine can run. */
  readonly engine?: Engine;
}

export interface PlanQuestion {
  /** What all plans share. */
  readonly options: Options;
  readonly gpu: string;
  readonly gpus: number;
  readonly nodes: number | null;
  readonly globalBatch: number;
  /** Bytes per second; null: the device's. */
  readonly intra: number | null;
  readonly inter: number | null;
  readonly top: number;
  readonly confidence: number;
  readonly engine: Engine | null;
  /** What the user fixed. */
  readonly fixed: {
    readonly mesh: Mesh | null;
    readonly batch: number | null;
    readonly accumulate: number | null;
    readonly checkpointing: string | null;
    readonly zero: number | null;
  };
}

export const ENGINES: readonly Engine[] = ["deepspeed", "fsdp", "torchtitan", "megatron", "accelerate"];

/** Settings that every plan may share: what they mean is the same on any mesh. */
const SHARED = [
  "sequence",
  "image",
  "shape",
  "task",
  "classes",
  "imageChannels",
  "loss",
  "attention",
  "optimizer",
  "clipGrad",
  "allocatorConf",
  "cudnn",
  "gpu",
] as const satisfies readonly (keyof Options)[];
/** Settings that a plan chooses: given, they are held. */
const CHOSEN = [
  "batch",
  "accumulate",
  "checkpointing",
  "parallel",
  "zero",
  "gpus",
] as const satisfies readonly (keyof Options)[];

const MOST_GPUS = 1_048_576;
const MOST_BATCH = 16_777_216;
/** Plans simulated in full take about a second each. */
const MOST_TOP = 50;
const DEFAULTS = { top: 5, confidence: 0.9 };

export function checkPlanOptions(given: PlanOptions): PlanQuestion {
  const { globalBatch, nodes, intraGbps, interGbps, top, confidence, engine, ...rest } = given;
  const options = checkFlags(rest);
  const { gpu, gpus: asked } = options;
  if (gpu === undefined) throw needsCluster("--gpu NAME, such as h100", "no --gpu");
  const mesh = meshOf(options);
  const gpus = asked ?? (mesh ? sizeOf(mesh) : undefined);
  if (gpus === undefined) throw needsCluster("--gpus N, such as 8", "no --gpus");
  refuseOthers(options);
  const machines = nodes === undefined ? null : count("--nodes", nodes, MOST_GPUS);
  if (machines !== null && gpus % machines !== 0)
    throw contradiction(
      "--nodes",
      `as many GPUs in every machine: a divisor of --gpus ${gpus}`,
      `--nodes ${machines}`,
    );
  if (engine !== undefined && !ENGINES.includes(engine))
    throw notAChoice("--engine", String(engine), ENGINES);
  if (engine && options.zero !== undefined && engine !== "deepspeed" && engine !== "accelerate")
    throw engineMissing(engine, `--zero ${options.zero}`, "deepspeed | accelerate");
  const sure = confidence === undefined ? DEFAULTS.confidence : Number(confidence);
  if (!CONFIDENCES.includes(sure)) throw notAConfidence(String(confidence), CONFIDENCES);
  return {
    options: Object.fromEntries(SHARED.flatMap((name) => (name in options ? [[name, options[name]]] : []))),
    gpu,
    gpus,
    nodes: machines,
    globalBatch: globalBatch === undefined ? gpus : count("--global-batch", globalBatch, MOST_BATCH),
    intra: bandwidth("--intra-gbps", intraGbps),
    inter: bandwidth("--inter-gbps", interGbps),
    top: top === undefined ? DEFAULTS.top : count("--top", top, MOST_TOP),
    confidence: sure,
    engine: engine ?? null,
    fixed: {
      mesh,
      batch: options.batch ?? null,
      accumulate: options.accumulate ?? null,
      checkpointing: options.checkpointing ?? null,
      zero: options.zero ?? null,
    },
  };
}

/** Complains of axes, and of a product that is not the number of GPUs. */
function meshOf({ parallel, gpus }: Options): Mesh | null {
  if (parallel === undefined) return null;
  const chosen = chooseParallel({ parallel, ...(gpus !== undefined && { gpus }) });
  return chosen?.mesh ?? { dp: 1, fsdp: 1, tp: 1, pp: 1 };
}

function refuseOthers(options: Options): void {
  const known: readonly string[] = [...SHARED, ...CHOSEN];
  const { precision, ...rest } = options;
  if (precision !== undefined && precision !== "bf16" && precision !== "amp-bf16")
    throw notSearched(`--precision ${precision}`);
  const other = Object.keys(rest).find((name) => !known.includes(name));
  if (other) throw notSearched(`--${flagOf(other)}`);
}

function count(where: string, given: number | string, most: number): number {
  const number = /^\d+$/.test(String(given).trim()) ? Number(given) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < 1 || number > most)
    throw notACount(where, String(given), 1, most);
  return number;
}

function bandwidth(where: string, given: number | string | undefined): number | null {
  if (given === undefined) return null;
  const number = Number(given);
  if (String(given).trim() === "" || !Number.isFinite(number) || number <= 0 || number > 1e6)
    throw notABandwidth(where, String(given));
  return number * 1e9;
}
