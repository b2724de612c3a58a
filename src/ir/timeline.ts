/** Timeline: what the allocator hands out at every moment, and what is alive at the peak. */
import type { Bytes } from "../base/units.js";
import type { BlockId, Phase } from "./step.js";

export interface PhasePeak {
  readonly phase: Phase;
  readonly peakAllocated: Bytes;
  readonly peakReserved: Bytes;
}

/** The moment of the highest allocated bytes. */
export interface Peak {
  readonly allocated: Bytes;
  readonly phase: Phase;
  /** The forward node whose kernel (or whose gradient's kernel) allocates last before the peak; -1 for none. */
  readonly node: number;
  /** Blocks alive then, in allocation order. */
  readonly alive: readonly BlockId[];
}

export interface StepTimeline {
  readonly phases: readonly PhasePeak[];
  readonly peak: Peak;
  readonly reserved: Bytes;
}

/** One allocate, free or segment event with the totals after it. */
export interface Moment {
  readonly kind: "allocate" | "free" | "segment" | "segment-free" | "out-of-memory";
  readonly block: BlockId | null;
  readonly size: Bytes;
  readonly allocated: Bytes;
  readonly reserved: Bytes;
  readonly phase: Phase;
}

export interface Timeline {
  readonly first: StepTimeline;
  readonly steady: StepTimeline;
  /** Highest reserved bytes since the process began. */
  readonly reserved: Bytes;
  /** The request that did not fit even after cached blocks were released, or null. */
  readonly outOfMemory: { readonly block: BlockId; readonly phase: Phase; readonly step: number } | null;
  /** Times the device was full and cached memory was given back. num_alloc_retries. */
  readonly retries: number;
  /** Every moment of the last simulated step; empty unless asked for. */
  readonly moments: readonly Moment[];
}

/** Stable text: one line per moment. */
export function printTimeline(timeline: Timeline): string {
  const lines = ["timeline"];
  for (const { kind, block, size, allocated, reserved, phase } of timeline.moments) {
    lines.push(
      `${phase} ${kind} ${block === null ? "" : `#${block} `}${size} allocated ${allocated} reserved ${reserved}`,
    );
  }
  return `${lines.join("\n")}\n`;
}
