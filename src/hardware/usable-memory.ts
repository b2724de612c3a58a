import { GiB, MiB } from "../base/units.js";
import type { Gpu } from "./gpus.js";

export interface UsableMemory {
  /** Total a process is told, context included. */
  readonly bytes: number;
  /** exact: reported for such a device. assumed: derived by the rule below. */
  readonly basis: "exact" | "assumed";
  readonly because: string;
}

/**
 * Driver and firmware keep 2 % of the memory, at least 0.25 GiB, on NVIDIA devices. Over the rows with a
 * recorded total this errs by at most 0.1 GiB upwards and 1.5 % of the capacity downwards (the table test
 * checks it): a derived load line is, if anything, too low.
 */
const DRIVER_SHARE = 0.02;
const DRIVER_LEAST = 0.25 * GiB;
/** ECC bits of GDDR devices take one sixteenth of the memory itself: 24 GB minus 1.5 is what an A10G starts from. */
const ECC_SHARE = 1 / 16;
/** All recorded AMD totals are 0.02 GiB below capacity: 15.98 of 16, 287.98 of 288. */
const AMD_LEAST = 0.02 * GiB;

/** What a process can use of `gpu` at most: the recorded total, or a derived one. */
export function usableMemory(gpu: Gpu): UsableMemory {
  if (gpu.usableBytes !== undefined) {
    return {
      bytes: gpu.usableBytes,
      basis: "exact",
      because: `total reported for such a device, ${gpu.usableSource}`,
    };
  }
  return {
    bytes: derivedUsableBytes(gpu),
    basis: "assumed",
    because: "capacity less ECC and the driver's share",
  };
}

/** The rule alone, in whole MiB; exported so that its test can compare it with recorded totals. */
export function derivedUsableBytes({ vendor, memoryBytes, inBandEcc }: Gpu): number {
  const visible = memoryBytes * (inBandEcc ? 1 - ECC_SHARE : 1);
  const kept = vendor === "amd" ? AMD_LEAST : Math.max(DRIVER_LEAST, visible * DRIVER_SHARE);
  return Math.floor((visible - kept) / MiB) * MiB;
}
