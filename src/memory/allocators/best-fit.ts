/** The order in which PyTorch's allocators look through free blocks: by size, then by address. */
import type { AllocatorSettings } from "../../ir/setup.js";

export interface Placed {
  readonly size: number;
  readonly address: number;
}

/** Index of the first block not smaller than (size, address). */
export function lowerBound(blocks: readonly Placed[], size: number, address: number): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = blocks[middle] as Placed;
    if (block.size < size || (block.size === size && block.address < address)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Oversize blocks are for oversize requests, and for those only if little is left over. get_free_block, torch 2.14.1. */
export function suits(block: Placed, size: number, settings: AllocatorSettings): boolean {
  const { maxSplitSize, maxNonSplitRounding } = settings;
  return size < maxSplitSize ? block.size < maxSplitSize : block.size < size + maxNonSplitRounding;
}
