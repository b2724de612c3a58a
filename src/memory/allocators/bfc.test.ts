/** TensorFlow's allocator against traces of the real one: random requests of TensorFlow 2.21, event by event. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MiB } from "../../base/units.js";
import { BestFitWithCoalescing } from "./bfc.js";

interface Trace {
  readonly regions_real: readonly number[];
  /** Region from and to; allocation of a size at an address; free of an address. */
  readonly events: readonly (readonly ["r", string, string] | readonly ["a" | "f", string, number, string])[];
}

const shared = process.env["PLIMSOLL_SHARED"] ?? join(import.meta.dirname, "../../../../shared");
const recorded = join(shared, "oracle/tensorflow/results/_bfc_trace_real.json");
const isThere = existsSync(recorded);

describe.skipIf(!isThere)(`recorded traces${isThere ? "" : " (skipped: shared/oracle is absent)"}`, () => {
  const traces: Readonly<Record<string, Trace>> = isThere ? JSON.parse(readFileSync(recorded, "utf8")) : {};
  test.each(Object.entries(traces))(
    "%s: every address and region is the real one",
    (_, { events, regions_real }) => {
      const addresses = events.filter(([kind]) => kind === "r").map(([, from]) => Number(from));
      const allocator = new BestFitWithCoalescing({ limit: 4000 * MiB, growth: true, addresses });
      const handles = new Map<string, number>();
      const wrong: unknown[] = [];
      for (const event of events) {
        if (event[0] === "r") continue;
        const [kind, , size, address] = event;
        if (kind === "a") {
          const handle = allocator.allocate(size);
          if (allocator.addressOf(handle) !== Number(address)) wrong.push(event);
          handles.set(address, handle);
        } else {
          const handle = handles.get(address);
          if (handle !== undefined) allocator.free(handle);
          handles.delete(address);
        }
      }
      expect(wrong).toEqual([]);
      expect(allocator.regions.map(({ size }) => size)).toEqual(regions_real);
      expect(allocator.reserved).toBe(regions_real.reduce((sum, size) => sum + size, 0));
    },
  );
});

describe("best fit with coalescing", () => {
  test("with growth, regions double from 2 MiB", () => {
    const allocator = new BestFitWithCoalescing({ limit: 1024 * MiB, growth: true });
    for (const size of [1, 2, 3, 7]) allocator.allocate(size * MiB);
    expect(allocator.regions.map(({ size }) => size / MiB)).toEqual([2, 4, 8, 16]);
    expect(allocator.reserved).toBe(30 * MiB);
  });

  test("without growth one region is taken, and reserved is what of it was used", () => {
    const allocator = new BestFitWithCoalescing({ limit: 1024 * MiB, growth: false });
    const first = allocator.allocate(300 * MiB);
    allocator.allocate(1);
    allocator.free(first);
    expect(allocator.regions.map(({ size }) => size / MiB)).toEqual([1024]);
    expect([allocator.allocated, allocator.reserved]).toEqual([256, 300 * MiB + 256]);
  });

  test("a chunk less than twice as large as asked is handed out whole", () => {
    const allocator = new BestFitWithCoalescing({ limit: 3000, growth: false });
    expect(allocator.sizeOf(allocator.allocate(1600))).toBe(2816);
  });

  test("what does not fit is refused, and freed neighbours merge", () => {
    const allocator = new BestFitWithCoalescing({ limit: 4096, growth: false });
    const handles = [1024, 1024, 1024, 1024].map((size) => allocator.allocate(size));
    expect(allocator.allocate(256)).toBe(-1);
    for (const handle of handles.slice(1, 3)) allocator.free(handle);
    expect(allocator.sizeOf(allocator.allocate(2048))).toBe(2048);
  });

  test("with growth, idle regions are given back for a request that needs their room", () => {
    const allocator = new BestFitWithCoalescing({ limit: 8 * MiB, growth: true });
    allocator.free(allocator.allocate(2 * MiB));
    allocator.free(allocator.allocate(4 * MiB));
    expect(allocator.allocate(7 * MiB)).toBeGreaterThanOrEqual(0);
    expect(allocator.reserved).toBe(8 * MiB);
  });
});
