/** The peak as a formula in the batch: the same step planned at a second batch tells every block's line. */
import type { ImportedModel } from "./importers/model.js";
import { printFormula } from "./present/formula.js";
import { type Line, linesOf, type PlannedStep, peakPieces } from "./report/formula.js";
import type { Formula, FormulaPiece } from "./report/report.js";
import type { ResolvedSetup } from "./resolve-setup.js";
import { planIfPossible } from "./run-pipeline.js";

const BOUND =
  "plain bytes: the allocator adds less than 512 B to every block alive, and less than 1 MiB to a large block it does not split; scratch of kernels follows thresholds and is exact at the asked batch";
const CHUNKS =
  "plain bytes: the allocator adds less than 256 B to every block alive, and up to as much again to one it does not split";
const FLAT = "the step does other things at other batches, so this holds at the asked batch only";

/** A step whose blocks are lines in the batch. */
export interface LinearStep {
  readonly planned: PlannedStep;
  readonly lines: readonly Line[];
  /** The step at a batch of one, where broadcasting makes it another; the lines then speak for two and more. */
  readonly one: PlannedStep | null;
}

/** `planned` is the step at the asked batch. Null where the steps of two batches do not make the same tensors. */
export function linearize(
  model: ImportedModel,
  resolved: ResolvedSetup,
  planned: PlannedStep,
): LinearStep | null {
  const { batch } = planned;
  const at = (other: number) => planIfPossible(model, resolved, other);
  const pair = (first: PlannedStep | null, second: PlannedStep | null) =>
    first && second && linesOf(first, second);
  if (batch === 1) {
    const lines = pair(planned, at(2));
    if (lines) return { planned, lines, one: null };
    const two = at(2);
    const beyond = pair(two, at(4));
    return two && beyond && { planned: two, lines: beyond, one: planned };
  }
  const one = at(1);
  const lines = pair(planned, one);
  if (lines) return { planned, lines, one: null };
  // elsewhere a threshold or a limit may lie between two batches: the nearer one speaks for the asked side of it
  const others = pair(planned, at(2 * batch)) ?? pair(planned, at(batch + 1)) ?? pair(planned, at(batch - 1));
  return others && { planned, lines: others, one };
}

export function closedForm(model: ImportedModel, resolved: ResolvedSetup, planned: PlannedStep): Formula {
  const { step: which } = resolved.setup;
  const linear = linearize(model, resolved, planned);
  if (!linear) return formulaOf([constantPiece(planned, which)], FLAT);
  const { planned: first, lines, one } = linear;
  const pieces = peakPieces(first.step, lines, which, one ? 2 : 1);
  const bound = (resolved.setup.framework ?? "pytorch") === "pytorch" ? BOUND : CHUNKS;
  return formulaOf(one ? [constantPiece(one, which), ...pieces] : pieces, bound);
}

function formulaOf(pieces: readonly FormulaPiece[], bound: string): Formula {
  return { text: printFormula(pieces), pieces, bound };
}

/** The peak at the planned batch alone. */
function constantPiece({ step, batch }: PlannedStep, which: "first" | "steady"): FormulaPiece {
  const lines = step.blocks.map(({ bytes }) => ({ fixed: bytes, perBatch: 0 }));
  const [piece] = peakPieces(step, lines, which, batch);
  return { ...(piece as FormulaPiece), to: batch }; // the envelope of constants is one piece
}
