/** The step being written: blocks, who holds them, and the actions so far. */
import { invariant } from "../base/invariant.js";
import type { Bytes } from "../base/units.js";
import {
  type Action,
  allocation,
  type Block,
  type BlockId,
  type Category,
  type Phase,
  release,
  type Section,
} from "../ir/step.js";
import type { TensorSpec } from "../ir/tensor.js";

/** Scratch memory. */
const RAW = { shape: [], dtype: "uint8" } as const;

type Draft = { -readonly [K in keyof Block]: Block[K] };

export class Ledger {
  readonly blocks: Draft[] = [];
  private readonly holders: number[] = [];
  private actions: Action[] = [];
  private nodes: number[] = [];
  private phase: Phase = "resident";
  private sections: Section[] = [];
  /** The forward node whose operator (or gradient) is running; -1 for none. */
  at = -1;

  /** A block that may be allocated, held by nobody yet. Without a tensor behind it, `spec` is null. */
  declare(
    size: Bytes,
    category: Category,
    label: string,
    because: string,
    spec: Pick<TensorSpec, "shape" | "dtype"> | null,
    node: number = this.at,
  ): BlockId {
    const id = this.blocks.length;
    const { shape, dtype } = spec ?? RAW;
    this.blocks.push({
      id,
      bytes: size,
      category,
      label,
      node: node < 0 ? null : node,
      shape,
      dtype,
      because,
      trial: false,
      stream: 0,
    });
    this.holders.push(0);
    return id;
  }

  /** Another block like it. */
  copyOf(block: BlockId): BlockId {
    const id = this.blocks.length;
    this.blocks.push({ ...(this.blocks[block] as Draft), id });
    this.holders.push(0);
    return id;
  }

  /** Empty tensors have no block. */
  allocate(block: BlockId): void {
    if (this.blocks[block]?.bytes === 0) return;
    this.push(allocation(block));
  }

  free(block: BlockId): void {
    if (this.blocks[block]?.bytes === 0) return;
    this.push(release(block));
  }

  hold(block: BlockId): void {
    this.holders[block] = (this.holders[block] as number) + 1;
  }

  /** Gives up one hold; the last one frees the block. */
  drop(block: BlockId): void {
    const left = (this.holders[block] as number) - 1;
    invariant(left >= 0, `block ${block} (${this.blocks[block]?.label}) is held when it is dropped`);
    this.holders[block] = left;
    if (left === 0) this.free(block);
  }

  holdersOf(block: BlockId): number {
    return this.holders[block] as number;
  }

  categorize(block: BlockId, category: Category, because: string): void {
    const draft = this.blocks[block] as Draft;
    draft.category = category;
    draft.because = because;
  }

  rename(block: BlockId, label: string): void {
    (this.blocks[block] as Draft).label = label;
  }

  /** Plans are timed in this block. */
  tries(block: BlockId): void {
    (this.blocks[block] as Draft).trial = true;
  }

  /** The block belongs to another stream than the one that computes. */
  onStream(block: BlockId, stream: number): void {
    (this.blocks[block] as Draft).stream = stream;
  }

  begin(phase: Phase): void {
    this.close();
    this.phase = phase;
  }

  /** The sections written since the last call. */
  take(): Section[] {
    this.close();
    const done = this.sections;
    this.sections = [];
    return done;
  }

  private close(): void {
    if (this.actions.length > 0 || this.phase !== "resident")
      this.sections.push({ phase: this.phase, actions: this.actions, nodes: this.nodes });
    this.actions = [];
    this.nodes = [];
    this.phase = "resident";
  }

  private push(action: Action): void {
    this.actions.push(action);
    this.nodes.push(this.at);
  }
}
