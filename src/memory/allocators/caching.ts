/**
 * PyTorch's CUDA caching allocator.
 *
 * Source  c10/cuda/CUDACachingAllocator.cpp, c10/core/AllocatorConfig.h, torch 2.14.1
 * Stages  round the request → best fit among cached blocks of its pool → collect garbage, if that is asked for → a new
 *         segment → give oversize segments back and try again → give every unused segment back and try again; a block
 *         that is larger than asked is split, unless it is oversize; neighbours coalesce when freed
 * Omits   events of blocks that several streams use (they count as done), graphs' private pools; expandable segments are in
 *         expandable.ts
 */
import type { AllocatorSettings } from "../../ir/setup.js";
import { DEFAULT_ALLOCATOR } from "../default-allocator.js";
import type { Allocator } from "./allocator.js";
import { lowerBound, suits } from "./best-fit.js";
import { MIN_BLOCK, roundTo512, roundToDivision } from "./round-request.js";
import { SMALL_REQUEST, segmentFor } from "./segments.js";

interface Block {
  readonly handle: number;
  pool: Pool;
  address: number;
  size: number;
  allocated: boolean;
  /** The pool's count of searches when it became free. gc_count_base */
  freeSince: number;
  previous: Block | null;
  next: Block | null;
}

/** Free blocks of a stream, by size, then by address. */
interface Pool {
  readonly small: boolean;
  readonly free: Block[];
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
  /** By stream, its small and its large pool. */
  private readonly pools: { readonly small: Pool; readonly large: Pool }[] = [];
  private readonly settings: AllocatorSettings;
  /** Reserved bytes above which garbage is collected; `Infinity` never collects. */
  private readonly garbageLimit: number;
  private largeSearches = 0;
  private nextAddress = 0;

  /**
   * `capacity`: bytes the device can give this process; `Infinity` when it never fills. `limit`: the bytes that a memory
   * fraction allows.
   */
  constructor(
    capacity: number = Number.POSITIVE_INFINITY,
    settings: AllocatorSettings = DEFAULT_ALLOCATOR,
    limit: number = Number.POSITIVE_INFINITY,
  ) {
    this.capacity = Math.min(capacity, limit);
    this.settings = settings;
    // without a fraction, PyTorch does not collect
    const collects = settings.garbageCollectionThreshold > 0 && Number.isFinite(limit);
    this.garbageLimit = collects
      ? Math.floor(settings.garbageCollectionThreshold * limit)
      : Number.POSITIVE_INFINITY;
  }

  allocate(request: number, stream = 0): number {
    const { maxSplitSize, roundupPower2Divisions } = this.settings;
    const size =
      roundupPower2Divisions === null
        ? roundTo512(request)
        : roundToDivision(request, roundupPower2Divisions);
    const small = size <= SMALL_REQUEST;
    const pool = this.poolOf(stream, small);
    const { free } = pool;
    if (!small) this.largeSearches += 1;
    const at = lowerBound(free, size, -1);
    const found = free[at];
    const cached = found && suits(found, size, this.settings) ? found : undefined;
    const block = cached ?? this.fromDevice(size, pool);
    if (block === null) return -1;
    const left = block.size - size;
    const splits = small ? left >= MIN_BLOCK : left > SMALL_REQUEST && size < maxSplitSize;
    const rest = splits ? this.split(block, size) : null;
    if (cached && rest) move(free, at, rest);
    else if (cached) close(free, at);
    else if (rest) insert(free, rest);
    block.allocated = true;
    this.allocated += block.size;
    if (this.allocated > this.peakAllocated) this.peakAllocated = this.allocated;
    return block.handle;
  }

  free(handle: number): void {
    const block = this.blocks[handle] as Block;
    block.allocated = false;
    this.allocated -= block.size;
    const pool = block.pool.free;
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
    whole.freeSince = this.largeSearches;
    if (place) move(pool, at, whole);
    else insert(pool, whole);
  }

  /** Every segment that is one unused block goes back to the device. */
  emptyCache(): void {
    for (const { large, small } of this.pools)
      for (const { free } of [large, small])
        for (let i = free.length - 1; i >= 0; i--) if (isWhole(free[i] as Block)) this.releaseAt(free, i);
  }

  sizeOf(handle: number): number {
    return (this.blocks[handle] as Block).size;
  }

  resetPeaks(): void {
    this.peakAllocated = this.allocated;
    this.peakReserved = this.reserved;
  }

  private poolOf(stream: number, small: boolean): Pool {
    const known = this.pools[stream];
    if (known) return small ? known.small : known.large;
    for (let id = this.pools.length; id <= stream; id++)
      this.pools.push({ small: { small: true, free: [] }, large: { small: false, free: [] } });
    return this.poolOf(stream, small);
  }

  private fromDevice(size: number, pool: Pool): Block | null {
    if (this.reserved > this.garbageLimit) this.collectGarbage();
    const segment = this.newSegment(size, pool);
    if (segment) return segment;
    const afterRelease = this.releaseOversize(size, pool.free) ? this.newSegment(size, pool) : null;
    return afterRelease ?? this.retry(size, pool);
  }

  private newSegment(size: number, pool: Pool): Block | null {
    const bytes = segmentFor(size, this.settings);
    if (this.reserved + bytes > this.capacity) return null;
    this.reserved += bytes;
    if (this.reserved > this.peakReserved) this.peakReserved = this.reserved;
    const block = this.newBlock(pool, this.nextAddress, bytes);
    // segments never touch, so blocks of two segments cannot coalesce
    this.nextAddress += bytes + MIN_BLOCK;
    return block;
  }

  /** The device is full: cached segments are given back, and it is asked once more. */
  private retry(size: number, pool: Pool): Block | null {
    this.emptyCache();
    this.retries += 1;
    return this.newSegment(size, pool);
  }

  /** Gives one oversize segment that is large enough back, or as many as it takes, the largest first. */
  private releaseOversize(request: number, pool: Block[]): boolean {
    const { maxSplitSize } = this.settings;
    if (!Number.isFinite(maxSplitSize)) return false;
    const size = Math.max(request, maxSplitSize);
    const at = lowerBound(pool, size, -1);
    if (at < pool.length) {
      this.releaseAt(pool, at);
      return true;
    }
    let released = 0;
    for (let i = pool.length - 1; i >= 0 && released < size; i--) {
      const block = pool[i] as Block;
      if (block.size < maxSplitSize) break;
      released += block.size;
      this.releaseAt(pool, i);
    }
    return released >= size;
  }

  /** Gives unused large segments back, those first that no search has taken for longest, until few enough are reserved. */
  private collectGarbage(): void {
    const target = this.reserved - this.garbageLimit;
    const ageOf = ({ freeSince }: Block): number => this.largeSearches - freeSince;
    let candidates = this.unusedSegments();
    let reclaimed = 0;
    while (reclaimed < target && candidates.length > 0) {
      let total = 0;
      for (const block of candidates) total += ageOf(block);
      let left = candidates.length;
      const average = total / left;
      for (const block of candidates) {
        if (ageOf(block) < average) continue;
        reclaimed += block.size;
        left -= 1;
        this.releaseAt(block.pool.free, indexOf(block.pool.free, block));
      }
      if (left === candidates.length) return;
      candidates = this.unusedSegments();
    }
  }

  private unusedSegments(): Block[] {
    return this.pools.flatMap(({ large }) => large.free.filter(isWhole));
  }

  private releaseAt(pool: Block[], at: number): void {
    const block = pool[at] as Block;
    close(pool, at);
    this.reserved -= block.size;
    this.unused.push(block);
  }

  /** Cuts `block` to `size`; the rest, in no pool yet. */
  private split(block: Block, size: number): Block {
    const rest = this.newBlock(block.pool, block.address + size, block.size - size);
    rest.previous = block;
    rest.next = block.next;
    rest.freeSince = this.largeSearches;
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

  private newBlock(pool: Pool, address: number, size: number): Block {
    const unused = this.unused.pop();
    if (unused) {
      unused.pool = pool;
      unused.address = address;
      unused.size = size;
      unused.previous = null;
      unused.next = null;
      return unused;
    }
    const handle = this.blocks.length;
    const block: Block = {
      handle,
      pool,
      address,
      size,
      allocated: false,
      freeSince: 0,
      previous: null,
      next: null,
    };
    this.blocks.push(block);
    return block;
  }
}

/** A segment that is one block. */
function isWhole({ previous, next }: Block): boolean {
  return previous === null && next === null;
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
