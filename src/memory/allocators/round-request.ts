/**
 * How large a block a request becomes.
 *
 * Source  c10/cuda/CUDACachingAllocator.cpp (round_size, roundup_power2_next_division), c10/core/AllocatorConfig.cpp
 *         (roundup_power2_divisions), torch 2.14.1
 */
import { MiB } from "../../base/units.js";

/** All block sizes are multiples of this. kMinBlockSize */
export const MIN_BLOCK = 512;

/** The multiple of 512 B that holds `request`. */
export function roundTo512(request: number): number {
  return request < MIN_BLOCK ? MIN_BLOCK : Math.ceil(request / MIN_BLOCK) * MIN_BLOCK;
}

/** With `roundup_power2_divisions`: the next of so many equal steps between two powers of two. */
export function roundToDivision(request: number, divisions: readonly number[]): number {
  let power = 1;
  while (power * 2 <= request) power *= 2;
  const steps = divisions[intervalOf(power)] ?? 0;
  if (request < MIN_BLOCK || steps <= 1 || request <= MIN_BLOCK * steps) return roundTo512(request);
  const step = power / steps;
  return Math.ceil(request / step) * step;
}

/** Intervals begin at 1 MiB, 2 MiB, 4 MiB, … ; smaller requests belong to the first, larger ones to the last. */
export const INTERVALS = 16;

function intervalOf(power: number): number {
  return Math.min(INTERVALS - 1, Math.max(0, Math.log2(power / MiB)));
}
