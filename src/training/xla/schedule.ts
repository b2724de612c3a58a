/** The order of kernels: breadth first, as soon as what they read is there. xla/hlo/transforms/simplifiers/hlo_memory_scheduler.cc BFScheduler */
import type { StorageId } from "../../ir/tape.js";
import type { Kernel } from "./fuse.js";
import type { TurnOf } from "./turns.js";

/** `given` are the inputs of the step, in order. A turn of a loop waits for the turn before it. */
export function breadthFirst(
  kernels: readonly Kernel[],
  given: readonly StorageId[],
  turnOf: TurnOf,
): Kernel[] {
  const turns = kernels.map(({ instruction }) => turnOf(instruction));
  const left = new Map<number, number>();
  for (const turn of turns) if (turn >= 0) left.set(turn, (left.get(turn) ?? 0) + 1);
  const sequence = [...left.keys()].sort((a, b) => a - b);
  const held = new Map<number, number[]>();
  let running = 0;
  const readers = new Map<StorageId, number[]>();
  const missing = kernels.map(({ reads }, at) => {
    for (const read of reads) {
      const list = readers.get(read) ?? [];
      readers.set(read, list);
      list.push(at);
    }
    return reads.length;
  });
  const ready: number[] = [];
  const enter = (at: number) => {
    const turn = turns[at] as number;
    if (turn < 0 || turn === sequence[running]) ready.push(at);
    else if (!held.get(turn)?.push(at)) held.set(turn, [at]);
  };
  const leave = (turn: number) => {
    left.set(turn, (left.get(turn) ?? 0) - 1);
    while (running < sequence.length && left.get(sequence[running] as number) === 0) {
      running++;
      const next = sequence[running];
      if (next !== undefined) ready.push(...(held.get(next) ?? []));
    }
  };
  const arrive = (id: StorageId) => {
    for (const at of readers.get(id) ?? []) {
      const count = (missing[at] as number) - 1;
      missing[at] = count;
      if (count === 0) enter(at);
    }
  };
  missing.forEach((count, at) => {
    if (count === 0) enter(at);
  });
  for (const id of given) arrive(id);
  const order: Kernel[] = [];
  for (let next = 0; next < ready.length; next++) {
    const at = ready[next] as number;
    const kernel = kernels[at] as Kernel;
    order.push(kernel);
    for (const made of kernel.makes) arrive(made);
    const turn = turns[at] as number;
    if (turn >= 0) leave(turn);
  }
  return order;
}
