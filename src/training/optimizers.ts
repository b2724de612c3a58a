/**
 * What the optimizers of torch.optim allocate: states, and every temporary of step(), in order.
 *
 * Each row is in the file of its name: options, states, and per implementation the statements that own memory. Rows are
 * proved event by event against recordings of real PyTorch (oracle/recorded/optimizers.json). A new optimizer is a file
 * and a line here.
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
import { muon } from "./optimizers/muon.js";
import { nadam } from "./optimizers/nadam.js";
import type { GivenParameter, OptimizerAction, OptimizerPlan, StepActions } from "./optimizers/plan.js";
import { type OptimizerSteps, planSteps } from "./optimizers/plan-steps.js";
import { radam } from "./optimizers/radam.js";
import type { Device } from "../frameworks/pytorch/kernel.js";
import { rmsprop } from "./optimizers/rmsprop.js";
import { rprop } from "./optimizers/rprop.js";
import type { OptimizerRule } from "./optimizers/rule.js";
import { findRule, settingsOf } from "./optimizers/settings.js";
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
  return { init, first: first.actions, steady: steady.actions };
}

/** Events of the constructor alone. */
export function planConstructor(
  choice: OptimizerChoice,
  parameters: readonly GivenParameter[],
  device: Device,
): readonly OptimizerAction[] {
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
