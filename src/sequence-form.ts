/** The peak in batch and sequence length: the step planned at two batches and three lengths tells every block's share. */
import type { ImportedModel } from "./importers/model.js";
import type { Step } from "./ir/step.js";
import { type PlannedGrid, type SequenceForm, sequenceForm, TILE } from "./report/polynomial.js";
import { checkFlags } from "./check-options.js";
import { type ResolvedSetup, resolveSetup } from "./resolve-setup.js";
import type { Options } from "./settings.js";
import { worstRank } from "./worst-rank.js";
import { planIfPossible } from "./run-pipeline.js";

/** Tokens from which on three lengths of one kind lie below. */
const SHORTEST = 4;

/** Null for a model without a sequence, where a whole shape is given, and where neighbours make other tensors all around. */
export function formInSequence(model: ImportedModel, resolved: ResolvedSetup): SequenceForm | null {
  for (const grid of grids(model, resolved)) {
    const form = sequenceForm(grid, resolved.setup.step);
    if (form) return form;
  }
  return null;
}

/** As `formInSequence`, from options. */
export function sequenceFormOf(model: ImportedModel, options: Options): SequenceForm | null {
  return formInSequence(model, worstRank(model, resolveSetup(checkFlags(options), model)).resolved);
}

/**
 * The asked batch and length and those beside them, on one side and on the others: a threshold of a kernel may lie
 * between two. Of a batch of one, where broadcasting makes another step, two and more.
 */
export function* grids(model: ImportedModel, resolved: ResolvedSetup): Generator<PlannedGrid> {
  const { sequence, shape } = resolved.report;
  if (sequence === null || sequence < SHORTEST || Object.keys(shape).length > 0) return;
  const { batch } = resolved.setup;
  const known = new Map<string, Step | null>();
  const at = (size: number, length: number): Step | null => {
    const key = `${size} ${length}`;
    const step = known.get(key) ?? planned(model, resolved, size, length);
    known.set(key, step);
    return step;
  };
  const part = 2 ** Math.floor(Math.log2(sequence / SHORTEST));
  for (const away of sequence > 2 * TILE ? [-TILE, TILE] : [TILE, -part]) {
    for (const batches of neighbours(batch)) {
      const lengths = [sequence, sequence + away, sequence + 2 * away] as const;
      const steps = batches.map((each) => lengths.map((length) => at(each, length)));
      if (!steps.some((row) => row.includes(null))) yield { batches, lengths, steps: steps as Step[][] }; // as: no gap, as just seen
    }
  }
}

function neighbours(batch: number): (readonly [number, number])[] {
  if (batch === 1) return [[2, 3]];
  return batch > 2
    ? [
        [batch, batch - 1],
        [batch, batch + 1],
      ]
    : [[batch, batch + 1]];
}

function planned(
  model: ImportedModel,
  resolved: ResolvedSetup,
  batch: number,
  sequence: number,
): Step | null {
  const bindings = { ...resolved.bindings, sequence };
  return planIfPossible(model, { ...resolved, bindings }, batch)?.step ?? null;
}
