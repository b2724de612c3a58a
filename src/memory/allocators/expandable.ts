/**
 * PyTorch's caching allocator with `expandable_segments:True`: one segment per pool, mapped page by page as it grows.
 *
 * Source  c10/cuda/CUDACachingAllocator.cpp (get_free_block, find_expandable_block, try_allocate_expandable_block,
 *         map_block, unmap_block, should_split), torch 2.14.1
 */
import type { AllocatorSettings } from "../../ir/setup.js";
import { DEFAULT_ALLOCATOR } from "../default-allocator.js";
import type { Allocator } from "./allocator.js";
import { lowerBound, suits } from "./best-fit.js";
import { roundTo512, roundToDivision } from "./round-request.js";
import { SMALL_REQUEST, SMALL_SEGMENT, segmentFor } from "./segments.js";

/** Addresses of a segment: more than any device has. */
const ADDRESS_SPACE = 2 ** 50;

type State = "allocated" | "free" | "unmapped";

interface Block {
  readonly handle: number;
  readonly pool: Pool;
  readonly address: number;
  size: number;
  state: State;
  previous: Block | null;
  next: Block | null;
}

interface Pool {
  readonly page: number;
  /** By size, then by address. */
  readonly free: Block[];
  /** The first block of the segment. */
  first: Block | null;
}

export class ExpandableAllocator implements Allocator {
  allocated = 0;
  reserved = 0;
  peakAllocated = 0;
  peakReserved = 0;
  /** Times the device was full and free pages were unmapped. */
  retries = 0;
  private readonly capacity: number;
  private readonly limit: number;
  private readonly blocks: Block[] = [];
  private readonly settings: AllocatorSettings;
  /** By stream, its small and its large segment. */
  private readonly pools: { readonly small: Pool; readonly large: Pool }[] = [];

  /**
   * `capacity`: bytes the device can give this process; `Infinity` when it never fills. `limit`: the bytes that a memory
   * fraction allows.
   */
  constructor(
    capacity: number = Number.POSITIVE_INFINITY,
    settings: AllocatorSettings = DEFAULT_ALLOCATOR,
    limit: number = Number.POSITIVE_INFINITY,
  ) {
    this.capacity = capacity;
    this.limit = limit;
    this.settings = settings;
  }

  allocate(request: number, stream = 0): number {
    const { roundupPower2Divisions } = this.settings;
    const size =
      roundupPower2Divisions === null
        ? roundTo512(request)
        : roundToDivision(request, roundupPower2Divisions);
    const pool = this.poolOf(stream, size <= SMALL_REQUEST);
    const found = bestFit(pool, size);
    const block =
      (found && suits(found, size, this.settings) ? found : null) ??
      this.grow(pool, size) ??
      this.retry(pool, size);
    if (block === null) return -1;
    remove(block);
    block.state = "allocated";
    if (block.size > size) insert(this.split(block, size, "free"));
    this.allocated += size;
    if (this.allocated > this.peakAllocated) this.peakAllocated = this.allocated;
    return block.handle;
  }

  free(handle: number): void {
    const block = this.blocks[handle] as Block;
    this.allocated -= block.size;
    this.release(block);
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
    for (let id = this.pools.length; id <= stream; id++) {
      const pools = { small: segment(SMALL_SEGMENT), large: segment(this.settings.largeSegment) }; // what one mapping adds
      for (const pool of [pools.small, pools.large])
        pool.first = this.block(pool, 0, ADDRESS_SPACE, "unmapped");
      this.pools.push(pools);
    }
    return this.poolOf(stream, small);
  }

  /** Maps pages until a free block has `size` bytes: the lowest place where that is possible. */
  private grow(pool: Pool, size: number): Block | null {
    if (this.reserved + segmentFor(size, this.settings) > this.limit) return null;
    for (let at = pool.first; at; at = at.next) {
      if (at.state !== "unmapped") continue;
      const start = at.previous?.state === "free" ? at.previous : at;
      if (roomAt(start) < size) continue;
      let block: Block | null = start.state === "free" ? start : this.map(start, size);
      while (block && block.size < size) block = this.map(block.next as Block, size - block.size);
      return block;
    }
    return null;
  }

  /** Maps the pages of the unmapped `block` that hold its first `size` bytes; the free block they are part of now. */
  private map(block: Block, size: number): Block | null {
    const { page } = block.pool;
    const mapped = Math.min(block.size, Math.ceil(size / page) * page);
    if (this.reserved + mapped > this.capacity) return null;
    this.reserved += mapped;
    if (this.reserved > this.peakReserved) this.peakReserved = this.reserved;
    if (mapped < block.size) this.split(block, mapped, "unmapped");
    return this.release(block);
  }

  /** The device is full: whole free pages are unmapped, and it is asked once more. */
  private retry(pool: Pool, size: number): Block | null {
    this.emptyCache();
    this.retries += 1;
    return this.grow(pool, size);
  }

  emptyCache(): void {
    for (const { large, small } of this.pools)
      for (const { free, page } of [large, small]) for (const block of [...free]) this.unmap(block, page);
  }

  /** Gives back the whole pages inside a free block. */
  private unmap(block: Block, page: number): void {
    const from = Math.ceil(block.address / page) * page - block.address;
    const to = Math.floor((block.address + block.size) / page) * page - block.address;
    if (to <= from) return;
    remove(block);
    const middle = from > 0 ? this.split(block, from, "free") : block;
    if (from > 0) insert(block);
    if (to - from < middle.size) insert(this.split(middle, to - from, "free"));
    middle.state = "unmapped";
    this.reserved -= middle.size;
    if (middle.next?.state === "unmapped") join(middle, middle.next);
    if (middle.previous?.state === "unmapped") join(middle.previous, middle);
  }

  /** Makes `block` free, as one with its free neighbours. */
  private release(block: Block): Block {
    let whole = block;
    if (block.next?.state === "free") {
      remove(block.next);
      join(block, block.next);
    }
    if (block.previous?.state === "free") {
      whole = block.previous;
      remove(whole);
      join(whole, block);
    }
    whole.state = "free";
    insert(whole);
    return whole;
  }

  /** Cuts `block` to `size`; the rest, in no list. */
  private split(block: Block, size: number, state: State): Block {
    const rest = this.block(block.pool, block.address + size, block.size - size, state);
    rest.previous = block;
    rest.next = block.next;
    if (rest.next) rest.next.previous = rest;
    block.next = rest;
    block.size = size;
    return rest;
  }

  private block(pool: Pool, address: number, size: number, state: State): Block {
    const handle = this.blocks.length;
    const block: Block = { handle, pool, address, size, state, previous: null, next: null };
    this.blocks.push(block);
    return block;
  }
}

function segment(page: number): Pool {
  return { page, free: [], first: null };
}

/** Bytes from `block` on that are free or can be mapped. */
function roomAt(block: Block): number {
  let bytes = 0;
  for (let at: Block | null = block; at && at.state !== "allocated"; at = at.next) bytes += at.size;
  return bytes;
}

/** The smallest free block that is large enough; one that could grow counts with what it could grow to. */
function bestFit({ free }: Pool, size: number): Block | null {
  let at = lowerBound(free, size, -1);
  while (at + 1 < free.length && grown(free[at + 1] as Block) < grown(free[at] as Block)) at++;
  return free[at] ?? null;
}

function grown({ size, next }: Block): number {
  return next?.state === "unmapped" ? size + next.size : size;
}

function insert(block: Block): void {
  const { free } = block.pool;
  free.splice(lowerBound(free, block.size, block.address), 0, block);
}

function remove(block: Block): void {
  const { free } = block.pool;
  free.splice(lowerBound(free, block.size, block.address), 1);
}

/** `next`, which follows `block`, becomes part of it. */
function join(block: Block, next: Block): void {
  block.size += next.size;
  block.next = next.next;
  if (next.next) next.next.previous = block;
}
