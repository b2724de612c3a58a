/**
 * TensorFlow's device allocator: best fit with coalescing.
 *
 * Sizes are rounded to 256 B; free chunks are kept in bins by size and taken smallest first. A chunk is split where at least as
 * much as asked would be left, or 128 MiB. Without growth there is one region as large as the limit; with growth regions double
 * from 2 MiB. xla/tsl/framework/bfc_allocator.{h,cc}, TensorFlow 2.21.
 *
 * Untrue   TF_GPU_ALLOCATOR, fragmentation_fraction and the wait for memory of other threads are not told
 */
import { MiB } from "../../base/units.js";
import type { Allocator } from "./allocator.js";
import { lowerBound } from "./best-fit.js";

const ALIGNMENT = 256;
const BINS = 21;
const FIRST_REGION = 2 * MiB;
/** What may be left of a chunk that is handed out whole. */
const MOST_WASTE = 128 * MiB;
/** Regions lie apart: chunks of two never merge. */
const GAP = 2 ** 30;

interface Chunk {
  address: number;
  size: number;
  used: boolean;
  previous: Chunk | null;
  next: Chunk | null;
  readonly region: Region;
}

interface Region {
  readonly start: number;
  readonly size: number;
  first: Chunk | null;
  /** Bytes from its start that were ever in use. */
  touched: number;
}

export interface BfcOptions {
  /** Bytes it may take from the device. */
  readonly limit: number;
  /** Whether it takes them as they are needed, or all at the start. */
  readonly growth: boolean;
  /** Where regions begin, in order: for replays, where addresses break ties. */
  readonly addresses?: readonly number[];
}

export class BestFitWithCoalescing implements Allocator {
  allocated = 0;
  peakAllocated = 0;
  peakReserved = 0;
  readonly retries = 0;
  /** Sizes of regions, in the order they were taken. */
  readonly regions: Region[] = [];
  private pool = 0;
  private nextRegion: number;
  private nextAddress = GAP;
  private readonly options: BfcOptions;
  private readonly bins: Chunk[][] = Array.from({ length: BINS }, () => []);
  private readonly handles: (Chunk | undefined)[] = [];

  constructor(options: BfcOptions) {
    this.options = options;
    this.nextRegion = options.growth ? roundUp(Math.min(options.limit, FIRST_REGION)) : options.limit;
  }

  /** With growth, the regions; without, what of the only region was ever in use: the rest is taken, and idle. */
  get reserved(): number {
    if (this.options.growth) return this.pool;
    return this.regions.reduce((sum, { touched }) => sum + touched, 0);
  }

  allocate(size: number): number {
    const rounded = roundUp(size);
    const chunk =
      this.find(rounded) ??
      (this.extend(rounded) ? this.find(rounded) : null) ??
      this.afterCollection(rounded);
    if (!chunk) return -1;
    chunk.used = true;
    const { region } = chunk;
    region.touched = Math.max(region.touched, chunk.address + chunk.size - region.start);
    this.allocated += chunk.size;
    this.peakAllocated = Math.max(this.peakAllocated, this.allocated);
    this.peakReserved = Math.max(this.peakReserved, this.reserved);
    return this.handles.push(chunk) - 1;
  }

  free(handle: number): void {
    const chunk = this.handles[handle] as Chunk;
    this.handles[handle] = undefined;
    chunk.used = false;
    this.allocated -= chunk.size;
    const { next } = chunk;
    if (next && !next.used) {
      this.remove(next);
      absorb(chunk, next);
    }
    const { previous } = chunk;
    if (!previous || previous.used) {
      this.insert(chunk);
      return;
    }
    this.remove(previous);
    absorb(previous, chunk);
    this.insert(previous);
  }

  /** Memory goes back to the device only when there is no other way. */
  emptyCache(): void {}

  resetPeaks(): void {
    this.peakAllocated = this.allocated;
    this.peakReserved = this.reserved;
  }

  sizeOf(handle: number): number {
    return this.handles[handle]?.size ?? 0;
  }

  addressOf(handle: number): number {
    return this.handles[handle]?.address ?? 0;
  }

  /** The smallest free chunk that is large enough, at the lowest address; split where enough is left. */
  private find(size: number): Chunk | null {
    for (let bin = binOf(size); bin < BINS; bin++) {
      const chunks = this.bins[bin] as Chunk[];
      const at = lowerBound(chunks, size, -1);
      const chunk = chunks[at];
      if (!chunk) continue;
      chunks.splice(at, 1);
      if (chunk.size >= 2 * size || chunk.size - size >= MOST_WASTE) this.split(chunk, size);
      return chunk;
    }
    return null;
  }

  private split(chunk: Chunk, size: number): void {
    const { address, next, region } = chunk;
    const rest: Chunk = {
      address: address + size,
      size: chunk.size - size,
      used: false,
      previous: chunk,
      next,
      region,
    };
    if (next) next.previous = rest;
    chunk.next = rest;
    chunk.size = size;
    this.insert(rest);
  }

  private extend(size: number): boolean {
    const { limit, addresses } = this.options;
    const available = Math.floor((limit - this.pool) / ALIGNMENT) * ALIGNMENT;
    if (Number.isFinite(limit) ? size > available : !this.options.growth && this.regions.length > 0)
      return false;
    let grown = false;
    while (size > this.nextRegion) {
      this.nextRegion *= 2;
      grown = true;
    }
    const taken = Number.isFinite(available) ? Math.min(this.nextRegion, available) : this.nextRegion;
    if (!grown) this.nextRegion *= 2;
    const start = addresses?.[this.regions.length] ?? this.nextAddress;
    this.nextAddress += (Number.isFinite(taken) ? taken : 0) + GAP;
    const region: Region = { start, size: taken, first: null, touched: 0 };
    const chunk: Chunk = { address: start, size: taken, used: false, previous: null, next: null, region };
    region.first = chunk;
    this.regions.push(region);
    this.pool += taken;
    this.insert(chunk);
    return true;
  }

  /** Regions that are wholly free are given back, if that makes room. DeallocateFreeRegions */
  private afterCollection(size: number): Chunk | null {
    if (!this.options.growth) return null;
    const idle = this.regions.filter(
      ({ first, size: all }) => first !== null && !first.used && first.size === all,
    );
    const freed = idle.reduce((sum, region) => sum + region.size, 0);
    if (freed === 0 || this.options.limit - this.pool + freed < size) return null;
    for (const region of idle) {
      this.remove(region.first as Chunk);
      region.first = null;
      this.pool -= region.size;
    }
    return this.extend(size) ? this.find(size) : null;
  }

  private insert(chunk: Chunk): void {
    const chunks = this.bins[binOf(chunk.size)] as Chunk[];
    chunks.splice(lowerBound(chunks, chunk.size, chunk.address), 0, chunk);
  }

  private remove(chunk: Chunk): void {
    const chunks = this.bins[binOf(chunk.size)] as Chunk[];
    chunks.splice(lowerBound(chunks, chunk.size, chunk.address), 1);
  }
}

function roundUp(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

function binOf(size: number): number {
  return Math.min(BINS - 1, Math.floor(Math.log2(Math.max(size, ALIGNMENT) / ALIGNMENT)));
}

/** `left` takes over its right neighbour. */
function absorb(left: Chunk, right: Chunk): void {
  left.size += right.size;
  left.next = right.next;
  if (right.next) right.next.previous = left;
}
