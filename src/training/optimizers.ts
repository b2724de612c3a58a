/**
 * What optimizers allocate, those of torch.optim and of other packages: states, and every temporary of step(), in order.
 *
 * Each row is in the file of its name: options, states, and per implementation the statements that own memory. Rows are
 * proved event by event against recordings of the real classes on real PyTorch (oracle/recorded/optimizers.json and
 * more-optimizers.json). A new optimizer is a file and a line here.
 *
 * Untrue   An `lr` or `betas` that is a tensor, `differentiable`, sparse and complex gradients, and GradScaler's
 *          `grad_scale` and `found_inf` are not told. A first use of cuBLAS takes its workspace elsewhere.
 */
import { NO_BYTES } from "../base/units.js";
import type { OptimizerChoice } from "../ir/setup.js";
import { adadelta } from "./optimizers/adadelta.js";
import { adafactor } from "./optimizers/adafactor.js";
import { adagrad } from "./optimizers/adagrad.js";
import { adam, adamw } from "./optimizers/adam.js";
import { adamax } from "./optimizers/adamax.js";
import { asgd } from "./optimizers/asgd.js";
import { lbfgs } from "./optimizers/lbfgs.js";
import { ademamix } from "./optimizers/ademamix.js";
import { adan } from "./optimizers/adan.js";
import { BITSANDBYTES } from "./optimizers/bitsandbytes.js";
import { galoreAdamW } from "./optimizers/galore.js";
import { hfAdafactor } from "./optimizers/hf-adafactor.js";
import { lamb } from "./optimizers/lamb.js";
import { lars } from "./optimizers/lars.js";
import { lion } from "./optimizers/lion.js";
import { scheduleFreeAdamW, scheduleFreeSgd } from "./optimizers/schedule-free.js";
import { shampoo } from "./optimizers/shampoo.js";
import { soap } from "./optimizers/soap.js";
import { TORCHAO } from "./optimizers/torchao.js";
import { sophia } from "./optimizers/sophia.js";
import { muon } from "./optimizers/muon.js";
import { nadam } from "./optimizers/nadam.js";
import type { GivenParameter, OptimizerAction, OptimizerPlan, StepActions } from "./optimizers/plan.js";
import { type OptimizerSteps, planSteps } from "./optimizers/plan-steps.js";
import { radam } from "./optimizers/radam.js";
import type { Device } from "../frameworks/pytorch/kernel.js";
import { rmsprop } from "./optimizers/rmsprop.js";
import { rprop } from "./optimizers/rprop.js";
import type { OptimizerRule } from "./optimizers/rule.js";
import { findRule, pathOf, settingsOf } from "./optimizers/settings.js";
import { sgd } from "./optimizers/sgd.js";

export type { GivenParameter, OptimizerAction, OptimizerPlan } from "./optimizers/plan.js";

export const OPTIMIZERS = {
  sgd,
  adam,
  adamw,
  adagrad,
  rmsprop,
  adadelta,
  adamax,
  nadam,
  radam,
  asgd,
  rprop,
  lbfgs,
  adafactor,
  muon,
  lion,
  lamb,
  lars,
  ademamix,
  adan,
  sophia,
  shampoo,
  soap,
  "hf-adafactor": hfAdafactor,
  "schedule-free-adamw": scheduleFreeAdamW,
  "schedule-free-sgd": scheduleFreeSgd,
  "galore-adamw": galoreAdamW,
  ...BITSANDBYTES,
  ...TORCHAO,
} as const satisfies Record<string, OptimizerRule>;

/** Events of the constructor, the first step() and the steady ones. A frozen parameter has no gradient. */
export function planOptimizer(
  choice: OptimizerChoice,
  parameters: readonly GivenParameter[],
  device?: Device,
): OptimizerPlan {
  const { init, steps } = planOptimizerSteps(choice, parameters, {
    steps: [1, "settled"],
    ...(device && { device }),
  });
  const [first, steady] = steps as [StepActions, StepActions];
  return { init, first: first.actions, steady: steady.actions, carried: carriedOf(init, first, steady) };
}

/** What the steady step makes for good, beside what it frees of before: of one name and parameter, in order. */
function carriedOf(
  init: readonly OptimizerAction[],
  first: StepActions,
  steady: StepActions,
): OptimizerPlan["carried"] {
  const made = steady.actions.find(({ kind }) => kind === "allocate");
  const isOlder = ({ kind, id }: OptimizerAction): boolean => kind === "free" && (!made || id < made.id);
  if (!steady.actions.some(isOlder)) return []; // as with most: nothing is made anew
  const nameOf = new Map<number, string>();
  const alive = new Map<number, string>();
  const freed = new Map<string, number[]>();
  for (const actions of [init, first.actions, steady.actions]) {
    for (const action of actions) {
      if (action.kind === "free") {
        if (actions === steady.actions && !alive.delete(action.id)) {
          const name = nameOf.get(action.id) as string;
          freed.set(name, [...(freed.get(name) ?? []), action.id]);
        }
        continue;
      }
      const name = `${action.name} ${action.parameter}`;
      nameOf.set(action.id, name);
      if (actions === steady.actions) alive.set(action.id, name);
    }
  }
  return [...alive].flatMap(([left, name]) => {
    const before = freed.get(name)?.shift();
    return before === undefined ? [] : [{ made: left, before }];
  });
}

/** Events of the constructor alone. */
export function planConstructor(
  choice: OptimizerChoice,
  parameters: readonly GivenParameter[],
  device: Device,
): readonly OptimizerAction[] {
  const { rule } = findRule(OPTIMIZERS, choice.name, `optimizer ${JSON.stringify(choice.name)}`);
  if (rule.statesFrom !== "constructor") return [];
  return planOptimizerSteps(choice, parameters, { steps: [], device }).init;
}

export interface PlanOptimizerStepsOptions {
  /** Calls of step() to tell, counted from 1, ascending; "settled" is the one from which on all are alike. */
  readonly steps: readonly (number | "settled")[];
  /** By default an A100. Only workspaces of reductions (Adafactor, Muon, LBFGS) depend on it. */
  readonly device?: Device;
}

const A100: Device = {
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
  cudnn: "no-workspace",
};

/** As `planOptimizer`, for chosen steps, frozen parameters among the given ones, and a device. */
export function planOptimizerSteps(
  choice: OptimizerChoice,
  parameters: readonly GivenParameter[],
  { steps, device = A100 }: PlanOptimizerStepsOptions,
): OptimizerSteps {
  const where = `optimizer ${JSON.stringify(choice.name)}`;
  const { rule } = findRule(OPTIMIZERS, choice.name, where);
  const settings = settingsOf(rule, choice.options, where);
  return planSteps({ rule, settings, device, where }, parameters, steps);
}

/** Fused kernels take the scale and the flag of a GradScaler: `_step_supports_amp_scaling`. */
export function unscalesItself(choice: OptimizerChoice): boolean {
  const where = `optimizer ${JSON.stringify(choice.name)}`;
  const { rule } = findRule(OPTIMIZERS, choice.name, where);
  return pathOf(rule, settingsOf(rule, choice.options, where)) === "fused";
}
