import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MiB } from "../../base/units.js";
import { DEFAULT_ALLOCATOR } from "../default-allocator.js";
import { CachingAllocator } from "./caching.js";

describe("segments", () => {
  test("requests up to 1 MiB share segments of 2 MiB", () => {
    const allocator = new CachingAllocator();
    allocator.allocate(1);
    allocator.allocate(MiB);
    expect([allocator.allocated, allocator.reserved]).toEqual([512 + MiB, 2 * MiB]);
  });

  test("requests of 1 to 10 MiB share segments of 20 MiB", () => {
    const allocator = new CachingAllocator();
    allocator.allocate(MiB + 1);
    allocator.allocate(9 * MiB);
    expect(allocator.reserved).toBe(20 * MiB);
  });

  test("larger requests get a segment of their own, rounded to 2 MiB", () => {
    const allocator = new CachingAllocator();
    allocator.allocate(11 * MiB + 1);
    expect(allocator.reserved).toBe(12 * MiB);
  });
});

describe("blocks", () => {
  test("a large block whose rest is 1 MiB or less is handed out whole", () => {
    const allocator = new CachingAllocator();
    const first = allocator.allocate(16 * MiB);
    allocator.free(first);
    allocator.allocate(15 * MiB);
    expect(allocator.allocated).toBe(16 * MiB);
  });

  test("the smallest block that fits is taken", () => {
    const allocator = new CachingAllocator();
    const handles = [40, 30, 20].map((size) => allocator.allocate(size * MiB));
    for (const handle of handles) allocator.free(handle);
    const taken = allocator.allocate(29.5 * MiB);
    expect([allocator.sizeOf(taken), allocator.reserved]).toEqual([30 * MiB, 90 * MiB]);
  });

  test("freed neighbours become one block", () => {
    const allocator = new CachingAllocator();
    const handles = [4, 4, 4].map((size) => allocator.allocate(size * MiB));
    for (const handle of [handles[0], handles[2], handles[1]]) allocator.free(handle as number);
    allocator.allocate(20 * MiB);
    expect(allocator.reserved).toBe(20 * MiB);
  });
});

describe("a full device", () => {
  test("gets cached segments back and is asked once more", () => {
    const allocator = new CachingAllocator(64 * MiB);
    allocator.free(allocator.allocate(40 * MiB));
    const handle = allocator.allocate(60 * MiB);
    expect(handle).toBeGreaterThanOrEqual(0);
    expect([allocator.retries, allocator.reserved]).toEqual([1, 60 * MiB]);
  });

  test("says no when nothing cached would do", () => {
    const allocator = new CachingAllocator(64 * MiB);
    allocator.allocate(40 * MiB);
    expect(allocator.allocate(40 * MiB)).toBe(-1);
  });
});

test("any order of requests and releases keeps the books", () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 2 * MiB }), fc.integer({ min: 1, max: 40 * MiB }));
  const action = fc.oneof(fc.record({ size }), fc.record({ free: fc.nat() }));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 150 }), (actions) => {
      const allocator = new CachingAllocator(512 * MiB);
      const live: number[] = [];
      for (const one of actions) {
        if ("size" in one) {
          const handle = allocator.allocate(one.size);
          if (handle < 0) continue;
          expect(allocator.sizeOf(handle)).toBeGreaterThanOrEqual(one.size);
          live.push(handle);
        } else if (live.length > 0) allocator.free(live.splice(one.free % live.length, 1)[0] as number);
        const sum = live.reduce((total, handle) => total + allocator.sizeOf(handle), 0);
        expect(allocator.allocated).toBe(sum);
        expect(sum % 512).toBe(0);
        expect(allocator.reserved).toBeGreaterThanOrEqual(sum);
        expect(allocator.reserved).toBeLessThanOrEqual(512 * MiB);
        expect(allocator.peakAllocated).toBeGreaterThanOrEqual(sum);
      }
      for (const handle of live) allocator.free(handle);
      expect(allocator.allocated).toBe(0);
      expect(allocator.allocate(510 * MiB)).toBeGreaterThanOrEqual(0); // everything cached can be given back
    }),
  );
});

describe("max_split_size_mb", () => {
  const settings = { ...DEFAULT_ALLOCATOR, maxSplitSize: 64 * MiB };
  test("an oversize block is not split, and not given to a smaller request", () => {
    const allocator = new CachingAllocator(Number.POSITIVE_INFINITY, settings);
    allocator.free(allocator.allocate(100 * MiB));
    allocator.allocate(40 * MiB);
    expect(allocator.reserved).toBe(140 * MiB);
    allocator.allocate(90 * MiB);
    expect([allocator.allocated, allocator.reserved]).toEqual([140 * MiB, 140 * MiB]);
  });
  test("when the device is full, one oversize segment is given back before all are, and that is no retry", () => {
    const allocator = new CachingAllocator(300 * MiB, settings);
    const handles = [70, 100, 120].map((size) => allocator.allocate(size * MiB));
    for (const handle of handles) allocator.free(handle);
    allocator.allocate(40 * MiB);
    expect([allocator.retries, allocator.reserved]).toEqual([0, 260 * MiB]); // the one of 70 MiB went
  });
});

test("garbage collection gives back what no search has taken for longest, above the threshold", () => {
  const settings = { ...DEFAULT_ALLOCATOR, garbageCollectionThreshold: 0.7, memoryFraction: 0.5 };
  const allocator = new CachingAllocator(2000 * MiB, settings, 1000 * MiB);
  const old = allocator.allocate(200 * MiB);
  const young = allocator.allocate(300 * MiB);
  allocator.free(old);
  for (let i = 0; i < 9; i++) allocator.free(allocator.allocate(300 * MiB));
  allocator.free(young);
  allocator.allocate(310 * MiB); // 800 MiB are reserved, more than 700: the old segment goes
  expect(allocator.reserved).toBe(910 * MiB);
});
