/**
 * What every device could take. Devices of one compute capability share the planned steps and the lines between them.
 *
 * Untrue   between two powers of two every block is taken for a line in the batch, and a device's multiprocessors are
 *          those of the first of its capability: they decide scratch of a few reductions
 */
import { fitsIn, type Steps } from "./fit-search.js";
import type { Step } from "./ir/step.js";
import { simulateMemory } from "./memory/simulate-memory.js";
import { type Line, linesOf, type PlannedStep, stepAt } from "./report/formula.js";
import type { ResolvedSetup } from "./resolve-setup.js";
import { lastThat } from "./search.js";

/** What a step takes on a device that never fills. */
export interface Free {
  readonly allocated: number;
  readonly reserved: number;
}

/** Devices for which the same kernels are chosen. */
export interface Kin {
  readonly steps: Steps;
  /** The step at a size: planned, or on the lines between two planned ones. */
  stepAt(size: number): Step | null;
  freeAt(size: number): Free | null;
}

export function kinOf(steps: Steps): Kin {
  const free = new Map<number, Free | null>();
  const segments = new Map<number, Segment | null>();
  const between = (upper: number): Segment | null => {
    const known = segments.get(upper);
    if (known !== undefined) return known;
    const [high, low] = [steps.planAt(upper), steps.planAt(upper / 2)];
    const lines = high && low && linesOf(high, low);
    const made = lines ? { high, lines } : null;
    segments.set(upper, made);
    return made;
  };
  const at = (size: number): Step | null => {
    const upper = 2 ** Math.ceil(Math.log2(size));
    const segment = steps.axis.stride !== 1 || size === upper ? null : between(upper);
    return segment ? stepAt(segment.high.step, segment.lines, size) : (steps.planAt(size)?.step ?? null);
  };
  const freeAt = (size: number): Free | null => {
    const known = free.get(size);
    if (known !== undefined) return known;
    const step = at(size);
    const made = step && runFreely(step, steps.resolved);
    free.set(size, made);
    return made;
  };
  return { steps, stepAt: at, freeAt };
}

/** Two planned steps that make the same tensors: the upper one, and every block's line through both. */
interface Segment {
  readonly high: PlannedStep;
  readonly lines: readonly Line[];
}

function runFreely(step: Step, { machine, setup }: ResolvedSetup): Free {
  const { first, steady, reserved } = simulateMemory(step, { ...machine, capacity: null }, setup);
  return { allocated: Math.max(first.peak.allocated, steady.peak.allocated), reserved };
}

/** A full device splits blocks otherwise, so that its allocated peak can be a little lower. */
const SURE = 0.97;

/** The largest size on the device of `resolved`, whose kernels are those of `kin`; the search begins at `start`. */
export function largestInTable(kin: Kin, resolved: ResolvedSetup, start: number): number {
  const { axis } = kin.steps;
  const passes = (index: number) => fitsKin(kin, resolved, index * axis.stride);
  const from = Math.max(1, Math.round(start / axis.stride));
  const search = { stride: Math.max(1, from >> 4), mostTries: 64, most: axis.most / axis.stride };
  return axis.stride * lastThat(passes, from, search).batch;
}

/** Plain comparisons settle most sizes; between them the step is replayed on the full device. */
export function fitsKin(kin: Kin, resolved: ResolvedSetup, size: number): boolean {
  const { machine, setup } = resolved;
  const free = kin.freeAt(size);
  if (!free || machine.capacity === null) return false;
  const kept = kin.steps.keptAt(size, machine);
  const room = machine.capacity - machine.context - kept.bytes;
  if (setup.allocator.memoryFraction === null) {
    if (free.reserved <= room) return true;
    if (kept.held) return false;
    if (SURE * free.allocated > room) return false;
  }
  const step = kin.stepAt(size);
  return step !== null && fitsIn(step, resolved, kept);
}
