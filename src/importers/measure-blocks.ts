/**
 * Allocations and releases in the order they happened → peaks, groups of blocks, what modules leave behind.
 *
 * A simulated step goes through the same code as a recorded one, so that both are told apart by the same rule.
 */
import { type Bytes, bytes } from "../base/units.js";
import {
  GROUPS,
  type Group,
  type MeasuredModule,
  type MeasuredPhase,
  type Recording,
} from "../ir/recording.js";

/** Columns of equal length. */
export interface BlockEvents {
  /** Index of the event that releases what this one allocates; -1: nothing does. Of releases: anything. */
  readonly releasedBy: readonly number[];
  /** 1 allocates, -1 releases what an event before it allocated, 0 releases what was there before all events. */
  readonly kinds: readonly (1 | 0 | -1)[];
  readonly sizes: readonly number[];
  /** Allocated bytes after the event. */
  readonly totals: readonly number[];
  /** Null: it cannot be told. */
  readonly phases: readonly (MeasuredPhase | null)[];
  /** Where it is allocated: an index into `modules`, -1 for none. */
  readonly places: readonly number[];
}

/** A module's class and its number among the instances of that class. */
export type ModuleName = Omit<MeasuredModule, "bytes">;

export type BlockMeasures = Pick<Recording, "allocated" | "phases" | "groups" | "modules">;

export function measureBlocks(events: BlockEvents, modules: readonly ModuleName[]): BlockMeasures {
  const { totals } = events;
  const stretches = stretchesOf(events);
  let peak = -1;
  const peaks: Partial<Record<MeasuredPhase, number>> = {};
  for (let i = 0; i < totals.length; i++) {
    const total = totals[i] as number;
    if (peak < 0 || total > (totals[peak] as number)) peak = i;
    const phase = stretches.phases[stretches.of[i] as number];
    if (phase && total > (peaks[phase] ?? -1)) peaks[phase] = total;
  }
  const told = stretches.phases.includes("backward");
  return {
    allocated: peak < 0 ? null : bytes(totals[peak] as number),
    phases: told ? (peaks as Partial<Record<MeasuredPhase, Bytes>>) : {}, // totals are byte counts
    groups: peak >= 0 && told ? groupsAt(peak, events, stretches) : null,
    modules: told ? leftBehind(events, stretches, modules) : [],
  };
}

/** Stretches of one phase: by event its stretch, by stretch its phase. */
interface Stretches {
  readonly of: Int32Array;
  readonly phases: readonly (MeasuredPhase | null)[];
}

/** A release belongs to the stretch it happens in: where it is made says little. */
function stretchesOf({ phases, kinds }: BlockEvents): Stretches {
  const of = new Int32Array(phases.length);
  const found: (MeasuredPhase | null)[] = [];
  for (let i = 0; i < phases.length; i++) {
    const phase = phases[i] ?? null;
    if (found.length === 0 || (kinds[i] === 1 && phase !== found.at(-1))) found.push(phase);
    of[i] = found.length - 1;
  }
  // what runs between backward and an optimizer's step is the optimizer's: clipping, unscaling
  const settled = found.map((phase, i) =>
    phase === "forward" && found[i - 1] === "backward" && found[i + 1] === "optimizer" ? "optimizer" : phase,
  );
  return { of, phases: settled };
}

function groupsAt(peak: number, events: BlockEvents, stretches: Stretches): Record<Group, Bytes> {
  const { kinds, sizes, totals, releasedBy } = events;
  const sums: Record<Group, number> = { resident: 0, saved: 0, gradients: 0, temporaries: 0 };
  const lastForward = stretches.phases.lastIndexOf("forward");
  for (let i = 0; i <= peak; i++) {
    const end = releasedBy[i] as number;
    if (kinds[i] !== 1 || (end >= 0 && end <= peak)) continue;
    sums[groupOf(stretches, i, end, lastForward)] += sizes[i] as number;
  }
  // of what was there before, only what the optimizer's phase frees is known: gradients
  for (let i = peak + 1; i < kinds.length; i++)
    if (kinds[i] === 0 && stretches.phases[stretches.of[i] as number] === "optimizer")
      sums.gradients += sizes[i] as number;
  const known = GROUPS.reduce((sum, group) => sum + sums[group], 0);
  sums.resident += Math.max(0, (totals[peak] as number) - known);
  return sums as Record<Group, Bytes>; // sums of byte counts
}

/** Of a block that event `from` allocates and `until` releases (-1: nothing does). */
function groupOf({ of, phases }: Stretches, from: number, until: number, lastForward: number): Group {
  const stretch = of[from] as number;
  const phase = phases[stretch] ?? null;
  if (until >= 0 && of[until] === stretch) return "temporaries";
  if (phase === "optimizer" || phase === null) return "resident";
  // what outlives the step's end is part of the process: parameters, a workspace, inputs made once
  if (until < 0 && (stretch === 0 || lastForward > stretch)) return "resident";
  return phase === "backward" ? "gradients" : "saved";
}

/** Of the last forward pass that a backward pass follows: what is alive at its end, by the module that made it. */
function leftBehind(
  { kinds, sizes, places, releasedBy }: BlockEvents,
  { of, phases }: Stretches,
  modules: readonly ModuleName[],
): MeasuredModule[] {
  const forward = phases.findLastIndex((phase, i) => phase === "forward" && phases[i + 1] === "backward");
  const sums = new Array<number>(modules.length).fill(0);
  for (let i = 0; i < kinds.length; i++) {
    const [place, end] = [places[i] as number, releasedBy[i] as number];
    if (kinds[i] !== 1 || of[i] !== forward || place < 0 || (end >= 0 && of[end] === forward)) continue;
    sums[place] = (sums[place] ?? 0) + (sizes[i] as number);
  }
  return modules.flatMap((name, i) => {
    const sum = sums[i] ?? 0;
    return sum > 0 ? [{ ...name, bytes: bytes(sum) }] : [];
  });
}
