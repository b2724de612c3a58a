/**
 * What kinds of cuDNN's plans take as scratch, as names that say it.
 *
 *   -         nothing
 *   X Y W     a copy of that operand in the layout the kernel wants, once per letter
 *   …v        with channels padded to whole vectors of 16 bytes: 4 of float32, 8 of half precision
 *   …o        of those operands alone whose channels are no whole vectors
 *   …w        with channels padded to whole tiles of 32
 *   …g        eight groups at a time
 *   …+n       and partial weight gradients in float32, one per slice of the batch's positions: as many slices as
 *             keep n tiles of 128 x 128 busy, at least one
 *   …*n       and n partial results in float32, of slices of the channels
 *   N         one partial weight gradient in float32 per sample
 *   winograd, fft …   operands transformed
 *
 * Source  plans of cuDNN 9.24: the rule of every kernel was read off its sizes (copies exact to 16 bytes, partials to
 *         the number of slices that the plan's split-k knob says)
 */
import type { Problem } from "./problem.js";

const VECTOR_BYTES = 16;
const TILE = 32;
const GROUPS_AT_A_TIME = 8;
/** Rows and columns of the output that a block of threads computes. */
const BLOCK = 128;
const FLOAT = 4;
/** Bytes of a complex number of two floats. */
const COMPLEX = 8;

const up = (size: number, multiple: number): number => Math.ceil(size / multiple) * multiple;

const COPIES = /^(-|[XYW]+)([vowg]?)(?:\+(\d+)|\*(\d+))?$/;

/** Bytes of scratch of the kind of plan `rule` names. */
export function scratchOf(rule: string, problem: Problem): number {
  const special = TRANSFORMS[rule as keyof typeof TRANSFORMS];
  if (special) return special(problem);
  const [, operands = "", how = "", tiles, results] = COPIES.exec(rule) ?? [];
  let size = Number(results ?? 0) * resultInFloat(problem);
  for (const operand of operands) if (operand !== "-") size += copied(operand as Operand, how, problem);
  if (how === "g") size *= Math.min(1, GROUPS_AT_A_TIME / problem.groups);
  return tiles === undefined ? size : size + partials(Number(tiles), problem);
}

type Operand = "X" | "Y" | "W";

function copied(operand: Operand, how: string, problem: Problem): number {
  if (how === "" || how === "g") return problem[operand];
  const { inChannels, outChannels } = problem;
  const multiple = how === "w" ? TILE : VECTOR_BYTES / problem.element;
  const [c, k] = [up(inChannels, multiple) / inChannels, up(outChannels, multiple) / outChannels];
  const more = operand === "X" ? c : operand === "Y" ? k : c * k;
  return how === "o" && more === 1 ? 0 : problem[operand] * more;
}

/** Partial weight gradients of slices that are summed in the end. */
function partials(blocks: number, problem: Problem): number {
  const { groups, inChannels, outChannels, taps, element } = problem;
  const tiles = groups * Math.ceil(outChannels / BLOCK) * Math.ceil((inChannels * taps) / BLOCK);
  return (Math.max(1, Math.floor(blocks / tiles)) * copied("W", "v", problem) * FLOAT) / element;
}

function resultInFloat({ direction, X, Y, W, element }: Problem): number {
  return ((direction === "forward" ? Y : direction === "input gradient" ? X : W) * FLOAT) / element;
}

const TRANSFORMS = {
  N: ({ batch, W, element }: Problem) => (batch * W * FLOAT) / element,
  /** F(3 x 3, 3 x 3): windows become tiles of 5 x 5; "copies" keeps the operands in another layout besides. */
  "winograd-3": ({ W }: Problem) => (25 / 9) * W,
  "winograd-3-copies": ({ X, Y, W }: Problem) => X + Y + (34 / 9) * W,
  /** F(4 x 4, 3 x 3): every 4 x 4 positions and every window become tiles of 6 x 6. */
  "winograd-4": ({ X, Y, W, inPositions, outPositions }: Problem) => {
    const tiles = Math.ceil(Math.sqrt(outPositions) / 4) ** 2 * 36;
    return (X / inPositions + Y / outPositions) * tiles + 4 * W;
  },
  /** Half spectra of 32 x 32 tiles: all windows, of larger images two tiles at a time. */
  "fft-tiles": (problem: Problem) => {
    const { x, y, w } = spectra(problem, FFT_TILE);
    return (x + y) * (problem.longest <= FFT_TILE - 2 ? 1 : 2) + w;
  },
  /** Half spectra of whole images, before and after they are put in the order of matrix products. */
  fft: (problem: Problem) => {
    const { x, y, w } = spectra(problem, fftSpan(problem));
    if (problem.direction === "forward") return problem.W + 2 * Math.max(x + w, y);
    if (problem.direction === "input gradient") return problem.W + 2 * Math.max(y + w, x);
    return problem.Y + 2 * Math.max(x + y, w);
  },
} as const;

const FFT_TILE = 32;
const SMALLEST_FFT = 16;

/** The power of two that holds a whole image and a window's overlap. */
function fftSpan({ longest }: Problem): number {
  return Math.max(SMALLEST_FFT, 2 ** Math.ceil(Math.log2(longest)));
}

function spectra({ batch, groups, inChannels, outChannels }: Problem, span: number) {
  const each = COMPLEX * span * (span / 2 + 1);
  const [c, k] = [inChannels * groups, outChannels * groups];
  return { x: each * batch * c, y: each * batch * k, w: each * inChannels * outChannels * groups };
}
