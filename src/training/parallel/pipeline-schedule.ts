/**
 * The order in which a stage runs its micro-batches, and the blocks of those that are under way at the same time.
 *
 * Source  torch/distributed/pipelining/schedules.py (ScheduleGPipe, Schedule1F1B: warm-up of stages - index micro-batches, then
 *         one backward for one forward), torch 2.14.1
 */
import { allocation, type BlockId, blockOf, release, type Section } from "../../ir/step.js";
import type { Ledger } from "../ledger.js";

export type PipelineSchedule = "1f1b" | "gpipe";

/** One micro-batch through a stage. */
export interface Turn {
  readonly forward: readonly Section[];
  /** Up to the point where nothing of the micro-batch is left but its gradients. */
  readonly backward: readonly Section[];
}

/** Micro-batches whose activations a stage holds at most. */
export function inFlight(
  schedule: PipelineSchedule,
  index: number,
  count: number,
  microBatches: number,
): number {
  return schedule === "gpipe" ? microBatches : Math.min(microBatches, count - index);
}

/** `first` makes gradients, `others` add to them; `most` micro-batches are under way at the same time. */
export function scheduled(
  ledger: Ledger,
  { first, others }: { readonly first: Turn; readonly others: Turn },
  most: number,
  microBatches: number,
): Section[] {
  const slots = new Map<number, Map<BlockId, BlockId>>();
  const own = ownBlocks([first, others], ledger);
  const place = (sections: readonly Section[], micro: number): Section[] => {
    const slot = micro % most;
    if (slot === 0) return [...sections];
    const clones = slots.get(slot) ?? new Map<BlockId, BlockId>();
    slots.set(slot, clones);
    return sections.map((section) => moved(section, ledger, own, clones));
  };
  const turn = (micro: number) => (micro === 0 ? first : others);
  const out: Section[] = [];
  const shared = new Sharing(ledger);
  for (let micro = 0; micro < most; micro++) out.push(...place(turn(micro).forward, micro));
  for (let micro = 0; micro < microBatches; micro++) {
    out.push(...place(turn(micro).backward, micro));
    const next = micro + most;
    if (next < microBatches) out.push(...place(turn(next).forward, next));
  }
  return out.map((section) => shared.once(section));
}

/** Gathered parameters serve all micro-batches that are under way: there is one copy, while any of them needs it. */
class Sharing {
  private readonly ledger: Ledger;
  private readonly users = new Map<BlockId, number>();

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  once(section: Section): Section {
    const kept = section.actions.map((action) => this.changes(action));
    if (kept.every(Boolean)) return section;
    const only = <T>(list: readonly T[]): T[] => list.filter((_, i) => kept[i]);
    return { ...section, actions: only(section.actions), nodes: only(section.nodes) };
  }

  private changes(action: number): boolean {
    const block = blockOf(action);
    if (this.ledger.blocks[block]?.category !== "communication") return true;
    if (action < 0 && !this.users.has(block)) return true; // it was there before the step
    const before = this.users.get(block) ?? 0;
    this.users.set(block, action > 0 ? before + 1 : before - 1);
    return action > 0 ? before === 0 : before === 1;
  }
}

/** Blocks that come and go with a micro-batch. */
function ownBlocks(turns: readonly Turn[], { blocks }: Ledger): Set<BlockId> {
  const own = new Set<BlockId>();
  for (const { forward, backward } of turns)
    for (const { actions } of [...forward, ...backward])
      for (const action of actions)
        if (action < 0 && blocks[blockOf(action)]?.category !== "communication") own.add(blockOf(action));
  return own;
}

function moved(
  section: Section,
  ledger: Ledger,
  own: ReadonlySet<BlockId>,
  clones: Map<BlockId, BlockId>,
): Section {
  const actions = section.actions.map((action) => {
    const block = blockOf(action);
    if (!own.has(block)) return action;
    const clone = clones.get(block) ?? ledger.copyOf(block);
    clones.set(block, clone);
    return action > 0 ? allocation(clone) : release(clone);
  });
  return { ...section, actions };
}
