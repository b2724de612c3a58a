/**
 * What is asked of the device when no cached block fits. With expandable segments the small pool grows by pages of
 * `SMALL_SEGMENT`, the large one by pages of `large_segment_size_mb`.
 *
 * Source  c10/cuda/CUDACachingAllocator.cpp (get_allocation_size), c10/core/AllocatorConfig.h, torch 2.14.1
 */
import { MiB } from "../../base/units.js";
import type { AllocatorSettings } from "../../ir/setup.js";

/** Requests up to this come from the small pool. kSmallSize */
export const SMALL_REQUEST = MiB;
/** Segments of the small pool. kSmallBuffer */
export const SMALL_SEGMENT = 2 * MiB;
/** Large requests below this share segments; from here on a request gets one of its own. kMinLargeAlloc */
const MIN_LARGE_SEGMENT = 10 * MiB;
/** Those segments are multiples of this. kRoundLarge */
const ROUND_LARGE = 2 * MiB;

export function segmentFor(size: number, { largeSegment }: AllocatorSettings): number {
  if (size <= SMALL_REQUEST) return SMALL_SEGMENT;
  return size < MIN_LARGE_SEGMENT ? largeSegment : Math.ceil(size / ROUND_LARGE) * ROUND_LARGE;
}
