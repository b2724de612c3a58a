import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { estimate } from "./index.js";
import { largestBatch } from "./search.js";

describe("the largest batch", () => {
  test.for([
    ["examples/vgg16.yaml", "RTX 3060"],
    ["examples/grayscale-cnn.yaml", "T4"],
    ["examples/transformer.yaml", "RTX 4090"],
  ])("of %s on %s fits, and the next one does not", async ([path, gpu]) => {
    const model = await readFixture(path as string);
    const options = { gpu: gpu as string, batch: 8, optimizer: "sgd" } as const;
    const found = largestBatch(model, options);
    const verdict = (batch: number) => estimate(model, { ...options, batch }).machine?.verdict;
    expect(found?.exact).toBe(true);
    expect(verdict(found?.batch ?? 0)).not.toBe("does-not-fit");
    expect(verdict((found?.batch ?? 0) + 1)).toBe("does-not-fit");
  });

  test("hardly depends on the batch that was asked", async () => {
    const model = await readFixture("examples/vgg16.yaml");
    const answers = [1, 8, 100].map((batch) => largestBatch(model, { gpu: "RTX 3060", batch })?.batch ?? 0);
    expect(Math.max(...answers) / Math.min(...answers)).toBeLessThan(1.15);
  });

  test("is zero when not even one sample fits", async () => {
    const model = await readFixture("examples/vgg16.yaml");
    expect(largestBatch(model, { gpu: "RTX 3060:1", batch: 8 })).toEqual({ batch: 0, exact: true });
  });

  test("has no answer without a device", async () => {
    expect(largestBatch(await readFixture("examples/mlp.yaml"), { batch: 8 })).toBeNull();
  });
});
