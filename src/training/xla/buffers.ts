/**
 * Kernels in order → which values take memory of their own, and from when to when.
 *
 * Memory that is there anyway serves temporaries too: an input's that is donated, between its last reader and the write of what takes
 * its place, and an output's before it is written. xla/service/buffer_assignment.cc MaybeAssignBuffer. An input that somebody may still
 * read after it was overwritten is copied first: xla/service/copy_insertion.cc.
 */
import type { StorageId } from "../../ir/tape.js";
import type { Kernel } from "./fuse.js";

export interface Interval {
  readonly id: StorageId;
  readonly from: number;
  readonly until: number;
}

/** Memory for the whole step, with the stretches in which its own values need it. */
interface Slot {
  readonly size: number;
  readonly busy: [from: number, until: number][];
}

export interface Placement {
  readonly kernels: readonly Kernel[];
  readonly sizeOf: (id: StorageId) => number;
  /** Values that are there before the step, by what takes their place. */
  readonly donated: ReadonlyMap<StorageId, StorageId>;
  /** Outputs that get memory of their own, for the whole step. */
  readonly outputs: readonly StorageId[];
  /** Inputs that nobody may write over. */
  readonly residents: ReadonlySet<StorageId>;
}

/** Values with memory of their own, in the order of the kernels that make them. */
export function placeBuffers({ kernels, sizeOf, donated, outputs, residents }: Placement): Interval[] {
  const made = new Map<StorageId, number>();
  const last = new Map<StorageId, number>();
  kernels.forEach(({ reads, makes }, at) => {
    for (const id of makes) made.set(id, at);
    for (const id of reads) last.set(id, at);
  });
  const end = kernels.length;
  const slots: Slot[] = [];
  const inPlace = new Set<StorageId>(outputs);
  for (const [after, before] of donated) {
    const written = made.get(after);
    if (written === undefined) continue;
    inPlace.add(after);
    slots.push({
      size: sizeOf(before),
      busy: [
        [-1, last.get(before) ?? -1],
        [written, end],
      ],
    });
  }
  for (const id of outputs) slots.push({ size: sizeOf(id), busy: [[made.get(id) ?? 0, end]] });
  const temporaries: Interval[] = [];
  for (const [id, from] of made)
    if (!inPlace.has(id) && !residents.has(id))
      temporaries.push({ id, from, until: Math.max(from, last.get(id) ?? from) });
  return withoutReused(temporaries, slots, sizeOf);
}

/** The largest first, each into the smallest slot that is free while it lives. */
function withoutReused(
  temporaries: readonly Interval[],
  slots: readonly Slot[],
  sizeOf: (id: StorageId) => number,
): Interval[] {
  const sorted = [...slots].sort((a, b) => a.size - b.size);
  const reused = new Set<StorageId>();
  for (const { id, from, until } of [...temporaries].sort((a, b) => sizeOf(b.id) - sizeOf(a.id))) {
    const size = sizeOf(id);
    const slot = sorted.find(
      (one) => one.size >= size && one.busy.every(([start, stop]) => until < start || from > stop),
    );
    if (!slot) continue;
    slot.busy.push([from, until]);
    reused.add(id);
  }
  return temporaries.filter(({ id }) => !reused.has(id));
}

/** Inputs of which some reader need not come before the kernel that writes over them. */
export function neededCopies(
  kernels: readonly Kernel[],
  donated: ReadonlyMap<StorageId, StorageId>,
): StorageId[] {
  const maker = new Map<StorageId, number>();
  const readers = new Map<StorageId, number[]>();
  kernels.forEach(({ reads, makes }, at) => {
    for (const id of makes) maker.set(id, at);
    for (const id of reads) if (!readers.get(id)?.push(at)) readers.set(id, [at]);
  });
  const copied: StorageId[] = [];
  for (const [after, before] of donated) {
    const writer = maker.get(after);
    if (writer === undefined) continue;
    const waiting = new Set((readers.get(before) ?? []).filter((at) => at !== writer));
    if (waiting.size === 0) continue;
    const seen = new Set<number>([writer]);
    const stack = [writer];
    for (let at = stack.pop(); at !== undefined && waiting.size > 0; at = stack.pop()) {
      for (const read of kernels[at]?.reads ?? []) {
        const from = maker.get(read);
        if (from === undefined || seen.has(from)) continue;
        seen.add(from);
        waiting.delete(from);
        stack.push(from);
      }
    }
    if (waiting.size > 0) copied.push(before);
  }
  return copied;
}
