import { expect, test } from "vitest";
import { MiB } from "../../base/units.js";
import { DriverPool } from "./driver-pool.js";

test("the driver's pool is as large as its largest use, in granules of 2 MiB, and keeps it", () => {
  const pool = new DriverPool(100 * MiB);
  const handles = [1, 3 * MiB, 40 * MiB].map((size) => pool.allocate(size));
  expect([pool.allocated, pool.reserved]).toEqual([43 * MiB + 512, 44 * MiB]);
  for (const handle of handles) pool.free(handle);
  expect([pool.allocated, pool.reserved]).toEqual([0, 44 * MiB]);
  expect(pool.allocate(100 * MiB)).toBeGreaterThanOrEqual(0); // any free bytes serve any request
  expect(pool.allocate(1)).toBe(-1);
});
