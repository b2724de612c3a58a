import { describe, expect, test } from "vitest";
import { bytes, MiB, NO_BYTES } from "../base/units.js";
import type { Machine } from "../ir/setup.js";
import { allocation, type Block, release, type Section, type Step } from "../ir/step.js";
import { DEFAULT_ALLOCATOR } from "./default-allocator.js";
import { simulateMemory } from "./simulate-memory.js";

const machine = (capacity: number): Machine => ({
  gpu: null,
  capacity: bytes(capacity),
  context: NO_BYTES,
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
});

const block = (id: number, size: number, trial = false): Block => ({
  id,
  bytes: bytes(size),
  category: "workspace",
  label: `#${id}`,
  node: null,
  shape: [],
  dtype: "uint8",
  because: "drawn",
  trial,
  stream: 0,
});
const forward = (...actions: number[]): Section => ({
  phase: "forward",
  actions,
  nodes: actions.map(() => -1),
});

/** A first step that frees 20 MiB, times plans in 100 MiB, then needs 30 MiB; later steps only need those. */
const step: Step = {
  name: "drawn",
  blocks: [block(0, 20 * MiB), block(1, 100 * MiB, true), block(2, 30 * MiB)],
  resident: { phase: "resident", actions: [], nodes: [] },
  first: [forward(allocation(0), release(0), allocation(1), release(1), allocation(2), release(2))],
  steady: [forward(allocation(2), release(2))],
  carried: [],
};

describe("plans that are timed in the first step", () => {
  test("count for its peak; then the cache is emptied", () => {
    const { first, steady, reserved } = simulateMemory(step, machine(1000 * MiB));
    expect(first.peak.allocated).toBe(100 * MiB);
    expect([reserved, first.reserved, steady.reserved]).toEqual([120 * MiB, 30 * MiB, 30 * MiB]);
  });

  test("make do without what does not fit", () => {
    const { first, outOfMemory } = simulateMemory(step, machine(90 * MiB));
    expect(outOfMemory).toBeNull();
    expect(first.peak.allocated).toBe(30 * MiB);
  });

  test("give unused pages of growing segments back as well", () => {
    const { first } = simulateMemory(step, machine(1000 * MiB), {
      allocator: { ...DEFAULT_ALLOCATOR, expandableSegments: true },
    });
    expect([first.peak.allocated, first.reserved]).toEqual([100 * MiB, 40 * MiB]);
  });
});
