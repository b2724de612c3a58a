/** Options → what the engine runs for a model of TensorFlow's operations: graph mode, keras.optimizers, its own allocator. */
import type { Diagnostic } from "./base/complaint.js";
import { NO_SUCH_SETTINGS } from "./compiled-report.js";
import { bytes, GiB, MiB } from "./base/units.js";
import { notTensorflows } from "./complaints.js";
import { type KerasOptions, KERAS_OPTIMIZERS } from "./frameworks/tensorflow/optimizers.js";
import type { ImportedModel } from "./importers/model.js";
import type { AllocatorSettings, OptimizerChoice, Precision, TrainingSetup } from "./ir/setup.js";
import { DEFAULT_ALLOCATOR } from "./memory/default-allocator.js";
import type { Assumption, OptimizerReport, SetupReport } from "./report/report.js";
import { resolveMachine } from "./resolve-machine.js";
import { chooseKerasOptimizer } from "./training/choose-listed.js";
import { flagOf, type Options, type SettingName } from "./settings.js";
import type { ResolvedSetup } from "./resolved-setup.js";

const DEFAULT_OPTIMIZER = "adam";

/** What means the same to TensorFlow; everything else is PyTorch's. */
const UNDERSTOOD: readonly SettingName[] = [
  "mode",
  "batch",
  "shape",
  "image",
  "optimizer",
  "noOptimizer",
  "loss",
  "freeze",
  "step",
  "gpu",
  "framework",
  "precision",
  "sequence",
  "memoryGrowth",
];

/**
 * What TensorFlow leaves to the system by compute capability: 500, 1050, 1536, 1800 MiB.
 * tensorflow/core/common_runtime/gpu/gpu_device.cc MinSystemMemory
 */
function leftToSystem([major]: readonly [number, number]): number {
  if (major <= 6) return 500 * MiB;
  if (major === 7) return 1050 * MiB;
  return (major === 8 ? 1536 : 1800) * MiB;
}

const PRECISION: Readonly<Partial<Record<Precision, readonly [string, string]>>> = {
  fp32: ["float32", "Keras' default policy; TF32 changes no sizes"],
  "amp-fp16": [
    "mixed_float16",
    "variables, gradients and slots are float32; kernels are cast for each call and kept until backward; compile() scales the loss",
  ],
  "amp-bf16": ["mixed_bfloat16", "as mixed_float16, without a scaled loss"],
  bf16: ["bfloat16", "variables, gradients and slots are bfloat16"],
  fp16: ["float16", "variables, gradients and slots are float16"],
};

export function resolveTensorflow(options: Options, model: ImportedModel, batch: number): ResolvedSetup {
  for (const [name, value] of Object.entries(options) as [SettingName, unknown][])
    if (value !== undefined && !UNDERSTOOD.includes(name))
      throw notTensorflows(`--${flagOf(name)}`, String(value));
  const precision = options.precision ?? "fp32";
  const policy = PRECISION[precision];
  if (!policy) throw notTensorflows("--precision", precision);
  const loss = options.loss ?? "auto";
  if (loss !== "auto" && loss !== "cross-entropy" && loss !== "none") throw notTensorflows("--loss", loss);
  const { machine, context, assumptions: device } = resolveMachine(options.gpu, options.profile);
  const mode = options.mode ?? "train";
  const growth = options.memoryGrowth === true;
  const leaves = machine.capacity === null ? 0 : leftToSystem(machine.computeCapability);
  const allocator: AllocatorSettings = {
    ...DEFAULT_ALLOCATOR,
    backend: "bfc",
    growth,
    leaves: bytes(leaves),
  };
  const optimizer =
    mode === "inference" || options.noOptimizer || options.optimizer === false
      ? null
      : chooseKerasOptimizer(options.optimizer ?? DEFAULT_OPTIMIZER, "--optimizer");
  const setup: TrainingSetup = {
    mode,
    framework: "tensorflow",
    precision,
    batch,
    optimizer,
    accumulate: 1,
    loss,
    zeroGrad: "set-to-none",
    compile: false,
    attention: "eager",
    checkpointing: null,
    channelsLast: false,
    clipGradients: false,
    gradScaler: mode === "train" && precision === "amp-fp16",
    step: options.step ?? "steady",
    cudnn: "no-workspace",
    allocator,
    freeze: options.freeze ?? [],
  };
  const image = options.image as readonly [number, number] | undefined; // checkOptions turned texts into sizes
  return {
    setup,
    machine,
    context,
    bindings: {
      batch,
      mode,
      precision,
      loss,
      ...(image && { image }),
      ...(options.shape && { shapes: options.shape }),
      ...(options.sequence !== undefined && { sequence: options.sequence }),
    },
    report: reportOf(setup, options, machine.gpu),
    assumptions: [
      ...defaultsOf(options, model, { optimizer, policy, mode }),
      ...memoryNotes(growth),
      ...device,
    ],
  };
}

function reportOf(setup: TrainingSetup, options: Options, gpu: string | null): SetupReport {
  const { mode, precision, batch, optimizer, loss, freeze, step } = setup;
  return {
    ...NO_SUCH_SETTINGS,
    mode,
    framework: "tensorflow",
    precision,
    batch,
    image: (options.image as readonly [number, number] | undefined) ?? null,
    sequence: options.sequence ?? null,
    shape: options.shape ?? {},
    optimizer: optimizer && describe(optimizer),
    loss,
    freeze,
    step,
    memoryGrowth: setup.allocator.growth === true,
    gpu,
  };
}

function describe({ name, options }: OptimizerChoice): OptimizerReport {
  const given: KerasOptions = options;
  return {
    name,
    title: KERAS_OPTIMIZERS[name]?.title ?? name,
    implementation: "elementwise",
    options: given,
  };
}

interface Chosen {
  readonly optimizer: OptimizerChoice | null;
  readonly policy: readonly [string, string];
  readonly mode: TrainingSetup["mode"];
}

function defaultsOf(
  options: Options,
  model: ImportedModel,
  { optimizer, policy, mode }: Chosen,
): Assumption[] {
  const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });
  const training = mode === "train";
  const list: (Assumption | false)[] = [
    !options.framework &&
      said(
        "framework",
        "tensorflow",
        model.format === "keras"
          ? `${model.source} is a Keras model: TensorFlow runs its layers, not PyTorch`
          : `${model.source} is made of TensorFlow's operations, not PyTorch's`,
      ),
    said(
      "graph",
      "tf.function, no XLA",
      "the graph's own operations, in the order they were added; model.fit turns XLA on by itself on one GPU (jit_compile=auto), and eager mode keeps more",
    ),
    !options.mode && said("mode", "train", "the question is usually about training"),
    options.batch === undefined &&
      said("batch", String(model.batch), "no --batch: the batch of the file, one where it is open"),
    said("precision", ...policy),
    training &&
      !options.optimizer &&
      optimizer !== null &&
      said("optimizer", "Adam", "the usual choice with Keras; --no-optimizer leaves it out"),
    training &&
      !options.loss &&
      said(
        "loss",
        "SparseCategoricalCrossentropy",
        "over the first output, from logits unless a softmax ends the model; metrics are left out",
      ),
    said(
      "cudnn",
      "no workspace",
      "scratch of convolutions is not told for TensorFlow: up to 4 GiB for one, taken while it runs",
    ),
  ];
  return list.filter((item) => !!item);
}

/** What the step needs and what TensorFlow takes are two figures. */
function memoryNotes(growth: boolean): Assumption[] {
  if (growth)
    return [
      {
        setting: "memory",
        value: "growth",
        because: "regions double from 2 MiB; the pool is what nvidia-smi sees",
      },
    ];
  const because =
    "TensorFlow's default is one region, taken at the start; reserved is the part of it that was ever in use";
  return [{ setting: "memory", value: "no growth", because }];
}

/** What TensorFlow takes of a device, where that is not what the step needs. */
export function tensorflowNotes({ setup, machine }: ResolvedSetup, where: string): Diagnostic[] {
  const { allocator, framework } = setup;
  if (framework !== "tensorflow" || allocator.growth || machine.capacity === null) return [];
  const taken = machine.capacity - machine.context - (allocator.leaves ?? 0);
  const message = `TensorFlow will take ${(taken / GiB).toFixed(2)} GiB at the start, whatever the step needs; with --memory-growth (TF_FORCE_GPU_ALLOW_GROWTH=true) it takes memory as it needs it`;
  return [{ code: "tensorflow/whole-gpu", severity: "info", message, where }];
}
