/** The peak as a formula in the batch: the same step planned at a second batch tells every block's line. */
import type { ImportedModel } from "./importers/model.js";
import { printFormula } from "./present/formula.js";
import { type Line, linesOf, type PlannedStep, peakPieces } from "./report/formula.js";
import type { Formula, FormulaPiece } from "./report/report.js";
import type { ResolvedSetup } from "./resolve-setup.js";
import { planAtBatch } from "./run-pipeline.js";

const BOUND =
  "plain bytes: the allocator adds less than 512 B to every block alive, and less than 1 MiB to a large block it does not split; scratch of kernels follows thresholds and is exact at the asked batch";
const FLAT = "the step does other things at other batches, so this holds at the asked batch only";

/** A step whose blocks are lines in the batch. */
export interface LinearStep {
  readonly planned: PlannedStep;
  readonly lines: readonly Line[];
  /** The smallest batch the lines speak for. */
  readonly from: number;
}

/** `planned` is the step at the asked batch. Null where the steps of two batches do not make the same tensors. */
export function linearize(
  model: ImportedModel,
  resolved: ResolvedSetup,
  planned: PlannedStep,
): LinearStep | null {
  const { batch } = planned;
  const against = (first: PlannedStep, second: number, from: number): LinearStep | null => {
    const lines = linesOf(first, planAtBatch(model, resolved, second));
    return lines && { planned: first, lines, from };
  };
  const here = against(planned, 2 * batch, 1);
  if (here) return here;
  // broadcasting makes a batch of one another step; elsewhere a threshold may lie between the two batches
  return batch === 1 ? against(planAtBatch(model, resolved, 2), 4, 2) : against(planned, batch + 1, 1);
}

export function closedForm(model: ImportedModel, resolved: ResolvedSetup, planned: PlannedStep): Formula {
  const { step: which } = resolved.setup;
  const linear = linearize(model, resolved, planned);
  const pieces = linear ? peakPieces(linear.planned.step, linear.lines, which, linear.from) : [];
  if (!linear || linear.from > planned.batch) pieces.unshift(constantPiece(planned, which));
  return { text: printFormula(pieces), pieces, bound: linear ? BOUND : FLAT };
}

/** The peak at the planned batch alone. */
function constantPiece({ step, batch }: PlannedStep, which: "first" | "steady"): FormulaPiece {
  const lines = step.blocks.map(({ bytes }) => ({ fixed: bytes, perBatch: 0 }));
  const [piece] = peakPieces(step, lines, which, batch);
  return { ...(piece as FormulaPiece), to: batch }; // the envelope of constants is one piece
}
