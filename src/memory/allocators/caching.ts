/**
 * PyTorch's CUDA caching allocator for one stream.
 *
 * Source  c10/cuda/CUDACachingAllocator.cpp, c10/core/AllocatorConfig.h, torch 2.14.1
 * Stages  round the request → best fit among cached blocks of its pool → a new segment → give every unused
 *         segment back and try again; a block that is larger than asked is split; neighbours coalesce when freed
 * Omits   streams, graphs' private pools, expandable segments
 */
import { MiB } from "../../base/units.js";
import type { Allocator } from "./allocator.js";

/** All block sizes are multiples of this. kMinBlockSize */
const MIN_BLOCK = 512;
/** Requests up to this come from the small pool. kSmallSize */
const SMALL_REQUEST = MiB;
/** Segments of the small pool. kSmallBuffer */
const SMALL_SEGMENT = 2 * MiB;
/** Large requests below `MIN_LARGE_SEGMENT` share segments of this size. kLargeBuffer */
const LARGE_SEGMENT = 20 * MiB;
/** From here on a request gets a segment of its own. kMinLargeAlloc */
const MIN_LARGE_SEGMENT = 10 * MiB;
/** Those segments are multiples of this. kRoundLarge */
const ROUND_LARGE = 2 * MiB;

interface Block {
  readonly handle: number;
  small: boolean;
  address: number;
  size: number;
  allocated: boolean;
  previous: Block | null;
  next: Block | null;
}

export class CachingAllocator implements Allocator {
  allocated = 0;
  reserved = 0;
  peakAllocated = 0;
  peakReserved = 0;
  /** Times the device was full and cached segments were given back. */
  retries = 0;
  private readonly capacity: number;
  private readonly blocks: Block[] = [];
  private readonly unused: Block[] = [];
  private readonly smallPool: Block[] = [];
  private readonly largePool: Block[] = [];
  private nextAddress = 0;

  /** `capacity`: bytes the device can give this process; `Infinity` when it never fills. */
  constructor(capacity: number = Number.POSITIVE_INFINITY) {
    this.capacity = capacity;
  }

  allocate(request: number): number {
    const size = request < MIN_BLOCK ? MIN_BLOCK : Math.ceil(request / MIN_BLOCK) * MIN_BLOCK;
    const small = size <= SMALL_REQUEST;
    const pool = small ? this.smallPool : this.largePool;
    let block = takeBestFit(pool, size) ?? this.newSegment(size, small);
    if (block === null && this.releaseCached()) {
      this.retries += 1;
      block = this.newSegment(size, small);
    }
    if (block === null) return -1;
    const rest = block.size - size;
    if (small ? rest >= MIN_BLOCK : rest > SMALL_REQUEST) this.split(block, size, pool);
    block.allocated = true;
    this.allocated += block.size;
    if (this.allocated > this.peakAllocated) this.peakAllocated = this.allocated;
    return block.handle;
  }

  free(handle: number): void {
    let block = this.blocks[handle] as Block;
    block.allocated = false;
    this.allocated -= block.size;
    const pool = block.small ? this.smallPool : this.largePool;
    const { previous, next } = block;
    if (previous && !previous.allocated) {
      remove(pool, previous);
      previous.size += block.size;
      previous.next = block.next;
      if (block.next) block.next.previous = previous;
      this.forget(block);
      block = previous;
    }
    if (next && !next.allocated) {
      remove(pool, next);
      block.size += next.size;
      block.next = next.next;
      if (next.next) next.next.previous = block;
      this.forget(next);
    }
    insert(pool, block);
  }

  sizeOf(handle: number): number {
    return (this.blocks[handle] as Block).size;
  }

  resetPeaks(): void {
    this.peakAllocated = this.allocated;
    this.peakReserved = this.reserved;
  }

  private newSegment(size: number, small: boolean): Block | null {
    const bytes = small
      ? SMALL_SEGMENT
      : size < MIN_LARGE_SEGMENT
        ? LARGE_SEGMENT
        : Math.ceil(size / ROUND_LARGE) * ROUND_LARGE;
    if (this.reserved + bytes > this.capacity) return null;
    this.reserved += bytes;
    if (this.reserved > this.peakReserved) this.peakReserved = this.reserved;
    const block = this.newBlock(small, this.nextAddress, bytes);
    // segments never touch, so blocks of two segments cannot coalesce
    this.nextAddress += bytes + MIN_BLOCK;
    return block;
  }

  /** Gives back every segment that is one unused block. */
  private releaseCached(): boolean {
    let released = false;
    for (const pool of [this.largePool, this.smallPool]) {
      for (let i = pool.length - 1; i >= 0; i--) {
        const block = pool[i] as Block;
        if (block.previous || block.next) continue;
        pool.splice(i, 1);
        this.reserved -= block.size;
        this.forget(block);
        released = true;
      }
    }
    return released;
  }

  private split(block: Block, size: number, pool: Block[]): void {
    const rest = this.newBlock(block.small, block.address + size, block.size - size);
    rest.previous = block;
    rest.next = block.next;
    if (rest.next) rest.next.previous = rest;
    block.next = rest;
    block.size = size;
    insert(pool, rest);
  }

  private newBlock(small: boolean, address: number, size: number): Block {
    const unused = this.unused.pop();
    if (unused) {
      unused.small = small;
      unused.address = address;
      unused.size = size;
      unused.previous = null;
      unused.next = null;
      return unused;
    }
    const handle = this.blocks.length;
    const block: Block = { handle, small, address, size, allocated: false, previous: null, next: null };
    this.blocks.push(block);
    return block;
  }

  /** `block` is part of another one now, or given back. */
  private forget(block: Block): void {
    this.unused.push(block);
  }
}

/** Index of the first block not smaller than (size, address). */
function lowerBound(pool: readonly Block[], size: number, address: number): number {
  let low = 0;
  let high = pool.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = pool[middle] as Block;
    if (block.size < size || (block.size === size && block.address < address)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function takeBestFit(pool: Block[], size: number): Block | null {
  const at = lowerBound(pool, size, -1);
  if (at === pool.length) return null;
  const block = pool[at] as Block;
  close(pool, at);
  return block;
}

// shifted by hand: `splice` makes an array of what it removes, at every allocation and release

function insert(pool: Block[], block: Block): void {
  const at = lowerBound(pool, block.size, block.address);
  for (let i = pool.push(block) - 1; i > at; i--) pool[i] = pool[i - 1] as Block;
  pool[at] = block;
}

function remove(pool: Block[], block: Block): void {
  close(pool, lowerBound(pool, block.size, block.address));
}

function close(pool: Block[], at: number): void {
  for (let i = at + 1; i < pool.length; i++) pool[i - 1] = pool[i] as Block;
  pool.pop();
}
