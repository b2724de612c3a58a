/**
 * Step: what one rank allocates and frees, in execution order, from an empty device to the steady state.
 *
 * `resident` happens once; `first` is the first training step, `steady` every later one. Storages of a step are its
 * own: `steady` repeats with fresh blocks, but for those that it carries over.
 */
import { invariant } from "../base/invariant.js";
import type { Bytes } from "../base/units.js";
import type { NodeId, ValueRole } from "./graph.js";

export type Phase = "resident" | "forward" | "backward" | "optimizer" | "zero-grad" | "validation";

export const CATEGORIES = [
  "parameters",
  "buffers",
  "gradients",
  "optimizerStates",
  "masterParameters",
  "inputs",
  "savedTensors",
  "temporaries",
  "workspace",
  "communication",
] as const;
export type Category = (typeof CATEGORIES)[number];

/** Where values count that are there before the step. */
export const RESIDENT_CATEGORY: Readonly<Partial<Record<ValueRole, Category>>> = {
  parameter: "parameters",
  buffer: "buffers",
  constant: "buffers",
  input: "inputs",
  target: "inputs",
};

/** Blocks of forward storages have the storage's id. */
export type BlockId = number;

/** One allocation request. */
export interface Block {
  readonly id: BlockId;
  readonly bytes: Bytes;
  readonly category: Category;
  readonly label: string;
  /** The forward node it belongs to; null for blocks of the whole step. */
  readonly node: NodeId | null;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly because: string;
  /**
   * Scratch for plans that are timed the first time a problem is met, in the first pass alone: it may fail, and once it is
   * freed the allocator's cache is emptied.
   */
  readonly trial: boolean;
  /** The CUDA stream it is allocated on: 0 computes; what is freed on one serves later requests of that one alone. */
  readonly stream: number;
}

/** Positive: allocate block `i - 1`. Negative: free block `-i - 1`. Small integers keep a step of 10^5 events light. */
export type Action = number;
export const allocation = (block: BlockId): Action => block + 1;
export const release = (block: BlockId): Action => -(block + 1);
export const blockOf = (action: Action): BlockId => (action > 0 ? action : -action) - 1;

/** A stretch of actions of one phase; `nodes[i]` is the forward node that action i belongs to, -1 for none. */
export interface Section {
  readonly phase: Phase;
  readonly actions: readonly Action[];
  readonly nodes: readonly number[];
}

export interface Step {
  readonly name: string;
  readonly blocks: readonly Block[];
  readonly resident: Section;
  readonly first: readonly Section[];
  readonly steady: readonly Section[];
  /** Blocks that `steady` leaves in the place of others that it frees: when it repeats, `before` is what `made` was. */
  readonly carried: readonly { readonly made: BlockId; readonly before: BlockId }[];
}

/** Throws when a block is freed before it is allocated, or twice, or when a step cannot be repeated. */
export function verifyStep(step: Step): void {
  const alive = new Set<BlockId>();
  for (const section of [step.resident, ...step.first, ...step.steady]) {
    invariant(section.actions.length === section.nodes.length, "every action has a node");
    for (const action of section.actions) {
      const block = blockOf(action);
      if (action > 0) {
        invariant(!alive.has(block), `block ${block} is allocated once`);
        alive.add(block);
      } else {
        invariant(
          alive.delete(block),
          `block ${block} (${step.blocks[block]?.label}) is alive when it is freed`,
        );
      }
    }
  }
  for (const { made, before } of step.carried) {
    invariant(alive.has(made) && !alive.has(before), `block ${made} takes the place of block ${before}`);
  }
}

/** Stable text: one line per action. */
export function printStep(step: Step): string {
  const lines = [`step  ${step.name}`];
  const section = (title: string, { phase, actions }: Section) => {
    lines.push(`${title} ${phase}`);
    for (const action of actions) {
      const block = step.blocks[blockOf(action)] as Block;
      lines.push(`  ${action > 0 ? "+" : "-"} #${block.id} ${block.bytes} ${block.category} ${block.label}`);
    }
  };
  section("once", step.resident);
  for (const part of step.first) section("first", part);
  for (const part of step.steady) section("steady", part);
  return `${lines.join("\n")}\n`;
}
