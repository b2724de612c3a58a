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
    loss: options.loss ?? "auto",
    zeroGrad: options.zeroGrad ?? "set-to-none",
    step: options.step ?? "steady",
    cudnn: options.cudnn ?? "default",
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
    loss: setup.loss,
    freeze: setup.freeze,
    zeroGrad: setup.zeroGrad,
    step: setup.step,
    cudnn: setup.cudnn,
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

function defaultsOf(options: Options, { mode, batch, optimizer, step }: SetupReport): Assumption[] {
  const training = mode === "train";
  const said = (setting: string, value: string, because: string): Assumption => ({ setting, value, because });
  const list: (Assumption | false)[] = [
    !options.mode && said("mode", "train", "the question is usually about training"),
    options.batch === undefined && said("batch", String(batch), "the batch the file was made with"),
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

/** What is known to be missing from the number. */
export function gapsOf(graph: Graph, { cudnn }: TrainingSetup): Diagnostic[] {
  const convolutions = graph.nodes.filter(({ op }) => op.startsWith("conv"));
  if (cudnn === "no-workspace" || convolutions.length === 0) return [];
  return [
    {
      code: "ops/cudnn-workspace",
      severity: "warning",
      message: `scratch memory of ${convolutions.length} cuDNN convolutions (--cudnn ${cudnn}) is not computed yet: the interval allows for it; --cudnn no-workspace is exact without it`,
      where: graph.name,
    },
  ];
}
