/**
 * One measurement → what it tells of the machine. Context takes what was measured outside of the allocator, as far as
 * processes were ever seen to hold that much; scratch of kernels takes what is left, as far as scratch can be that large.
 *
 * Untrue   one number cannot tell a context from a wrong prediction: what is beyond these limits is left unexplained
 */
import { MiB } from "../base/units.js";
import { contextMemory } from "../hardware/contexts.js";
import type { Machine } from "../ir/setup.js";
import type { Calibration, Figures } from "./compare.js";

/** Of a handle: what cuBLAS is given at most. aten/src/ATen/cuda/CUDABlas.cpp: 32 MiB from Hopper on, 8 MiB before. */
const MOST_HANDLE = 32 * MiB;
/** Differences below say nothing of scratch: a cached block that is so much larger is handed out whole. */
const NOISE = MiB;
/** cuBLAS takes workspaces in this granularity. */
const GRANULARITY = 512;

export interface CalibrateOptions {
  readonly predicted: Figures;
  readonly measured: Figures;
  readonly machine: Machine;
  readonly model: string;
  /** cuBLAS handles with scratch alive at the peak. */
  readonly handles: number;
  /** By how much scratch of convolutions can be off. */
  readonly spread: number;
}

/** Null when nothing was measured, or on no device. */
export function calibrate(options: CalibrateOptions): Calibration | null {
  const { predicted, measured, machine, model, handles, spread } = options;
  const { allocatedBytes, reservedBytes, deviceTotalBytes } = measured;
  if (allocatedBytes === null && reservedBytes === null && deviceTotalBytes === null) return null;
  const notes: string[] = [];
  let contextBytes: number | null = null;
  let left = 0;
  if (deviceTotalBytes !== null) {
    const outside = deviceTotalBytes - (reservedBytes ?? predicted.reservedBytes ?? 0);
    const capability = machine.computeCapability.join(".");
    const [low, high] = [
      contextMemory(capability).lowBytes,
      contextMemory(capability, { loading: "eager" }).highBytes,
    ];
    contextBytes = Math.min(high, Math.max(low, outside));
    left = outside - contextBytes;
    notes.push(
      reservedBytes === null
        ? "context: the device total less what is predicted as reserved"
        : "context: the device total less what was reserved",
    );
    if (left !== 0)
      notes.push("context: kept within what processes were seen to hold outside of the allocator");
  }
  if (allocatedBytes !== null) left = allocatedBytes - (predicted.allocatedBytes ?? 0);
  else if (reservedBytes !== null) left = reservedBytes - (predicted.reservedBytes ?? 0);
  const workspaceBytes = scratchOf(left, machine.blasWorkspace, handles, spread);
  const explained = workspaceBytes === null ? 0 : (workspaceBytes - machine.blasWorkspace) * handles;
  if (workspaceBytes !== null)
    notes.push("scratch: what was allocated beyond the prediction, shared out to cuBLAS handles");
  else if (Math.abs(left) >= NOISE)
    notes.push(
      "scratch: the difference is larger than scratch can be, or no matrix product runs; it is left unexplained",
    );
  return {
    profile: {
      schema: "plimsoll/profile@1",
      gpu: machine.gpu,
      contextBytes,
      workspaceBytes,
      measuredWith: model,
    },
    unexplainedBytes: explained - left,
    notes,
  };
}

/** Scratch of a handle that explains `difference`; null where it cannot. */
function scratchOf(difference: number, workspace: number, handles: number, spread: number): number | null {
  if (handles === 0 || Math.abs(difference) < NOISE) return null;
  const size = workspace + Math.round(difference / handles / GRANULARITY) * GRANULARITY;
  const most = Math.max(MOST_HANDLE, workspace) + spread / handles;
  return size >= 0 && size <= most ? size : null;
}
