import { MiB } from "../base/units.js";
import type { AllocatorSettings } from "../ir/setup.js";

/** What the allocator does when PYTORCH_CUDA_ALLOC_CONF is not set. c10/core/AllocatorConfig.h, torch 2.14.1. */
export const DEFAULT_ALLOCATOR: AllocatorSettings = {
  backend: "native",
  expandableSegments: false,
  largeSegment: 20 * MiB,
  maxSplitSize: Number.POSITIVE_INFINITY,
  maxNonSplitRounding: 20 * MiB,
  roundupPower2Divisions: null,
  garbageCollectionThreshold: 0,
  memoryFraction: null,
};
