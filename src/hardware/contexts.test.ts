import { expect, test } from "vitest";
import { MiB } from "../base/units.js";
import { CONTEXTS, contextMemory } from "./contexts.js";
import { type Gpu, GPUS } from "./gpus.js";

test("every row names its source", () => {
  for (const row of CONTEXTS) expect(row.source).toMatch(/^https:\/\//);
});

test("Ada has its own row beside Ampere", () => {
  expect(contextMemory("8.6").bytes).toBe(356 * MiB); // 256 idle + 100 for the libraries
  expect(contextMemory("8.9").bytes).toBe(526 * MiB);
});

test("eager loading holds every kernel", () => {
  expect(contextMemory("8.0", { loading: "eager" }).bytes).toBe(1486 * MiB);
});

test("every device of the table gets an assumed figure inside its interval", () => {
  for (const gpu of Object.values(GPUS as Record<string, Gpu>)) {
    const { bytes, lowBytes, highBytes, basis } = contextMemory(gpu.computeCapability);
    expect(lowBytes).toBeLessThan(bytes);
    expect(bytes).toBeLessThan(highBytes);
    expect(basis).toBe("assumed");
  }
});
