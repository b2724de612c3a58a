/**
 * The allocated peak as a function of the batch B: exact, piecewise linear.
 *
 * The same step planned at two batches gives every block a line `fixed + perBatch x B`. Walking the actions sums the
 * lines of the blocks alive; the upper envelope of those sums over all moments is the peak. Bytes are unrounded.
 */
import { type Action, type Block, type BlockId, blockOf, type Section, type Step } from "../ir/step.js";
import { bytes } from "../base/units.js";
import type { StepChoice } from "../ir/setup.js";
import type { FormulaPiece } from "./report.js";

/** `fixed + perBatch x B` bytes. */
export interface Line {
  readonly fixed: number;
  readonly perBatch: number;
}

/** A step planned at a batch. */
export interface PlannedStep {
  readonly step: Step;
  readonly batch: number;
}

/**
 * Per block of `a` its bytes as a line in the batch, or null when the two steps do not make the same tensors. Scratch
 * of kernels comes and goes with thresholds: what a smaller batch does not take grows from nothing there, what a larger
 * one does not take counts as constant.
 */
export function linesOf(a: PlannedStep, b: PlannedStep): Line[] | null {
  const partners = partnersOf(a.step, b.step);
  if (!partners) return null;
  const missing = (bytes: number) => (b.batch < a.batch ? 0 : bytes);
  return a.step.blocks.map((block, id) => {
    const other =
      b.step.blocks[partners[id] as number]?.bytes ?? (isScratch(block) ? missing(block.bytes) : block.bytes);
    const perBatch = (other - block.bytes) / (b.batch - a.batch);
    return { fixed: block.bytes - perBatch * a.batch, perBatch };
  });
}

export function isScratch({ category }: Block): boolean {
  return category === "workspace";
}

/** By block of `a`: the same block of `b`, or -1; null when tensors come or go in another order. */
export function partnersOf(a: Step, b: Step): Int32Array | null {
  const partners = new Int32Array(a.blocks.length).fill(-1);
  const others = [b.resident, ...b.first, ...b.steady];
  const sections = [a.resident, ...a.first, ...a.steady];
  if (sections.length !== others.length) return null;
  const matched = sections.every((section, i) =>
    matchSections([a, b], [section, others[i] as Section], partners),
  );
  return matched ? partners : null;
}

/** Pairs the tensors of two sections action by action, and the scratch of a node where both make as much of it. */
function matchSections(
  steps: readonly [Step, Step],
  sections: readonly [Section, Section],
  partners: Int32Array,
): boolean {
  const [a, b] = sections;
  const scratch = [new Map<number, BlockId[]>(), new Map<number, BlockId[]>()] as const;
  const cursor = [0, 0] as [number, number];
  /** The index of the next action on a tensor; scratch on the way is noted. */
  const next = (side: 0 | 1): number => {
    const { actions, nodes } = sections[side];
    for (; cursor[side] < actions.length; cursor[side]++) {
      const action = actions[cursor[side]] as Action;
      const id = blockOf(action);
      if (!isScratch(steps[side].blocks[id] as Block)) break;
      const node = nodes[cursor[side]] as number;
      if (action > 0) scratch[side].set(node, [...(scratch[side].get(node) ?? []), id]);
    }
    return cursor[side]++;
  };
  for (;;) {
    const [i, j] = [next(0), next(1)];
    if (i >= a.actions.length || j >= b.actions.length) {
      if (i < a.actions.length || j < b.actions.length) return false;
      break;
    }
    const [left, right] = [a.actions[i] as Action, b.actions[j] as Action];
    if (left > 0 !== right > 0 || a.nodes[i] !== b.nodes[j]) return false;
    if (left > 0) partners[blockOf(left)] = blockOf(right);
    else if (partners[blockOf(left)] !== blockOf(right)) return false;
  }
  for (const [node, mine] of scratch[0]) {
    const theirs = scratch[1].get(node);
    if (theirs?.length === mine.length)
      for (const [k, id] of mine.entries()) partners[id] = theirs[k] as BlockId;
  }
  return true;
}

/** The step at another batch, by its lines: the same actions on blocks of other sizes. */
export function stepAt(step: Step, lines: readonly Line[], batch: number): Step {
  const blocks = step.blocks.map((block, id) => {
    const { fixed, perBatch } = lines[id] as Line;
    return { ...block, bytes: bytes(Math.max(0, Math.round(fixed + perBatch * batch))) };
  });
  return { ...step, blocks };
}

/** The upper envelope over every moment of the step, for whole B from `from` on. */
export function peakPieces(
  step: Step,
  lines: readonly Line[],
  which: StepChoice,
  from: number,
): FormulaPiece[] {
  return envelope(moments(step, lines, which), from);
}

/** What is alive after every allocation of the step. */
function moments(step: Step, lines: readonly Line[], which: StepChoice): Line[] {
  const out: Line[] = [];
  let fixed = 0;
  let perBatch = 0;
  const walk = ({ actions }: Section, counts: boolean) => {
    for (const action of actions) {
      const line = lines[blockOf(action)] as Line;
      const sign = action > 0 ? 1 : -1;
      fixed += sign * line.fixed;
      perBatch += sign * line.perBatch;
      if (counts && action > 0) out.push({ fixed, perBatch });
    }
  };
  walk(step.resident, false);
  out.push({ fixed, perBatch }); // a step that allocates nothing still holds what is resident
  for (const section of step.first) walk(section, which === "first");
  if (which === "steady") for (const section of step.steady) walk(section, true);
  return out;
}

/** Blocks alive at the moment that is highest at `batch`, and what happens then. */
export function aliveAtHighest(
  step: Step,
  lines: readonly Line[],
  { which, batch }: { which: StepChoice; batch: number },
): { readonly alive: readonly BlockId[]; readonly phase: Section["phase"]; readonly node: number } {
  const alive = new Set<BlockId>();
  let [sum, top] = [0, -1];
  let best: { alive: BlockId[]; phase: Section["phase"]; node: number } = {
    alive: [],
    phase: "resident",
    node: -1,
  };
  const walk = ({ actions, nodes, phase }: Section, counts: boolean) => {
    for (const [i, action] of actions.entries()) {
      const id = blockOf(action);
      const { fixed, perBatch } = lines[id] as Line;
      sum += (action > 0 ? 1 : -1) * (fixed + perBatch * batch);
      if (action > 0) alive.add(id);
      else alive.delete(id);
      if (!counts || action < 0 || Math.round(sum) <= top || (actions[i + 1] ?? 0) > 0) continue;
      top = Math.round(sum);
      best = { alive: [...alive], phase, node: nodes[i] ?? -1 };
    }
  };
  walk(step.resident, false);
  best = { ...best, alive: [...alive] };
  for (const section of step.first) walk(section, which === "first");
  if (which === "steady") for (const section of step.steady) walk(section, true);
  return best;
}

/** Pieces of `max(line)`, ascending in B. */
function envelope(all: readonly Line[], from: number): FormulaPiece[] {
  const at = ({ fixed, perBatch }: Line, batch: number) => fixed + perBatch * batch;
  const pieces: FormulaPiece[] = [];
  let start = from;
  for (;;) {
    const best = all.reduce((top, line) => {
      const [a, b] = [at(line, start), at(top, start)];
      return a > b || (a === b && line.perBatch > top.perBatch) ? line : top;
    });
    // the first whole batch at which a steeper line is above
    let next = Number.POSITIVE_INFINITY;
    for (const line of all) {
      if (line.perBatch <= best.perBatch) continue;
      const crossing = Math.floor((best.fixed - line.fixed) / (line.perBatch - best.perBatch)) + 1;
      if (crossing < next) next = Math.max(crossing, start + 1);
    }
    const piece = { from: start, fixedBytes: Math.round(best.fixed), perBatchBytes: best.perBatch };
    if (!Number.isFinite(next)) return [...pieces, { ...piece, to: null }];
    pieces.push({ ...piece, to: next - 1 });
    start = next;
  }
}
