import { describe, expect, test } from "vitest";
import { readFixture } from "../../test/read-fixture.js";
import { estimate } from "../estimate.js";
import { CATEGORIES } from "../ir/step.js";
import { plotOf } from "../plot.js";
import { aliveAt, columnsBetween, highestMoment, phaseAt } from "./step-history.js";

const model = await readFixture("test/fixtures/lenet.pt2");
const options = { batch: 64, gpu: "RTX 3060" } as const;
const { history } = plotOf(model, options);
const sum = (list: readonly number[]) => list.reduce((total, each) => total + each, 0);

describe("a step moment by moment", () => {
  test("has its peak where the report has it", () => {
    const { peak } = estimate(model, options);
    const moment = highestMoment(history);
    expect(history.allocated[moment]).toBe(peak.allocatedBytes);
    expect(phaseAt(history, moment)).toBe(peak.phase);
  });

  test("ends with what it began with", () => {
    const bytes = (blocks: readonly { bytes: number }[]) => sum(blocks.map((each) => each.bytes));
    const last = aliveAt(history, history.actions.length - 1);
    const first = history.before.map((i) => history.blocks[i] as { bytes: number });
    expect(bytes(last)).toBe(bytes(first));
  });

  test("names the tensors that are alive, the largest first", () => {
    const alive = aliveAt(history, highestMoment(history));
    const names = alive.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([expect.stringMatching(/weight$/)]));
    expect(alive.map(({ bytes }) => bytes)).toEqual(
      alive.map(({ bytes }) => bytes).toSorted((a, b) => b - a),
    );
  });

  test("is the same at every zoom: a stretch shows what is alive at its highest moment", () => {
    const count = history.actions.length;
    for (const [from, to, most] of [
      [0, count, 40],
      [10, 60, 480],
      [count - 5, count, 480],
    ] as const)
      for (const { moment, bytes } of columnsBetween(history, from, to, most)) {
        const alive = aliveAt(history, moment);
        const byCategory = CATEGORIES.map((category) =>
          sum(alive.filter((each) => each.category === category).map((each) => each.bytes)),
        );
        expect(bytes).toEqual(byCategory);
        expect(moment).toBeGreaterThanOrEqual(from);
        expect(moment).toBeLessThan(to);
      }
    expect(columnsBetween(history, 0, count, 40).length).toBeLessThanOrEqual(40);
  });
});
