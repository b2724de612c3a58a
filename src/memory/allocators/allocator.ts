/** What the simulation asks of a framework's allocator. Handles are small integers. */
export interface Allocator {
  /** A handle, or -1 when the device is full even after cached memory was given back. Cached blocks serve their own stream. */
  allocate(size: number, stream?: number): number;
  free(handle: number): void;
  /** Gives cached memory back to the device. */
  emptyCache(): void;
  /** Bytes of blocks in use, rounded as the allocator rounds. */
  readonly allocated: number;
  /** Bytes taken from the device. */
  readonly reserved: number;
  /** Highest `allocated` and `reserved` since the last `resetPeaks`. */
  readonly peakAllocated: number;
  readonly peakReserved: number;
  /** Times the device was full and cached memory was given back. */
  readonly retries: number;
  resetPeaks(): void;
  /** Rounded size of the block behind `handle`. */
  sizeOf(handle: number): number;
}
