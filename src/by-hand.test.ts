import { describe, expect, test } from "vitest";
import { readFixture } from "../test/read-fixture.js";
import { byHand, countByHand, usualRule } from "./by-hand.js";
import { explain, InputError } from "./index.js";

describe("by hand", () => {
  test("the example has the counts of the question it answers", async () => {
    const model = await readFixture("examples/grayscale-cnn.yaml");
    const options = { batch: 128 };
    expect(countByHand(model, options, explain(model, options))).toMatchObject({
      activations: 532_752,
      parameters: 19_072_984,
      inputElements: 9_000,
      batch: 128,
    });
  });

  test("the same counts typed in give the same rules", async () => {
    const model = await readFixture("examples/grayscale-cnn.yaml");
    const typed = byHand({ activations: 532_752, parameters: 19_072_984, inputElements: 9_000, batch: 128 });
    const counted = byHand(countByHand(model, { batch: 128 }, explain(model, { batch: 128 })));
    const named = (report: typeof typed) => new Map(report.rules.map(({ name, bytes }) => [name, bytes]));
    for (const [name, bytes] of named(typed)) expect(named(counted).get(name)).toBe(bytes);
  });

  test("images are shown the notes' count, other inputs bytes per parameter, inference nothing", async () => {
    const [cnn, mlp] = [
      await readFixture("examples/grayscale-cnn.yaml"),
      await readFixture("examples/mlp.yaml"),
    ];
    expect(usualRule(cnn, {}, explain(cnn))?.name).toMatch(/^CS231n/);
    expect(usualRule(mlp, {}, explain(mlp))?.name).toMatch(/^16 bytes/);
    const options = { mode: "inference" } as const;
    expect(usualRule(cnn, options, explain(cnn, options))).toBeUndefined();
  });

  const wrong = [
    { activations: -1 },
    { parameters: 1.5 },
    { batch: Number.NaN },
    { batch: 1e12 },
    { bytesPerElement: 64 },
  ];
  test.for(wrong)("%j is refused", (change) => {
    const count = {
      activations: 532_752,
      parameters: 19_072_984,
      inputElements: 9_000,
      batch: 128,
      ...change,
    };
    expect(() => byHand(count)).toThrow(InputError);
  });
});
