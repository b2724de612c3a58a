/** Options → what the engine runs: training setup, machine and the sizes to bind, with every default that mattered. */
import type { Diagnostic } from "./base/complaint.js";
import { batchesDiffer } from "./complaints.js";
import type { ContextMemory } from "./hardware/contexts.js";
import type { Bindings, ImportedModel } from "./importers/model.js";
import type { Graph } from "./ir/graph.js";
import type { Machine, OptimizerChoice, TrainingSetup } from "./ir/setup.js";
import type { Assumption, OptimizerReport, SetupReport } from "./report/report.js";
import { resolveMachine } from "./resolve-machine.js";
import type { Options } from "./settings.js";
import { chooseOptimizer } from "./training/choose-optimizer.js";
import { OPTIMIZERS } from "./training/optimizers.js";
import { findRule, pathOf, settingsOf } from "./training/optimizers/settings.js";

export interface ResolvedSetup {
  readonly setup: TrainingSetup;
  readonly machine: Machine;
  readonly context: ContextMemory;
  readonly bindings: Bindings;
  readonly report: SetupReport;
  readonly assumptions: readonly Assumption[];
}

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
  const { machine, context, assumptions: device } = resolveMachine(options.gpu);
  const mode = options.mode ?? "train";
  const optimizer = mode === "inference" ? null : resolveOptimizer(options);
  const batch = resolveBatch(options, model);
  const setup: TrainingSetup = {
    mode,
    precision: options.precision ?? "fp32",
    batch,
    optimizer,
    accumulate: mode === "inference" ? 1 : (options.accumulate ?? 1),
    loss: options.loss ?? "auto",
    zeroGrad: options.zeroGrad ?? "set-to-none",
    step: options.step ?? "steady",
    cudnn: options.cudnn ?? "default",
    expandableSegments: options.allocatorConf === "expandable_segments:True",
    freeze: options.freeze ?? [],
  };
  const report: SetupReport = {
    mode,
    framework: "pytorch",
    precision: setup.precision,
    batch,
    image: (options.image as readonly [number, number] | undefined) ?? null,
    shape: options.shape ?? {},
    optimizer: optimizer && describeOptimizer(optimizer),
    accumulate: setup.accumulate,
    loss: setup.loss,
    freeze: setup.freeze,
    zeroGrad: setup.zeroGrad,
    step: setup.step,
    cudnn: setup.cudnn,
    expandableSegments: setup.expandableSegments,
    gpu: machine.gpu,
  };
  const image = options.image as readonly [number, number] | undefined; // checkOptions turned texts into sizes
  const bindings = { batch, ...(image && { image }), ...(options.shape && { shapes: options.shape }) };
  return {
    setup,
    machine,
    context,
    bindings,
    report,
    assumptions: [...defaultsOf(options, report), ...device],
  };
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

function defaultsOf(
  options: Options,
  { mode, batch, optimizer, accumulate, step }: SetupReport,
): Assumption[] {
  const training = mode === "train";
  const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });
  const list: (Assumption | false)[] = [
    !options.mode && said("mode", "train", "the question is usually about training"),
    options.batch === undefined &&
      said("batch", String(batch), "no --batch: the batch the file was made with, one for a layer spec"),
    said("precision", "fp32 with TF32 convolutions", "PyTorch's defaults; TF32 changes speed, not bytes"),
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
      !options.loss &&
      said(
        "loss",
        "auto",
        "a scalar output is the loss; logits get cross-entropy against targets that stay on the device",
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
  return list.filter((item) => item !== false);
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
