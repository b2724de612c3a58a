import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MiB } from "../../base/units.js";
import { ExpandableAllocator } from "./expandable.js";

describe("the segment of a pool grows by pages", () => {
  test("small requests map 2 MiB, large ones 20 MiB at a time", () => {
    const allocator = new ExpandableAllocator();
    allocator.allocate(1);
    expect(allocator.reserved).toBe(2 * MiB);
    allocator.allocate(2 * MiB);
    expect(allocator.reserved).toBe(22 * MiB);
    allocator.allocate(30 * MiB); // 18 MiB are mapped behind the first
    expect(allocator.reserved).toBe(42 * MiB);
  });

  test("freed blocks of one segment become one, so that a larger request fits without mapping", () => {
    const allocator = new ExpandableAllocator();
    const handles = [10, 10, 20].map((size) => allocator.allocate(size * MiB));
    for (const handle of handles) allocator.free(handle);
    allocator.allocate(40 * MiB);
    expect(allocator.reserved).toBe(40 * MiB);
  });

  test("a block that can grow is left alone while another fits", () => {
    const allocator = new ExpandableAllocator();
    const [hole] = [allocator.allocate(8 * MiB), allocator.allocate(8 * MiB)];
    allocator.free(hole as number); // 8 MiB free here, 4 MiB free at the end
    allocator.allocate(3 * MiB);
    allocator.allocate(4 * MiB);
    expect(allocator.reserved).toBe(20 * MiB);
  });

  test("when the device is full, whole free pages are given back first", () => {
    const allocator = new ExpandableAllocator(60 * MiB);
    const first = allocator.allocate(40 * MiB);
    allocator.free(first);
    for (let i = 0; i < 30; i++) allocator.allocate(MiB); // 30 MiB in pages of the small pool
    expect([allocator.retries, allocator.allocated, allocator.reserved]).toEqual([1, 30 * MiB, 30 * MiB]);
    expect(allocator.allocate(40 * MiB)).toBe(-1);
  });
});

test("any order of requests and releases keeps the books", () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 2 * MiB }), fc.integer({ min: 1, max: 90 * MiB }));
  const action = fc.oneof(fc.record({ size }), fc.record({ free: fc.nat() }));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const allocator = new ExpandableAllocator(512 * MiB);
      const live: number[] = [];
      for (const one of actions) {
        if ("size" in one) {
          const handle = allocator.allocate(one.size);
          if (handle >= 0) live.push(handle);
        } else if (live.length > 0) allocator.free(live.splice(one.free % live.length, 1)[0] as number);
        const sum = live.reduce((total, handle) => total + allocator.sizeOf(handle), 0);
        expect(allocator.allocated).toBe(sum);
        expect(allocator.reserved).toBeGreaterThanOrEqual(sum);
        expect(allocator.reserved).toBeLessThanOrEqual(512 * MiB);
        expect(allocator.reserved % (2 * MiB)).toBe(0);
      }
      for (const handle of live) allocator.free(handle);
      expect(allocator.allocated).toBe(0);
      const before = allocator.reserved;
      const whole = allocator.allocate(Math.max(1, before));
      expect(whole).toBeGreaterThanOrEqual(0);
    }),
  );
});
