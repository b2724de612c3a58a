/** The answer to "how large may it be": what `fit --json` prints and `fit()` returns (schema `plimsoll/fit@1`). */
import type { ModelReport, SetupReport } from "./report.js";

/** What is made larger until it no longer fits. */
export type FitAxis = "batch" | "sequence" | "image";

/** Why it is not larger: the device is full, the model takes no larger size, or the search ends there. */
export type FitLimit = "memory" | "model" | "search";

export interface FitOnGpu {
  readonly gpu: string;
  readonly title: string;
  /** The most a process can use. */
  readonly capacityBytes: number;
  /** What was to stay free of it: the margin, and the interval's upper side where a confidence was asked for. */
  readonly keptFreeBytes: number;
  /** In units of the axis; zero when not even the smallest size fits. */
  readonly largest: number;
  readonly limit: FitLimit;
  /** The step was planned anew at this size and at the next; else both are told by lines between planned sizes. */
  readonly exact: boolean;
  /** As nvidia-smi at that size; at the smallest one where nothing fits. */
  readonly deviceTotalBytes: number;
  /** Smaller sizes that were tried and do not fit: near the limit fragmentation decides. */
  readonly holes: readonly number[];
}

export interface SmallestGpu {
  readonly gpu: string;
  readonly title: string;
  readonly capacityBytes: number;
  readonly deviceTotalBytes: number;
}

export interface NearestMiss {
  readonly gpu: string;
  /** The smallest size of the axis. */
  readonly at: number;
  /** Device total less what may be used. */
  readonly missingBytes: number;
}

export interface FitReport {
  readonly schema: "plimsoll/fit@1";
  readonly model: Pick<ModelReport, "name" | "source">;
  readonly setup: SetupReport;
  readonly for: FitAxis;
  /** Sizes are whole multiples of this: 1 sample, 64 tokens, 32 pixels. */
  readonly stride: number;
  readonly margin: string | null;
  readonly confidence: number | null;
  /** On the one device that was named; null for other axes and for several devices. */
  readonly largestBatch: number | null;
  /** The same in units of the axis that was asked for. */
  readonly largest: number | null;
  readonly limit: FitLimit | null;
  readonly perGpu: readonly FitOnGpu[];
  /** The device with the least memory on which the asked setup fits as it is; null when none of those known does. */
  readonly smallestGpu: SmallestGpu | null;
  /** Null unless nothing fits. */
  readonly nearestMiss: NearestMiss | null;
}
