/**
 * `backend:cudaMallocAsync`: PyTorch passes every request to the CUDA driver's memory pool and caches nothing itself.
 *
 * Source  c10/cuda/CUDAMallocAsyncAllocator.cpp, torch 2.14.1: the pool's release threshold is raised so that it keeps
 *         what it has; `memory_allocated` and `memory_reserved` are the pool's own counts.
 * Untrue  How the driver places blocks is not published. It maps physical memory behind virtual addresses, so the pool
 *         is taken to be as large as its largest use, in the granules that cuMemGetAllocationGranularity reports.
 */
import { MiB } from "../../base/units.js";
import type { Allocator } from "./allocator.js";
import { roundTo512 } from "./round-request.js";

/** Smallest physical allocation of the CUDA driver's virtual memory functions on its GPUs. */
const GRANULE = 2 * MiB;

export class DriverPool implements Allocator {
  allocated = 0;
  reserved = 0;
  peakAllocated = 0;
  peakReserved = 0;
  /** The pool gives back what it does not use when the device is full; here it never holds more than it needs. */
  readonly retries = 0;
  private readonly capacity: number;
  private readonly sizes: number[] = [];
  private readonly unused: number[] = [];

  /** `capacity`: bytes the device can give this process; `Infinity` when it never fills. */
  constructor(capacity: number = Number.POSITIVE_INFINITY) {
    this.capacity = capacity;
  }

  allocate(request: number): number {
    const size = roundTo512(request);
    const needed = Math.ceil((this.allocated + size) / GRANULE) * GRANULE;
    if (needed > this.capacity) return -1;
    this.allocated += size;
    if (needed > this.reserved) this.reserved = needed;
    if (this.allocated > this.peakAllocated) this.peakAllocated = this.allocated;
    if (this.reserved > this.peakReserved) this.peakReserved = this.reserved;
    const handle = this.unused.pop() ?? this.sizes.length;
    this.sizes[handle] = size;
    return handle;
  }

  free(handle: number): void {
    this.allocated -= this.sizeOf(handle);
    this.unused.push(handle);
  }

  /** What the pool holds unused goes back to the device. */
  emptyCache(): void {
    this.reserved = Math.ceil(this.allocated / GRANULE) * GRANULE;
  }

  sizeOf(handle: number): number {
    return this.sizes[handle] as number;
  }

  resetPeaks(): void {
    this.peakAllocated = this.allocated;
    this.peakReserved = this.reserved;
  }
}
