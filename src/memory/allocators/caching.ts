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
    const at = lowerBound(pool, size, -1);
    const cached = pool[at];
    const block = cached ?? this.newSegment(size, small) ?? this.retry(size, small);
    if (block === null) return -1;
    const left = block.size - size;
    const rest = (small ? left >= MIN_BLOCK : left > SMALL_REQUEST) ? this.split(block, size) : null;
    if (cached && rest) move(pool, at, rest);
    else if (cached) close(pool, at);
    else if (rest) insert(pool, rest);
    block.allocated = true;
    this.allocated += block.size;
    if (this.allocated > this.peakAllocated) this.peakAllocated = this.allocated;
    return block.handle;
  }

  free(handle: number): void {
    const block = this.blocks[handle] as Block;
    block.allocated = false;
    this.allocated -= block.size;
    const pool = block.small ? this.smallPool : this.largePool;
    const { previous, next } = block;
    const before = previous && !previous.allocated ? previous : null;
    const after = next && !next.allocated ? next : null;
    const whole = before ?? block;
    // one of the free neighbours lends its place in the pool to the whole
    if (before && after) close(pool, indexOf(pool, after));
    const place = before ?? after;
    const at = place ? indexOf(pool, place) : -1;
    if (after) this.join(block, after);
    if (before) this.join(before, block);
    if (place) move(pool, at, whole);
    else insert(pool, whole);
  }

  emptyCache(): void {
    this.releaseCached();
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

  /** The device is full: cached segments are given back, and it is asked once more. */
  private retry(size: number, small: boolean): Block | null {
    if (!this.releaseCached()) return null;
    this.retries += 1;
    return this.newSegment(size, small);
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
        this.unused.push(block);
        released = true;
      }
    }
    return released;
  }

  /** Cuts `block` to `size`; the rest, in no pool yet. */
  private split(block: Block, size: number): Block {
    const rest = this.newBlock(block.small, block.address + size, block.size - size);
    rest.previous = block;
    rest.next = block.next;
    if (rest.next) rest.next.previous = rest;
    block.next = rest;
    block.size = size;
    return rest;
  }

  /** `next`, which follows `block`, becomes part of it. */
  private join(block: Block, next: Block): void {
    block.size += next.size;
    block.next = next.next;
    if (next.next) next.next.previous = block;
    this.unused.push(next);
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

function indexOf(pool: readonly Block[], { size, address }: Block): number {
  return lowerBound(pool, size, address);
}

// shifted by hand: `splice` makes an array of what it removes, at every allocation and release

function insert(pool: Block[], block: Block): void {
  const at = indexOf(pool, block);
  for (let i = pool.push(block) - 1; i > at; i--) pool[i] = pool[i - 1] as Block;
  pool[at] = block;
}

function close(pool: Block[], at: number): void {
  for (let i = at + 1; i < pool.length; i++) pool[i - 1] = pool[i] as Block;
  pool.pop();
}

/** Takes the block at `from` out and puts `block` where it belongs. */
function move(pool: Block[], from: number, block: Block): void {
  let at = from;
  for (; at > 0 && precedes(block, pool[at - 1] as Block); at--) pool[at] = pool[at - 1] as Block;
  if (at === from)
    for (; at < pool.length - 1 && precedes(pool[at + 1] as Block, block); at++)
      pool[at] = pool[at + 1] as Block;
  pool[at] = block;
}

function precedes(one: Block, other: Block): boolean {
  return one.size < other.size || (one.size === other.size && one.address < other.address);
}
