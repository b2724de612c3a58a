/**
 * LBFGS: one flat gradient, and a history of steps and gradient changes as long as the parameters each.
 *
 * Assumes  No tolerance is met; the first gradient's absolute sum exceeds 1; every step's curvature is positive, so that
 *          every iteration after the first adds to the history; no line search (with `strong_wolfe` the number of
 *          evaluations depends on the loss).
 * Untrue   The closure's own events are not here: only where it runs (`closures`).
 */
import { promote } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Device } from "../../frameworks/pytorch/kernel.js";
import type { GivenParameter, OptimizerAction, StepActions } from "./plan.js";
import { type Flat, type History, type Limits, runStep } from "./lbfgs-step.js";
import { reductionScratch } from "./reduction-scratch.js";
import { counts, type OptimizerRule, type Settings, tunes } from "./rule.js";
import { NOTHING, startTape, withRoles } from "./tape.js";
import { sized } from "./values.js";

export const lbfgs = {
  title: "LBFGS",
  options: {
    lr: tunes(1),
    max_iter: counts(20, 1, 200),
    max_eval: counts(null, 1, 1000),
    tolerance_grad: tunes(1e-7),
    tolerance_change: tunes(1e-9),
    history_size: counts(100, 1, 200),
    maximize: tunes(false),
  },
  states: [],
  statesFrom: "first step",
  default: "for-loop",
  settles: (settings) => 1 + Math.ceil((limits(settings).history + 1) / limits(settings).iterations),
  implementations: { "for-loop": { kind: "unrolled", unroll } },
  source: "torch/optim/lbfgs.py, torch 2.14.1",
} as const satisfies OptimizerRule;

function limits(settings: Settings): Limits {
  const most = Number(settings["max_iter"]);
  const evaluations = settings["max_eval"] ?? Math.floor((most * 5) / 4);
  return {
    history: Number(settings["history_size"]),
    mostIterations: most,
    iterations: Math.min(most, Math.max(1, Number(evaluations) - 1)),
  };
}

function unroll(
  parameters: readonly GivenParameter[],
  settings: Settings,
  wanted: readonly number[],
  device: Device,
): readonly StepActions[] {
  const tape = startTape(device);
  const flat = flatten(parameters, device);
  const history: History = {
    direction: NOTHING,
    step: NOTHING,
    scale: NOTHING,
    previousGradient: NOTHING,
    directions: [],
    steps: [],
    ro: [],
    al: [],
  };
  const done: StepActions[] = [];
  const skipped: OptimizerAction[] = [];
  for (let step = 1; done.length < wanted.length; step++) {
    tape.actions = [];
    const closures = runStep(tape, flat, history, limits(settings), step === 1);
    if (step !== wanted[done.length]) {
      for (const action of tape.actions) skipped.push(action);
      continue;
    }
    const before = netOf(skipped);
    skipped.length = 0;
    done.push({
      actions: [...before, ...withRoles(tape.actions)],
      closures: closures.map((position) => position + before.length),
    });
  }
  return done;
}

function flatten(parameters: readonly GivenParameter[], device: Device): Flat {
  const dtype = parameters
    .map((p) => p.dtype)
    .reduce((a, b) => promote(a, b), parameters[0]?.dtype ?? "float32");
  const count = parameters.reduce((sum, { shape }) => sum + elements(shape), 0);
  const all = { outer: 1, reduced: count, inner: 1, dtype };
  return {
    vector: sized([count], dtype),
    number: sized([], dtype),
    flag: sized([], "bool"),
    zeros: parameters.flatMap(({ frozen, shape, dtype: own }, parameter) =>
      frozen ? [{ parameter, size: sized([elements(shape)], own) }] : [],
    ),
    lastIsFrozen: parameters[parameters.length - 1]?.frozen === true,
    maximum: reductionScratch({ ...all, accumulator: dtype }, device),
    sum: reductionScratch(all, device),
  };
}

/** What `actions` change for good: blocks of before that they free, then their own that stay. */
function netOf(actions: readonly OptimizerAction[]): OptimizerAction[] {
  const made = new Set<number>();
  const freed = new Set<number>();
  for (const action of actions) (action.kind === "free" ? freed : made).add(action.id);
  const frees = actions.filter((action) => action.kind === "free" && !made.has(action.id));
  const stays = actions.filter((action) => action.kind === "allocate" && !freed.has(action.id));
  return [...frees, ...withRoles(stays)];
}
