/** Options → what the engine runs: training setup, machine and the sizes to bind, with every default that mattered. */
import type { Diagnostic } from "./base/complaint.js";
import {
  batchesDiffer,
  contradiction,
  frameworkDiffers,
  settingNotTaken,
  wrongCheckpointing,
} from "./complaints.js";
import type { Bindings, ImportedModel, ModelSetting } from "./importers/model.js";
import type { Graph } from "./ir/graph.js";
import {
  autocastType,
  type Checkpointing,
  type OptimizerChoice,
  type Parallel,
  type Precision,
  type Quantization,
  storedType,
  type TrainingSetup,
} from "./ir/setup.js";
import type { Assumption, OptimizerReport, SetupReport } from "./report/report.js";
import { type AllocatorConf, readAllocatorConf } from "./memory/allocator-conf.js";
import type { ResolvedSetup } from "./resolved-setup.js";
import { resolveMachine } from "./resolve-machine.js";
import { resolveJax } from "./resolve-jax.js";
import { resolveTensorflow } from "./resolve-tensorflow.js";
import { flagOf, type Options } from "./settings.js";
import { LINEAR_LOSSES, type LinearLossName } from "./models/losses.js";
import { chooseAdapters } from "./training/choose-adapters.js";
import { ALONE, chooseParallel } from "./training/parallel/choose-parallel.js";
import { checkOffload, chooseMasters, chooseZero } from "./training/parallel/choose-zero.js";
import { masterNotes } from "./master-notes.js";
import { chooseQuantization } from "./training/choose-quantization.js";
import { nothingTrains } from "./training/quantization-complaints.js";
import { chooseOptimizer } from "./training/choose-optimizer.js";
import { OPTIMIZERS } from "./training/optimizers.js";
import { findRule, pathOf, settingsOf } from "./training/optimizers/settings.js";

export type { ResolvedSetup } from "./resolved-setup.js";

const DEFAULT_OPTIMIZER = "adamw";
/** Compute capability from which on cuDNN 9 has plans. */
const TURING = 7.5;

const PLAN_CHOICE = {
  default:
    "scratch of convolutions is that of the plan cuDNN 9.24 puts first, told apart by size, type and GPU; no-workspace leaves it out",
  benchmark:
    "the plan cuDNN puts first is taken for the fastest; the first step times plans in as much scratch as the largest one wants",
  deterministic: "scratch of convolutions is that of the first plan that always adds up in the same order",
  "no-workspace": "scratch of convolutions is left out",
} as const;

/** Options must have gone through `checkOptions`. */
export function resolveSetup(options: Options, model: ImportedModel): ResolvedSetup {
  const own = model.framework ?? "pytorch";
  if (options.framework !== undefined && options.framework !== own)
    throw frameworkDiffers(options.framework, own, model.source);
  if (own === "tensorflow") return resolveTensorflow(options, model, resolveBatch(options, model));
  if (own === "jax") return resolveJax(options, model, resolveBatch(options, model));
  if (options.memoryGrowth)
    throw contradiction("--memory-growth", "TensorFlow's or JAX's allocator", "a PyTorch model");
  if (options.memoryFraction !== undefined || options.noDonate)
    throw contradiction(
      options.noDonate ? "--no-donate" : "--memory-fraction",
      "a program of JAX",
      "a PyTorch model",
    );
  const { machine, context, assumptions: device } = resolveMachine(options.gpu, options.profile);
  const mode = options.mode ?? "train";
  const optimizer = mode === "inference" ? null : resolveOptimizer(options);
  const batch = resolveBatch(options, model);
  const parallel = chooseParallel(options);
  const allocator = readAllocatorConf(options.allocatorConf ?? "", "--allocator-conf");
  const precision = options.precision ?? "fp32";
  const quantization = resolveQuantization(options, mode, precision);
  const mesh = parallel?.mesh ?? ALONE;
  checkOffload(options);
  const masters = chooseMasters(options, mesh);
  const zero = chooseZero(options, mesh);
  const setup: TrainingSetup = {
    mode,
    precision: quantization?.prepare && !autocastType(precision) ? "fp32" : precision, // what is not packed is float32
    quantization,
    batch,
    optimizer,
    optimizerInBackward: optimizer !== null && options.optimizerInBackward === true,
    ema: mode === "train" && options.ema === true,
    accumulate: mode === "inference" ? 1 : (options.accumulate ?? parallel?.mesh.pp ?? 1),
    loss: options.loss ?? "auto",
    zeroGrad: options.zeroGrad ?? "set-to-none",
    freshInputs: options.freshInputs === true,
    validate: mode === "train" && options.validate === true,
    offloadActivations: mode === "train" && options.offload === "activations",
    compile: mode === "train" && options.compile === true,
    attention: options.attention ?? "sdpa",
    checkpointing: mode === "train" ? resolveCheckpointing(options.checkpointing) : null,
    channelsLast: options.channelsLast === true,
    clipGradients: mode === "train" && options.clipGrad === true,
    gradScaler: mode === "train" && options.precision === "amp-fp16",
    step: options.step ?? "steady",
    cudnn: options.cudnn ?? "default",
    allocator: allocator.settings,
    freeze: options.freeze ?? [],
    parallel,
    masters,
    zero,
    adapters: mode === "train" && options.lora !== undefined ? chooseAdapters(options.lora) : null,
  };
  const report: SetupReport = {
    mode,
    framework: "pytorch",
    precision,
    batch,
    image: (options.image as readonly [number, number] | undefined) ?? null,
    sequence: options.sequence ?? model.sequence ?? null,
    task: options.task ?? null,
    shape: options.shape ?? {},
    optimizer: optimizer && describeOptimizer(optimizer),
    optimizerInBackward: setup.optimizerInBackward === true,
    ema: setup.ema === true,
    accumulate: setup.accumulate,
    loss: setup.loss,
    freeze: setup.freeze,
    lora: options.lora ?? null,
    parallel: setup.parallel ? (options.parallel ?? `dp=${options.gpus}`) : null,
    fsdp: options.fsdp ?? null,
    quantize: options.quantize ?? null,
    zeroGrad: setup.zeroGrad,
    freshInputs: options.freshInputs === true,
    clipGrad: setup.clipGradients,
    validate: setup.validate === true,
    offload: options.offload ?? null,
    stageBlocks: options.stageBlocks ?? null,
    masterWeights: options.masterWeights ?? null,
    gradients: options.gradients ?? null,
    zero: options.zero ?? null,
    deepspeed: options.deepspeed ?? null,
    channelsLast: setup.channelsLast,
    attention: setup.attention,
    compile: setup.compile,
    checkpointing: options.checkpointing ?? "none",
    step: setup.step,
    cudnn: setup.cudnn,
    expandableSegments: allocator.settings.expandableSegments,
    allocatorConf: options.allocatorConf ?? "",
    gpu: machine.gpu,
  };
  const image = options.image as readonly [number, number] | undefined; // checkOptions turned texts into sizes
  const bindings: Bindings = {
    batch,
    ...(image && { image }),
    ...(options.shape && { shapes: options.shape }),
    ...modelSettings(options, model),
    ...tensorRanks(setup, model),
    ...(model.takes && { mode, attention: setup.attention, checkpointing: setup.checkpointing !== null }),
  };
  return {
    setup,
    machine,
    context,
    bindings,
    report,
    assumptions: [
      ...defaultsOf(options, report),
      ...optimizerNotes(optimizer),
      ...parallelNotes(options, parallel),
      ...masterNotes(options, setup),
      ...quantizationNotes(quantization),
      ...allocatorNotes(allocator),
      ...device,
    ],
  };
}

const MODEL_SETTINGS = ["sequence", "task", "classes", "imageChannels", "loss"] as const;

/** What only some models take; asked of another, it would be ignored silently. */
function modelSettings(options: Options, model: ImportedModel): Bindings {
  const given: { -readonly [name in ModelSetting]?: string | number } = {};
  for (const name of MODEL_SETTINGS) {
    const value = options[name];
    if (value === undefined) continue;
    if (name === "loss" && !Object.hasOwn(LINEAR_LOSSES, value)) continue;
    if (!model.takes?.includes(name)) throw settingNotTaken(flagOf(name), model.source);
    given[name] = value;
  }
  return given as Bindings; // as: checkOptions saw to the types
}

/** Only models that are drawn can be drawn as one of several ranks. */
function tensorRanks({ parallel }: TrainingSetup, model: ImportedModel): Bindings {
  const ranks = parallel?.mesh.tp ?? 1;
  if (ranks === 1) return {};
  if (!model.takesTensorRanks) throw settingNotTaken("parallel tp", model.source);
  return { tensorRanks: ranks };
}

/** `full`, `selective`, `selective=K` or `every=K`; a list of blocks is one region each, or K together. */
function resolveCheckpointing(option: string | undefined): Checkpointing | null {
  if (option === undefined || option === "none") return null;
  if (option === "full" || option === "selective") return { every: 1, selective: option === "selective" };
  const skippedProducts = Number(/^selective=(\d+)$/.exec(option)?.[1]);
  if (skippedProducts >= 2) return { every: 1, selective: true, skippedProducts };
  const every = Number(/^every=(\d+)$/.exec(option)?.[1]);
  if (every >= 1) return { every, selective: false };
  throw wrongCheckpointing(option);
}

function resolveQuantization(
  { quantize, lora }: Options,
  mode: TrainingSetup["mode"],
  precision: Precision,
): Quantization | null {
  if (quantize === undefined) return null;
  const chosen = chooseQuantization(quantize, precision);
  if (mode === "inference") return { ...chosen, prepare: false };
  if (lora === undefined) throw nothingTrains("--quantize");
  return chosen;
}

function resolveOptimizer(options: Options): OptimizerChoice | null {
  if (options.noOptimizer || options.optimizer === false) return null;
  return chooseOptimizer(options.optimizer ?? DEFAULT_OPTIMIZER, "--optimizer");
}

function describeOptimizer({ name, options }: OptimizerChoice): OptimizerReport {
  const { id, rule } = findRule(OPTIMIZERS, name, "--optimizer");
  const implementation = pathOf(rule, settingsOf(rule, options, "--optimizer"));
  return { name: id, title: rule.title, implementation, options };
}

/** The asked batch, or the leading dim of the first shape that is given, or the file's own. */
function resolveBatch(options: Options, model: ImportedModel): number {
  const [first] = Object.entries(options.shape ?? {});
  const leading = first?.[1][0];
  if (options.batch === undefined) return leading ?? model.batch;
  if (first && leading !== undefined && leading !== options.batch)
    throw batchesDiffer(options.batch, leading, first[0]);
  return options.batch;
}

const FLOAT8_BECAUSE =
  "torchao's eager layers: operands are cast for every product, and everything saved stays bfloat16; linear modules whose widths are multiples of 16";

/** What stands behind a precision: its value in full, and why. */
const PRECISION: Readonly<Record<Precision, readonly [string, string]>> = {
  fp32: ["fp32 with TF32 convolutions", "PyTorch's defaults; TF32 changes speed, not bytes"],
  "amp-fp16": [
    "autocast to float16, GradScaler",
    "float32 parameters, gradients and states; forward and loss run under torch.autocast, casts of parameters are kept until it exits",
  ],
  "amp-bf16": [
    "autocast to bfloat16",
    "float32 parameters, gradients and states; forward and loss run under torch.autocast, casts of parameters are kept until it exits",
  ],
  bf16: [
    "bf16 throughout",
    "parameters, inputs, gradients and optimizer states are bfloat16; no float32 copies",
  ],
  fp16: [
    "fp16 throughout",
    "parameters, inputs, gradients and optimizer states are float16; no float32 copies",
  ],
  fp8: ["float8 linear layers in a bf16 model, one scale per tensor", FLOAT8_BECAUSE],
  "fp8-rowwise": ["float8 linear layers in a bf16 model, one scale per row", FLOAT8_BECAUSE],
};

const withMasters = (precision: Precision): readonly [string, string] => [
  `${precision} with float32 masters`,
  "parameters, inputs and activations have 16 bits; the optimizer steps float32 copies, and its states are float32",
];

function defaultsOf(
  options: Options,
  {
    mode,
    precision,
    batch,
    optimizer,
    accumulate,
    step,
    ema,
    validate,
    offload,
    loss,
    sequence,
  }: SetupReport,
): Assumption[] {
  const training = mode === "train";
  const masters = options.zero !== undefined || options.masterWeights !== undefined;
  const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });
  const list: (Assumption | false)[] = [
    !options.mode && said("mode", "train", "the question is usually about training"),
    options.batch === undefined &&
      said("batch", String(batch), "no --batch: the batch the file was made with, one for a layer spec"),
    said(
      "precision",
      ...(masters && storedType(precision) !== "float32" ? withMasters(precision) : PRECISION[precision]),
    ),
    training &&
      !options.optimizer &&
      !!optimizer &&
      said("optimizer", optimizer.title, "the usual choice; --no-optimizer leaves it out"),
    optimizer?.implementation === "foreach" &&
      said(
        "foreach",
        "true",
        "what PyTorch picks on CUDA; it holds lists of temporaries as large as the parameters",
      ),
    training &&
      options.compile === true &&
      said(
        "compile",
        "Inductor's defaults",
        "what is kept follows the partitioner; which buffers kernels reuse is not told, so reserved memory is less sure",
      ),
    training &&
      !options.loss &&
      said(
        "loss",
        "auto",
        "a scalar output is the loss; logits get cross-entropy against targets that stay on the device",
      ),
    training &&
      loss in LINEAR_LOSSES &&
      said(
        "loss",
        LINEAR_LOSSES[loss as LinearLossName].title,
        "logits are never whole, and are not returned",
      ),
    training &&
      sequence !== null &&
      said(
        "sequence",
        String(sequence),
        "every sample has this many tokens: padding takes what tokens take, and packed samples fill it up",
      ),
    ema &&
      said(
        "ema",
        "parameters and buffers",
        "AveragedModel copies the whole model before the first step; the copy counts with the buffers, and its update takes nothing",
      ),
    validate &&
      said(
        "validation",
        "one micro-batch in a function of its own",
        "it loads a batch beside the training one, runs the model and its loss in eval mode under no_grad, and lets go of all when it returns",
      ),
    offload === "activations" &&
      said(
        "offload",
        "save_on_cpu",
        "every saved tensor, parameters included, is copied to the host in forward and into a block of its own when its gradient runs; saved tensors are counted as PyTorch saves them, wherever they lie",
      ),
    accumulate > 1 &&
      said(
        "accumulation",
        "loss / N",
        "every micro-batch's loss is divided by their number, and it and the outputs die before the next forward",
      ),
    training &&
      !options.zeroGrad &&
      said(
        "zero-grad",
        "set-to-none",
        "PyTorch's default, called at the end of the step: gradients are freed before the next forward",
      ),
    training &&
      !options.step &&
      step === "steady" &&
      said("step", "steady", "the second and every later step, with optimizer states in place"),
  ];
  return list.filter((item) => !!item);
}

function parallelNotes(options: Options, parallel: Parallel | null): Assumption[] {
  if (!parallel) return [];
  const { mesh, sharding, schedule } = parallel;
  const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });
  const list: (Assumption | false | null | undefined)[] = [
    said(
      "rank",
      mesh.pp > 1 ? "the stage that takes most" : "the first of each axis",
      "figures are of one GPU; where a dim does not divide, the first rank has most",
    ),
    sharding !== null &&
      options.fsdp === undefined &&
      said(
        "fsdp",
        "fully_shard of every block",
        "its defaults: blocks reshard after forward, no mixed precision",
      ),
    sharding?.flat &&
      said(
        "fsdp",
        `FullyShardedDataParallel, ${sharding.flat}`,
        "use_orig_params=True and ModuleWrapPolicy over blocks; the whole model is on the device before it is wrapped, and buffers keep their type",
      ),
    mesh.pp > 1 &&
      said(
        "pipeline",
        schedule,
        options.stageBlocks === undefined
          ? "blocks are divided evenly; activations are received and sent anew"
          : "activations are received and sent anew",
      ),
    mesh.pp > 1 &&
      options.accumulate === undefined &&
      said("accumulation", String(mesh.pp), "as many micro-batches as stages: the fewest that keep all busy"),
  ];
  return list.filter((item) => !!item);
}

function optimizerNotes(optimizer: OptimizerChoice | null): Assumption[] {
  if (!optimizer) return [];
  const { rule } = findRule(OPTIMIZERS, optimizer.name, "--optimizer");
  return rule.note ? [{ setting: "optimizer", value: rule.title, because: rule.note }] : [];
}

function quantizationNotes(quantization: Quantization | null): Assumption[] {
  if (!quantization) return [];
  const { kind, double, compute, prepare } = quantization;
  const scales = double
    ? "scales of blocks of 64 in 8 bits, with scales of 256 of them"
    : "a float32 scale per 64";
  const notes: Assumption[] = [
    {
      setting: "quantize",
      value: `${kind}, ${scales}`,
      because: `linear layers but the head; each weight is made whole in ${compute} for the time of its product, forward and backward, which for few tokens bitsandbytes may spare`,
    },
  ];
  if (prepare)
    notes.push({
      setting: "prepare",
      value: "float32",
      because:
        "peft's prepare_model_for_kbit_training: embeddings, norms and the head are float32 and frozen; its checkpointing is --checkpointing full",
    });
  return notes;
}

function allocatorNotes({ settings, notes }: AllocatorConf): Assumption[] {
  const said = notes.map(
    ({ entry, because }): Assumption => ({ setting: "allocator", value: entry, because }),
  );
  if (settings.roundupPower2Divisions !== null)
    said.push({
      setting: "allocator",
      value: "roundup_power2_divisions",
      because: "what it adds to a block counts as temporaries; the formula leaves it out",
    });
  return said;
}

/** What is said about convolutions: how their scratch is found, and where the rule does not reach. */
export function convolutionNotes(
  graph: Graph,
  { setup, machine }: ResolvedSetup,
): { readonly assumptions: readonly Assumption[]; readonly diagnostics: readonly Diagnostic[] } {
  const { cudnn } = setup;
  if (cudnn === "no-workspace" || !graph.nodes.some(({ op }) => op === "convolution")) {
    return { assumptions: [], diagnostics: [] };
  }
  const told = (message: string): Diagnostic => ({
    code: "ops/cudnn-workspace",
    severity: "warning",
    message,
    where: graph.name,
  });
  const [major, minor] = machine.computeCapability;
  const old = major + minor / 10 < TURING;
  const diagnostics = old
    ? [told("cuDNN 9 has no plans for GPUs before Turing; those of an older one may differ")]
    : [];
  return { assumptions: [{ setting: "cudnn", value: cudnn, because: PLAN_CHOICE[cudnn] }], diagnostics };
}
