/**
 * The allocated peak as a function of batch B and sequence length S: the highest of a few polynomials.
 *
 * Every block of a step has `(a + bB)(1, S, S²)` bytes in six numbers; six planned steps tell them. Sums over what is
 * alive are polynomials too, and the peak is the highest over all moments. Bytes are unrounded.
 */
import { invariant } from "../base/invariant.js";
import type { StepChoice } from "../ir/setup.js";
import { type Block, blockOf, type Section, type Step } from "../ir/step.js";
import { isScratch, partnersOf } from "./formula.js";

/** Flash attention's backward pads rows to so many tokens, the other kernels to a part of them. */
export const TILE = 128;

/** Coefficients of 1, B, S, BS, S², BS². */
export type Polynomial = readonly [number, number, number, number, number, number];

export interface SequenceForm {
  /** The peak is the highest of these, wherever they hold. */
  readonly polynomials: readonly Polynomial[];
  /** They hold for lengths that leave `remainder` when divided by `stride`, from `fromSequence` and `fromBatch` on. */
  readonly stride: number;
  readonly remainder: number;
  readonly fromSequence: number;
  /** Null: without end. Where longer ones were not planned for they reach no further. */
  readonly toSequence: number | null;
  readonly fromBatch: number;
}

/** A step planned at two batches and three lengths: `[batch][length]`, the first of each the asked one's. */
export interface PlannedGrid {
  readonly batches: readonly [number, number];
  readonly lengths: readonly [number, number, number];
  readonly steps: readonly (readonly Step[])[];
}

export function valueAt([a, b, c, d, e, f]: Polynomial, batch: number, length: number): number {
  return a + b * batch + (c + d * batch) * length + (e + f * batch) * length * length;
}

/** The peak in plain bytes. */
export function peakOf({ polynomials }: SequenceForm, batch: number, length: number): number {
  return Math.round(Math.max(...polynomials.map((polynomial) => valueAt(polynomial, batch, length))));
}

/** Null where the planned steps do not make the same tensors. */
export function sequenceForm(grid: PlannedGrid, which: StepChoice): SequenceForm | null {
  const sizes = pairedSizes(grid);
  const base = grid.steps[0]?.[0];
  if (!sizes || !base) return null;
  const { lengths, batches } = grid;
  const stride = Math.abs((lengths[1] ?? 0) - (lengths[0] ?? 0));
  const remainder = lengths[0] % stride;
  const from = { batch: Math.min(2, ...batches), length: remainder || stride };
  const blocks = sizes.map((six) => polynomialOf(six, grid));
  return {
    polynomials: highest(moments(base, blocks, which), from),
    stride,
    remainder,
    fromSequence: from.length,
    toSequence: stride < TILE ? lengths[0] : null,
    fromBatch: from.batch,
  };
}

/** Per block its bytes at `[batch][length]`; scratch that only some of the steps take counts as constant. */
function pairedSizes({ steps }: PlannedGrid): number[][][] | null {
  const base = steps[0]?.[0];
  invariant(base !== undefined, "a grid has steps");
  const partners = steps.map((row) => row.map((step) => partnersOf(base, step)));
  if (partners.some((row) => row.some((each) => each === null))) return null;
  return base.blocks.map((block, id) => {
    const all = steps.map((row, i) =>
      row.map((step, j) => step.blocks[partners[i]?.[j]?.[id] as number]?.bytes),
    );
    const isWhole = all.every((row) => row.every((bytes) => bytes !== undefined));
    return isWhole || !isScratch(block as Block)
      ? all.map((row) => row.map((bytes) => bytes ?? block.bytes))
      : all.map((row) => row.map(() => block.bytes));
  });
}

/** Through six sizes: a parabola in S at either batch, and a line in B through each of its coefficients. */
function polynomialOf(sizes: readonly (readonly number[])[], { batches, lengths }: PlannedGrid): Polynomial {
  const [low, high] = sizes.map((row) => parabola(lengths, row as [number, number, number])); // as: three lengths
  const lines = [0, 1, 2].map((i) => {
    const perBatch = ((high?.[i] ?? 0) - (low?.[i] ?? 0)) / (batches[1] - batches[0]);
    return [(low?.[i] ?? 0) - perBatch * batches[0], perBatch] as const;
  });
  return lines.flat() as unknown as Polynomial; // as: three pairs
}

function parabola(
  [x, y, z]: readonly [number, number, number],
  [a, b, c]: readonly [number, number, number],
): [number, number, number] {
  const [first, second] = [(b - a) / (y - x), (c - b) / (z - y)];
  const square = (second - first) / (z - x);
  const slope = first - square * (x + y);
  return [a - slope * x - square * x * x, slope, square];
}

/** What is alive after every allocation of the step. */
function moments(step: Step, blocks: readonly Polynomial[], which: StepChoice): Polynomial[] {
  const out: Polynomial[] = [];
  const sum: [number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0];
  const walk = ({ actions }: Section, counts: boolean) => {
    for (const [i, action] of actions.entries()) {
      const sign = action > 0 ? 1 : -1;
      const block = blocks[blockOf(action)] as Polynomial;
      for (let k = 0; k < 6; k++) (sum[k] as number) += sign * (block[k] as number);
      // only before a release can it be the highest
      if (counts && action > 0 && !((actions[i + 1] ?? 0) > 0)) out.push([...sum]);
    }
  };
  walk(step.resident, false);
  out.push([...sum]);
  for (const section of step.first) walk(section, which === "first");
  if (which === "steady") for (const section of step.steady) walk(section, true);
  return out;
}

interface Corner {
  readonly batch: number;
  readonly length: number;
}

/** Without those that another one is nowhere below, from the corner on: all its coefficients there are as large. */
function highest(all: readonly Polynomial[], corner: Corner): Polynomial[] {
  const kept: { at: Polynomial; own: Polynomial }[] = [];
  for (const own of all) {
    const at = movedTo(own, corner);
    if (kept.some((other) => covers(other.at, at))) continue;
    const rest = kept.filter((other) => !covers(at, other.at));
    kept.splice(0, kept.length, ...rest, { at, own });
  }
  return kept.map(({ own }) => own);
}

/** A part of a byte is rounding of the arithmetic. */
const NOTHING = 1e-3;

function covers(a: Polynomial, b: Polynomial): boolean {
  return a.every((coefficient, i) => coefficient >= (b[i] as number) - NOTHING);
}

/** The same polynomial in batch and length beyond the corner. */
function movedTo([a, b, c, d, e, f]: Polynomial, { batch: m, length: n }: Corner): Polynomial {
  const [u, v, w] = [a + b * m, c + d * m, e + f * m];
  return [u + v * n + w * n * n, b + d * n + f * n * n, v + 2 * w * n, d + 2 * f * n, w, f];
}
