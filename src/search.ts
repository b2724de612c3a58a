/** The largest batch that fits a device: found on the formula's lines, settled by planning the step anew. */
import { checkFlags } from "./check-options.js";
import { type LinearStep, linearize } from "./closed-form.js";
import type { ImportedModel } from "./importers/model.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import { peakPieces, stepAt } from "./report/formula.js";
import { type ResolvedSetup, resolveSetup } from "./resolve-setup.js";
import { planAtBatch, planIfPossible } from "./run-pipeline.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";

export interface LargestBatch {
  /** Zero when not even one sample fits. */
  readonly batch: number;
  /** Whether the next batch was planned and does not fit; else the search stopped early. */
  readonly exact: boolean;
}

const MOST_BATCH = 65_536;
/** Batches tried one by one below the formula's bound, before strides grow. */
const MOST_LINES = 64;
/** Steps planned anew before the answer is as good as it gets. */
const MOST_PLANS = 12;

/**
 * The largest batch that fits by the formula's lines, moved to where planning agrees; null without a device. Near the
 * limit fragmentation decides, so that a smaller batch may not fit where a larger one does.
 */
export function largestBatch(model: ImportedModel, options: Options): LargestBatch | null {
  const { resolved } = worstRank(model, resolveSetup(checkFlags(options), model));
  const { machine, setup } = resolved;
  if (machine.capacity === null) return null;
  const linear = linearize(model, resolved, planAtBatch(model, resolved, setup.batch));
  const fits = (batch: number): boolean => {
    const planned = planIfPossible(model, resolved, batch);
    return planned !== null && !simulateMemory(planned.step, machine, setup).outOfMemory;
  };
  const far = linear ? largestByLines(linear, resolved) : setup.batch;
  // scratch of convolutions is no line over a wide range: lines through the batch that was found speak for those around it
  const planned = planIfPossible(model, resolved, Math.max(1, far));
  const close = planned && linearize(model, resolved, planned);
  const guess = close ? largestByLines(close, resolved) : far;
  return lastThat(fits, Math.max(1, guess), { stride: 1, mostTries: MOST_PLANS });
}

/** Downward from the batch whose plain bytes alone fill the device: nothing above it can fit. */
export function largestByLines(linear: LinearStep, resolved: ResolvedSetup): number {
  const { planned, lines } = linear;
  const fits = (batch: number): boolean =>
    !simulateMemory(stepAt(planned.step, lines, batch), resolved.machine, resolved.setup).outOfMemory;
  const bound = boundOf(linear, resolved);
  for (let batch = bound; batch > 0 && bound - batch < MOST_LINES; batch--) if (fits(batch)) return batch;
  const below = Math.max(1, bound - MOST_LINES);
  return lastThat(fits, below, { stride: Math.max(1, below >> 6), mostTries: MOST_LINES }).batch;
}

function boundOf({ planned, lines, one }: LinearStep, { machine, setup }: ResolvedSetup): number {
  const room = (machine.capacity ?? 0) - machine.context;
  const last = peakPieces(planned.step, lines, setup.step, one ? 2 : 1).at(-1);
  if (!last || last.perBatchBytes <= 0) return MOST_BATCH;
  return Math.max(1, Math.min(MOST_BATCH, Math.floor((room - last.fixedBytes) / last.perBatchBytes)));
}

interface Search {
  /** The first step away from the start; it doubles until the answer is between two batches. */
  readonly stride: number;
  readonly mostTries: number;
  /** The largest there is; absent: MOST_BATCH. */
  readonly most?: number;
}

/** The last size that passes: gallops away from `start` until it is between two batches, then halves. */
export function lastThat(passes: (batch: number) => boolean, start: number, search: Search): LargestBatch {
  const most = search.most ?? MOST_BATCH;
  let [good, bad] = [0, most + 1];
  let next = start;
  let { stride } = search;
  for (let tries = 0; bad - good > 1; tries++) {
    if (tries >= search.mostTries) return { batch: good, exact: false };
    const batch = Math.min(bad - 1, Math.max(good + 1, next));
    const passed = passes(batch);
    if (passed) good = batch;
    else bad = batch;
    const isBetween = good > 0 && bad <= most;
    next = isBetween ? Math.floor((good + bad) / 2) : passed ? good + stride : bad - stride;
    stride *= 2;
  }
  return { batch: good, exact: bad <= most };
}
