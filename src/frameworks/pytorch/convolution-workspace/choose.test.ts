import { describe, expect, test } from "vitest";
import { dense } from "../../../ir/tensor.js";
import { leafOf } from "./choose.js";
import { PLANS } from "./plans.js";
import { FEATURES, problemOf } from "./problem.js";
import { scratchOf } from "./rules.js";

const problem = problemOf("forward", {
  input: dense([2, 3, 8, 8], "float32"),
  weight: dense([16, 3, 3, 3], "float32"),
  output: dense([2, 16, 8, 8], "float32"),
  stride: [1, 1],
  padding: [1, 1],
  groups: 1,
  transposed: false,
  channelsLast: false,
});

describe("a tree", () => {
  test("of one word is its leaf", () => {
    expect(leafOf("XYW", problem)).toBe("XYW");
  });

  test("goes to what follows for smaller values, and past it for others", () => {
    expect(leafOf("c<4 k<16 - X Y", problem)).toBe("X"); // 3 channels in, 16 out
    expect(leafOf("c<3 k<16 - X Y", problem)).toBe("Y");
    expect(leafOf("c<3 c<2 - X k<20 Y W", problem)).toBe("Y");
  });
});

describe("every row of the table", () => {
  test.for(Object.entries(PLANS))("%s is whole and names only what there is", ([, tree]) => {
    const words = tree.split(" ");
    const tests = words
      .filter((word) => word.includes("<"))
      .map((word) => word.split("<") as [string, string]);
    const leaves = words.filter((word) => !word.includes("<"));
    expect(leaves.length).toBe(tests.length + 1);
    for (const [feature, limit] of tests) {
      expect(Object.keys(FEATURES)).toContain(feature);
      expect(Number(limit)).toBeGreaterThan(0);
    }
    for (const rule of leaves.flatMap((leaf) => leaf.split("|"))) {
      expect(rule).toMatch(/^(-|[XYW]+)[vowg]?([+*]\d+)?$|^N$|^winograd-[34]$|^fft(-tiles)?$/);
      expect(scratchOf(rule, problem)).toBeGreaterThanOrEqual(0);
    }
  });
});
