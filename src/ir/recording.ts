/** What was measured of a run, in the words in which a step is predicted: figures, phases, groups of blocks, modules. */
import type { Bytes } from "../base/units.js";

export type MeasuredPhase = "forward" | "backward" | "optimizer";

/**
 * Blocks alive at the peak, told apart by when they come and go, as a recording knows nothing else of them. Resident ones
 * outlive the step or were there before; what forward leaves for later is saved, what backward leaves is a gradient, and what
 * goes in the phase it came in is temporary, scratch of kernels included.
 */
export const GROUPS = ["resident", "saved", "gradients", "temporaries"] as const;
export type Group = (typeof GROUPS)[number];

/** What forward calls of one module leave behind: `kind` is its class, `index` counts its instances by their first call. */
export interface MeasuredModule {
  readonly kind: string;
  readonly index: number;
  readonly bytes: Bytes;
}

/** Highest figures of the run; null where the recording does not tell. */
export interface Recording {
  /** Where: `CUDA 0`, `CPU`. */
  readonly device: string;
  readonly isGpu: boolean;
  /** Optimizer steps that were seen; null where they cannot be. */
  readonly steps: number | null;
  readonly allocated: Bytes | null;
  readonly reserved: Bytes | null;
  /** What the process takes of the device, as nvidia-smi shows it. */
  readonly deviceTotal: Bytes | null;
  /** Host memory of the processes. */
  readonly host: Bytes | null;
  /** Peaks of `allocated`. */
  readonly phases: Readonly<Partial<Record<MeasuredPhase, Bytes>>>;
  /** They sum to `allocated`. */
  readonly groups: Readonly<Record<Group, Bytes>> | null;
  readonly modules: readonly MeasuredModule[];
}
