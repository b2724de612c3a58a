/** The largest size that fits one device: guessed on lines or by galloping, settled by planning the step anew. */
import { bindModel } from "./bind-model.js";
import type { Axis } from "./fit-axis.js";
import type { ImportedModel } from "./importers/model.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import type { FitLimit } from "./report/fit.js";
import { spreadOf } from "./report/interval.js";
import { type PlannedStep, stepAt } from "./report/formula.js";
import type { ResolvedSetup } from "./resolve-setup.js";
import { planIfPossible } from "./run-pipeline.js";
import { largestByLines, lastThat } from "./search.js";
import { type LinearStep, linearize } from "./closed-form.js";
import type { Margin } from "./fit-options.js";
import type { Machine } from "./ir/setup.js";
import type { Step } from "./ir/step.js";

/** One model at one setup on one device, with the steps planned so far. */
export interface Steps {
  readonly resolved: ResolvedSetup;
  readonly axis: Axis;
  /** Null where the model cannot take the size. */
  planAt(size: number): PlannedStep | null;
  /** Bytes of a device that are to stay free at this size. */
  keptAt(size: number, machine: Machine): Kept;
}

export interface StepsOptions {
  readonly axis: Axis;
  readonly margin: Margin | null;
  readonly confidence: number | null;
}

export function stepsOf(model: ImportedModel, resolved: ResolvedSetup, options: StepsOptions): Steps {
  const { axis, margin, confidence } = options;
  const planned = new Map<number, PlannedStep | null>();
  const spreads = new Map<number, number>();
  const spreadAt = (size: number, sure: number): number => {
    const { bindings, setup } = axis.at(resolved, size);
    const spread = spreads.get(size) ?? spreadOf(bindModel(model, bindings, setup).graph, setup, sure);
    spreads.set(size, spread);
    return spread + resolved.context.highBytes - resolved.context.bytes;
  };
  return {
    resolved,
    axis,
    planAt: (size) => {
      const known = planned.get(size);
      if (known !== undefined) return known;
      const moved = axis.at(resolved, size);
      const made = planIfPossible(model, moved, moved.setup.batch);
      planned.set(size, made);
      return made;
    },
    keptAt: (size, { capacity }) => ({
      bytes: (margin?.of(capacity ?? 0) ?? 0) + (confidence === null ? 0 : spreadAt(size, confidence)),
      held: confidence !== null,
    }),
  };
}

/**
 * Whether `step` runs through with so much of the device left free. Where a confidence was asked for, what it takes
 * when nothing is held back must leave as much: the allocator would give cached memory back only for a larger step.
 */
export function fitsIn(step: Step, { machine, setup }: ResolvedSetup, { bytes, held }: Kept): boolean {
  const all = machine.capacity ?? 0;
  if (!held) {
    const capacity = Math.max(0, all - bytes) as typeof machine.capacity; // as: bytes less bytes
    return !simulateMemory(step, { ...machine, capacity }, setup).outOfMemory;
  }
  const { outOfMemory, reserved } = simulateMemory(step, machine, setup);
  return !outOfMemory && reserved + machine.context + bytes <= all;
}

/** What is to stay free of a device. */
export interface Kept {
  readonly bytes: number;
  /** It counts against what the step takes on the whole device, as the verdict of an estimate does. */
  readonly held: boolean;
}

export interface Largest {
  readonly size: number;
  readonly limit: FitLimit;
  readonly exact: boolean;
  readonly holes: readonly number[];
}

/** Steps planned anew before the answer is as good as it gets. */
const MOST_PLANS = 16;
/** Smaller sizes next to the answer that are tried for holes, and shares of it. */
const NEIGHBOURS = 3;
const SHARES = [0.5, 0.75, 0.9] as const;

/** Settled: both the answer and the next size were planned in full, unless `exact` says otherwise. */
export function largestSize(model: ImportedModel, steps: Steps): Largest {
  const { axis } = steps;
  let refused = Number.POSITIVE_INFINITY;
  const passes = (index: number): boolean => {
    const size = index * axis.stride;
    const planned = steps.planAt(size);
    if (!planned) refused = Math.min(refused, size);
    return (
      planned !== null && fitsIn(planned.step, steps.resolved, steps.keptAt(size, steps.resolved.machine))
    );
  };
  const { size: guessed, linear } = guess(model, steps);
  const start = Math.max(1, Math.round(guessed / axis.stride));
  const most = axis.most / axis.stride;
  const { batch: index, exact } = lastThat(passes, start, { stride: 1, mostTries: MOST_PLANS, most });
  const size = index * axis.stride;
  /** On the lines, where there are any: a hole is planned before it is believed. */
  const mayPass = (smaller: number): boolean =>
    linear
      ? fitsIn(
          stepAt(linear.planned.step, linear.lines, smaller),
          steps.resolved,
          steps.keptAt(smaller, steps.resolved.machine),
        )
      : passes(smaller);
  const limit: FitLimit = size >= axis.most ? "search" : size + axis.stride === refused ? "model" : "memory";
  return {
    size,
    limit,
    exact: exact || limit === "search",
    holes: holesBelow(index, mayPass, axis).filter((hole) => !passes(hole / axis.stride)),
  };
}

/** On the batch's lines, or the asked size. */
function guess(model: ImportedModel, steps: Steps): { size: number; linear: LinearStep | null } {
  const { resolved, axis } = steps;
  const asked = axis.asked(resolved);
  if (axis.stride !== 1) return { size: asked, linear: null };
  const tightened = (batch: number): ResolvedSetup => {
    const capacity = Math.max(
      0,
      (resolved.machine.capacity ?? 0) - steps.keptAt(batch, resolved.machine).bytes,
    );
    return { ...resolved, machine: { ...resolved.machine, capacity: capacity as never } }; // as: bytes less bytes
  };
  const first = steps.planAt(asked);
  const linear = first && linearize(model, resolved, first);
  const far = linear ? largestByLines(linear, tightened(asked)) : asked;
  // scratch of convolutions is no line over a wide range: lines through the batch that was found speak for those around it
  const planned = steps.planAt(Math.max(1, far));
  const close = planned && linearize(model, resolved, planned);
  return { size: close ? largestByLines(close, tightened(Math.max(1, far))) : far, linear: close };
}

/** Smaller sizes that do not fit although a larger one does. */
function holesBelow(index: number, passes: (index: number) => boolean, { stride }: Axis): number[] {
  const near = Array.from({ length: NEIGHBOURS }, (_, i) => index - 1 - i);
  const tried = [...near, ...SHARES.map((share) => Math.floor(share * index))];
  return [...new Set(tried)]
    .filter((smaller) => smaller >= 1 && !passes(smaller))
    .map((smaller) => smaller * stride)
    .sort((a, b) => a - b);
}
