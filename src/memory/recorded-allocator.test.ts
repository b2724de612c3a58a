/** Every setting of PYTORCH_CUDA_ALLOC_CONF against PyTorch's own allocator: random requests, event by event. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MiB } from "../base/units.js";
import { readAllocatorConf } from "./allocator-conf.js";
import { allocatorFor } from "./simulate-memory.js";

interface Row {
  readonly setting: string;
  readonly trace: string;
  /** After each event, in units of 512 B and in MiB. */
  readonly allocated?: readonly number[];
  readonly reserved?: readonly number[];
  readonly failed?: readonly number[];
  readonly retries?: number;
  readonly error?: string;
}

const recording: {
  readonly memoryMiB: number;
  readonly contextMiB: number;
  readonly traces: Readonly<Record<string, readonly number[]>>;
  readonly rows: readonly Row[];
} = JSON.parse(readFileSync(join(import.meta.dirname, "../../oracle/recorded/allocator.json"), "utf8"));

const device = { capacity: recording.memoryMiB * MiB, context: recording.contextMiB * MiB };

describe("random requests", () => {
  for (const { setting, trace, allocated, reserved, failed, retries } of recording.rows) {
    test(`${trace}, ${setting || "no setting"}`, () => {
      const allocator = allocatorFor(device, readAllocatorConf(setting, "test").settings);
      const live: number[] = [];
      const mine = { allocated: [] as number[], reserved: [] as number[], failed: [] as number[] };
      for (const [at, event] of (recording.traces[trace] ?? []).entries()) {
        if (event > 0) {
          const handle = allocator.allocate(event);
          if (handle < 0) mine.failed.push(at);
          live.push(handle);
        } else {
          const [handle] = live.splice(-event - 1, 1);
          if (handle !== undefined && handle >= 0) allocator.free(handle);
        }
        mine.allocated.push(allocator.allocated / 512);
        mine.reserved.push(allocator.reserved / MiB);
      }
      expect(mine).toEqual({ allocated, reserved, failed });
      expect(allocator.retries).toBe(retries);
    });
  }
});
