import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFixture } from "../../test/read-fixture.js";
import { MiB } from "../base/units.js";
import { estimate, explain, type ImportedModel } from "../index.js";
import type { Step } from "../ir/step.js";
import { linesOf, peakPieces, stepAt } from "./formula.js";
import type { FormulaPiece } from "./report.js";

/** A step of the blocks `name: bytes`, whose steady section runs `+name -name …`. */
function stepOf(
  sizes: Record<string, [number, "savedTensors" | "workspace" | "parameters"]>,
  resident: string,
  steady: string,
): Step {
  const names = Object.keys(sizes);
  const blocks = names.map((label, id) => {
    const [bytes, category] = sizes[label] as [number, "savedTensors"];
    return { id, bytes, category, label, node: 0, shape: [bytes], dtype: "uint8", because: "" };
  });
  const section = (phase: "resident" | "forward", text: string) => {
    const actions = text
      .split(" ")
      .filter(Boolean)
      .map((word) => (word.startsWith("+") ? 1 : -1) * (names.indexOf(word.slice(1)) + 1));
    return { phase, actions, nodes: actions.map(() => 0) };
  };
  return {
    name: "drawn",
    blocks,
    resident: section("resident", resident),
    first: [],
    steady: [section("forward", steady)],
  } as unknown as Step;
}

const at = (pieces: readonly FormulaPiece[], batch: number): number => {
  const piece = pieces.find(({ from, to }) => batch >= from && (to === null || batch <= to)) as FormulaPiece;
  return piece.fixedBytes + piece.perBatchBytes * batch;
};

describe("a step drawn by hand", () => {
  const drawn = (batch: number) =>
    stepOf(
      { w: [1000, "parameters"], x: [10 * batch, "savedTensors"], big: [500, "savedTensors"] },
      "+w",
      "+x +big -big -x",
    );

  test("blocks that grow with the batch and blocks that do not add up to one line", () => {
    const lines = linesOf({ step: drawn(4), batch: 4 }, { step: drawn(8), batch: 8 });
    expect(lines).toEqual([
      { fixed: 1000, perBatch: 0 },
      { fixed: 0, perBatch: 10 },
      { fixed: 500, perBatch: 0 },
    ]);
    expect(peakPieces(drawn(4), lines ?? [], "steady", 1)).toEqual([
      { from: 1, to: null, fixedBytes: 1500, perBatchBytes: 10 },
    ]);
  });

  test("the peak moves from a constant moment to a growing one where their lines cross", () => {
    const moving = (batch: number) =>
      stepOf({ big: [1000, "savedTensors"], x: [100 * batch, "savedTensors"] }, "", "+big -big +x -x");
    const lines = linesOf({ step: moving(4), batch: 4 }, { step: moving(8), batch: 8 }) ?? [];
    expect(peakPieces(moving(4), lines, "steady", 1)).toEqual([
      { from: 1, to: 10, fixedBytes: 1000, perBatchBytes: 0 },
      { from: 11, to: null, fixedBytes: 0, perBatchBytes: 100 },
    ]);
  });

  test("scratch that only one batch takes does not part the two steps", () => {
    const at4 = stepOf({ x: [40, "savedTensors"] }, "", "+x -x");
    const at8 = stepOf({ x: [80, "savedTensors"], s: [8, "workspace"] }, "", "+x +s -s -x");
    const growing = linesOf({ step: at8, batch: 8 }, { step: at4, batch: 4 });
    expect(growing).toEqual([
      { fixed: 0, perBatch: 10 },
      { fixed: -8, perBatch: 2 },
    ]);
    const constant = linesOf({ step: at8, batch: 2 }, { step: at4, batch: 4 });
    expect(constant?.[1]).toEqual({ fixed: 8, perBatch: 0 });
  });

  test("a tensor that only one batch makes does", () => {
    const copied = stepOf({ x: [40, "savedTensors"], copy: [40, "savedTensors"] }, "", "+x +copy -copy -x");
    const plain = stepOf({ x: [80, "savedTensors"] }, "", "+x -x");
    expect(linesOf({ step: copied, batch: 4 }, { step: plain, batch: 8 })).toBeNull();
  });

  test("a step at another batch is the same actions on other sizes", () => {
    const lines = linesOf({ step: drawn(4), batch: 4 }, { step: drawn(8), batch: 8 }) ?? [];
    expect(stepAt(drawn(4), lines, 32).blocks.map(({ bytes }) => bytes)).toEqual([1000, 320, 500]);
  });
});

describe("the formula bounds the simulated peak from below, within the allocator's rounding", () => {
  const models = [
    "test/fixtures/lenet.pt2",
    "examples/grayscale-cnn.yaml",
    "examples/mlp.yaml",
    "examples/vgg16.yaml",
  ];
  test.for(models)("%s", async (path) => {
    const model: ImportedModel = await readFixture(path);
    const setup = { cudnn: "no-workspace", optimizer: "sgd" } as const;
    const { pieces } = estimate(model, { batch: 16, ...setup }).formula;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 96 }), (batch) => {
        const { peak, alive } = explain(model, { batch, ...setup });
        const formula = at(pieces, batch);
        const large = alive.filter(({ bytes }) => bytes > MiB).length;
        const slack = alive.length * 512 + large * MiB;
        return formula <= peak.allocatedBytes && peak.allocatedBytes <= formula + slack;
      }),
      { numRuns: 12 },
    );
  });

  test("it is within 1 % of a large network's peak, far from the batch it was made at", async () => {
    const model = await readFixture("examples/vgg16.yaml");
    const setup = { cudnn: "no-workspace" } as const;
    const { pieces } = estimate(model, { batch: 8, ...setup }).formula;
    const { allocatedBytes } = estimate(model, { batch: 64, ...setup }).peak;
    expect(Math.abs(at(pieces, 64) / allocatedBytes - 1)).toBeLessThan(0.01);
  });
});
