/** What is said about float32 masters and DeepSpeed: the defaults that mattered, and what no recorded step tells of. */
import type { MasterWeights, TrainingSetup, Zero } from "./ir/setup.js";
import type { Assumption } from "./report/report.js";
import type { Options } from "./settings.js";

const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });

export function masterNotes(options: Options, setup: TrainingSetup): Assumption[] {
  const { masters, zero, parallel } = setup;
  return [
    ...(masters ? notesOf(options, masters, parallel?.mesh.tp ?? 1) : []),
    ...(zero ? zeroNotes(options, zero, setup) : []),
  ];
}

const TITLE: Readonly<Record<MasterWeights["by"], readonly [string, string]>> = {
  megatron: [
    "Megatron-LM's Float16OptimizerWithFloat16Params",
    "from its source, not recorded: gradients lie in one buffer from the start, nothing is overlapped, and matrix products do not add to it themselves",
  ],
  nanotron: [
    "nanotron's FP32GradientAccumulator",
    "from its source of 2025-01, not recorded: 16-bit gradients are whole until backward is done",
  ],
};

function notesOf(
  options: Options,
  { by, gradients, sharded }: MasterWeights,
  tensorRanks: number,
): Assumption[] {
  const [title, because] = TITLE[by];
  const list: (Assumption | false)[] = [
    said("master-weights", sharded ? `${title}, sharded over dp` : title, because),
    by === "nanotron" &&
      tensorRanks > 1 &&
      said(
        "collectives",
        "done at once",
        "memory that they use is free again as soon as it is let go of; a program that runs ahead of its GPU reserves up to some 60 tensors of all tokens more",
      ),
    options.gradients === undefined &&
      said("gradients", gradients, "what both libraries add up in unless they are told otherwise"),
  ];
  return list.filter((item) => !!item);
}

function zeroNotes(options: Options, zero: Zero, { precision, checkpointing }: TrainingSetup): Assumption[] {
  const given = options.deepspeed ?? "";
  const { stage, offloadOptimizer, offloadParameters } = zero;
  const list: (Assumption | false)[] = [
    said(
      "zero",
      `DeepSpeed 0.19.8, stage ${stage}`,
      "its engine over torch.optim's optimizer, contiguous_gradients; recorded with collectives that do nothing",
    ),
    options.gradients === undefined &&
      said("gradients", zero.gradients, "grad_accum_dtype is not set: the parameters' type"),
    stage > 0 &&
      !given.includes("reduce_bucket_size") &&
      said(
        "reduce_bucket_size",
        "5e8",
        "DeepSpeed's default: a buffer of so many elements, twice with overlap_comm",
      ),
    stage === 3 &&
      !given.includes("stage3_param_persistence_threshold") &&
      said("stage3_param_persistence_threshold", "1e5", "DeepSpeed's default: smaller parameters stay whole"),
    stage === 3 &&
      !given.includes("stage3_max_live_parameters") &&
      said(
        "stage3_max_live_parameters",
        "1e9",
        "DeepSpeed's default, and as much for stage3_max_reuse_distance: what is used again soon is not let go of",
      ),
    stage === 3 &&
      !given.includes("stage3_prefetch_bucket_size") &&
      said("stage3_prefetch_bucket_size", "5e7", "DeepSpeed's default: so many elements are gathered ahead"),
    stage === 3 &&
      checkpointing !== null &&
      said(
        "checkpointing",
        "without its own fetches",
        "modules whose blocks are computed again are fetched for their backward alone",
      ),
    precision === "fp16" && said("loss-scale", "static", "a dynamic loss scale takes a few bytes more"),
    (offloadOptimizer || offloadParameters) &&
      said(
        "offload",
        "host memory",
        "what lies in host memory is in no figure; copies to and from it are not overlapped",
      ),
  ];
  return list.filter((item) => !!item);
}
