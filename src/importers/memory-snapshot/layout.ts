/**
 * Where blocks lie in segments, as the allocator splits and joins them: a history names what was asked for, and a cached
 * block that is only a little larger is handed out whole.
 *
 * Source   c10/cuda/CUDACachingAllocator.cpp: round_size, should_split, free_block, try_merge_blocks
 */
import { MiB, roundUp } from "../../base/units.js";

const MIN_BLOCK = 512;
/** Of larger blocks no less than this is split off. kSmallSize */
const LARGE_REST = MiB;

interface Block {
  readonly address: number;
  size: number;
  isFree: boolean;
  readonly isSmall: boolean;
  before: Block | null;
  after: Block | null;
}

export class Layout {
  private readonly blocks = new Map<number, Block>();
  private readonly maxSplit: number;

  /** @param maxSplit blocks from this size on are not split */
  constructor(maxSplit: number) {
    this.maxSplit = maxSplit;
  }

  /** A segment with what is in use in it, in order of addresses. */
  add(
    address: number,
    size: number,
    isSmall: boolean,
    used: readonly { address: number; size: number }[],
  ): void {
    let last: Block | null = null;
    const put = (start: number, length: number, isFree: boolean): void => {
      if (length <= 0) return;
      const block: Block = { address: start, size: length, isFree, isSmall, before: last, after: null };
      if (last) last.after = block;
      this.blocks.set(start, block);
      last = block;
    };
    let next = address;
    for (const block of used) {
      put(next, block.address - next, true);
      put(block.address, block.size, false);
      next = block.address + block.size;
    }
    put(next, address + size - next, true);
  }

  /** What a request at `address` gets, bytes. */
  allocate(address: number, requested: number): number {
    const rounded = roundUp(Math.max(1, requested), MIN_BLOCK);
    const block = this.blocks.get(address);
    if (!block?.isFree || block.size < rounded) return rounded; // segments that grow by pages are split to the byte
    block.isFree = false;
    const rest = block.size - rounded;
    const splits = block.isSmall ? rest >= MIN_BLOCK : rest > LARGE_REST && rounded < this.maxSplit;
    if (splits) {
      const { after, isSmall } = block;
      const left: Block = {
        address: address + rounded,
        size: rest,
        isFree: true,
        isSmall,
        before: block,
        after,
      };
      if (after) after.before = left;
      block.after = left;
      block.size = rounded;
      this.blocks.set(left.address, left);
    }
    return block.size;
  }

  /** The block at `address` is free again, together with its free neighbours. */
  release(address: number): void {
    const block = this.blocks.get(address);
    if (!block) return;
    block.isFree = true;
    if (block.after?.isFree) this.join(block, block.after);
    if (block.before?.isFree) this.join(block.before, block);
  }

  private join(block: Block, next: Block): void {
    block.size += next.size;
    block.after = next.after;
    if (next.after) next.after.before = block;
    this.blocks.delete(next.address);
  }

  /** A segment goes back to the device. */
  remove(address: number): void {
    this.blocks.delete(address);
  }
}
