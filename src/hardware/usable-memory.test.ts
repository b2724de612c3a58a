import { expect, test } from "vitest";
import { GiB, MiB } from "../base/units.js";
import { type Gpu, GPUS } from "./gpus.js";
import { derivedUsableBytes, usableMemory } from "./usable-memory.js";

const recorded = Object.entries(GPUS as Record<string, Gpu>).filter(
  ([, gpu]) => gpu.usableBytes !== undefined,
);

test.for(recorded)("the rule comes close to the recorded total of %s", ([, gpu]) => {
  const error = derivedUsableBytes(gpu) - (gpu.usableBytes ?? 0);
  expect(error).toBeLessThanOrEqual(0.1 * GiB);
  expect(error).toBeGreaterThanOrEqual(-0.015 * gpu.memoryBytes);
});

test("a recorded total is exact, a derived one assumed", () => {
  expect(usableMemory(GPUS["RTX-3090-24GB"])).toMatchObject({ bytes: 24258 * MiB, basis: "exact" });
  expect(usableMemory(GPUS["RTX-3090-Ti-24GB"])).toMatchObject({ bytes: 24084 * MiB, basis: "assumed" });
});

test("ECC of GDDR devices costs a sixteenth before the driver's share", () => {
  expect(usableMemory(GPUS["A40-48GB"]).bytes).toBe(45158 * MiB); // 48 GiB - 3 GiB - 0.9 GiB
});
