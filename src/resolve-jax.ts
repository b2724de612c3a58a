/** Options → what the engine runs for a program of JAX: its gradient, optax, XLA's buffers, and what the process takes. */
import type { Diagnostic } from "./base/complaint.js";
import { bytes, GiB } from "./base/units.js";
import { NO_SUCH_SETTINGS } from "./compiled-report.js";
import { contradiction, notJaxs } from "./complaints.js";
import { OPTAX } from "./frameworks/jax/optax.js";
import type { ImportedModel } from "./importers/model.js";
import type { Graph } from "./ir/graph.js";
import type { AllocatorSettings, OptimizerChoice, TrainingSetup } from "./ir/setup.js";
import { DEFAULT_ALLOCATOR } from "./memory/default-allocator.js";
import type { Assumption, OptimizerReport, SetupReport } from "./report/report.js";
import type { ResolvedSetup } from "./resolved-setup.js";
import { resolveMachine } from "./resolve-machine.js";
import { flagOf, type Options, type SettingName } from "./settings.js";
import { chooseOptax } from "./training/choose-listed.js";

const DEFAULT_OPTIMIZER = "adam";
/** xla/pjrt/plugin/xla_gpu/xla_gpu_allocator_config.h memory_fraction, XLA_PYTHON_CLIENT_MEM_FRACTION. */
const DEFAULT_FRACTION = 0.75;

/** What a printed program leaves open. */
const UNDERSTOOD: readonly SettingName[] = [
  "mode",
  "batch",
  "optimizer",
  "noOptimizer",
  "freeze",
  "step",
  "gpu",
  "profile",
  "framework",
  "memoryGrowth",
  "memoryFraction",
  "noDonate",
];

const HINTS: Readonly<Partial<Record<SettingName, string>>> = {
  precision: "trace the program in the types it is to have: they are in its text",
  checkpointing: "trace the function with jax.checkpoint: its stretches and its policy are in the text",
  shape: "trace the program with arrays of these shapes",
  image: "trace the program with images of this size",
  sequence: "trace the program with sequences of this length",
  loss: "the loss is part of the program",
};

export function resolveJax(options: Options, model: ImportedModel, batch: number): ResolvedSetup {
  for (const [name, value] of Object.entries(options) as [SettingName, unknown][])
    if (value !== undefined && !UNDERSTOOD.includes(name))
      throw notJaxs(
        `--${flagOf(name)}`,
        String(value),
        HINTS[name] ?? "leave it out: it is PyTorch's, or not computed with --framework jax yet",
      );
  const { machine, context, assumptions: device } = resolveMachine(options.gpu, options.profile);
  const mode = options.mode ?? "train";
  const whole = model.program !== "function";
  if (whole && options.optimizer !== undefined && options.optimizer !== false)
    throw contradiction(
      "--optimizer",
      "a program without one inside",
      "the text of a whole step, which has its own",
    );
  const fraction = fractionOf(options.memoryFraction);
  const growth = options.memoryGrowth === true;
  const free = machine.capacity === null ? 0 : Math.max(0, machine.capacity - machine.context);
  const allocator: AllocatorSettings = {
    ...DEFAULT_ALLOCATOR,
    backend: "bfc",
    growth,
    leaves: bytes(Math.floor(free * (1 - fraction))),
  };
  const optimizer =
    mode === "inference" || whole || options.noOptimizer || options.optimizer === false
      ? null
      : chooseOptax(options.optimizer ?? DEFAULT_OPTIMIZER, "--optimizer");
  const setup: TrainingSetup = {
    mode,
    framework: "jax",
    donates: options.noDonate !== true,
    precision: "fp32",
    batch,
    optimizer,
    accumulate: 1,
    loss: "auto",
    zeroGrad: "set-to-none",
    compile: false,
    attention: "eager",
    checkpointing: null,
    channelsLast: false,
    clipGradients: false,
    gradScaler: false,
    step: options.step ?? "steady",
    cudnn: "no-workspace",
    allocator,
    freeze: options.freeze ?? [],
  };
  return {
    setup,
    machine,
    context,
    bindings: { batch, mode },
    report: reportOf(setup, machine.gpu),
    assumptions: [...defaultsOf(options, model, setup), ...device],
  };
}

function fractionOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_FRACTION;
  const fraction = Number(text);
  if (fraction > 0 && fraction <= 1) return fraction;
  throw notJaxs("--memory-fraction", text.slice(0, 60), "write a fraction of the device, such as 0.9");
}

function reportOf(setup: TrainingSetup, gpu: string | null): SetupReport {
  const { mode, precision, batch, optimizer, freeze, step } = setup;
  return {
    ...NO_SUCH_SETTINGS,
    mode,
    framework: "jax",
    precision,
    batch,
    image: null,
    sequence: null,
    shape: {},
    optimizer: optimizer && describe(optimizer),
    loss: "auto",
    freeze,
    step,
    memoryGrowth: setup.allocator.growth === true,
    donates: setup.donates === true,
    gpu,
  };
}

function describe({ name, options }: OptimizerChoice): OptimizerReport {
  return { name, title: `optax.${OPTAX[name]?.title ?? name}`, implementation: "elementwise", options };
}

function defaultsOf(
  options: Options,
  model: ImportedModel,
  { mode, optimizer, donates }: TrainingSetup,
): Assumption[] {
  const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });
  const list: (Assumption | false)[] = [
    !options.framework && said("framework", "jax", `${model.source} is a program that JAX printed`),
    said(
      "compiler",
      "XLA, as for the CPU backend",
      "kernels, their order and their buffers are those XLA chooses for a CPU, which can be recorded without a GPU: on a GPU it fuses more, and 16-bit arithmetic is not widened",
    ),
    model.program === "function" &&
      said(
        "parameters",
        model.parameters ?? "the first arguments",
        "a printed program names no arguments: those at the end that share the first dim are taken for the batch",
      ),
    mode === "train" &&
      !options.optimizer &&
      optimizer !== null &&
      said("optimizer", "optax.adam", "the usual choice; --no-optimizer leaves it out"),
    mode === "train" &&
      donates === true &&
      model.program === "function" &&
      said(
        "donation",
        "parameters and states",
        "jax.jit(step, donate_argnums=(0, 1)), as training loops write it; --no-donate keeps the old ones until the step returns",
      ),
  ];
  return list.filter((item) => !!item);
}

/** What JAX takes of a device, where that is not what the step needs. */
export function jaxNotes({ setup, machine }: ResolvedSetup, { name }: Graph): Diagnostic[] {
  const { allocator, framework } = setup;
  if (framework !== "jax" || allocator.growth || machine.capacity === null) return [];
  const taken = machine.capacity - machine.context - (allocator.leaves ?? 0);
  const message = `JAX will take ${(taken / GiB).toFixed(2)} GiB at the start, whatever the step needs (XLA_PYTHON_CLIENT_MEM_FRACTION); with --memory-growth (XLA_PYTHON_CLIENT_PREALLOCATE=false) it takes memory as it needs it`;
  return [{ code: "jax/preallocation", severity: "info", message, where: name }];
}
