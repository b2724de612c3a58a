import { describe, expect, test } from "vitest";
import type { DType } from "../base/dtype.js";
import { type Graph, printGraph, verifyGraph } from "../ir/graph.js";
import type { TrainingSetup } from "../ir/setup.js";
import { dense } from "../ir/tensor.js";
import { GraphBuilder } from "../ops/build.js";
import { attachLoss } from "./attach-loss.js";

const train = (options: Partial<TrainingSetup> = {}) =>
  ({ mode: "train", loss: "auto", accumulate: 1, ...options }) as TrainingSetup;

/** A model that returns one tensor of every spec: `out0`, `out1`, … */
function returning(...specs: readonly (readonly [readonly number[], DType])[]): Graph {
  const builder = new GraphBuilder("drawn");
  const outputs = specs.map(
    ([shape, dtype], i) =>
      builder.node(
        "neg",
        { self: builder.value(`in${i}`, "input", dense(shape, dtype)) },
        {},
        {
          names: [`out${i}`],
        },
      )[0] as number,
  );
  return builder.finish(outputs, []);
}

/** What the loop adds, as text: targets, operators and what is returned. */
function added(graph: Graph, options: Partial<TrainingSetup> = {}): string[] {
  const withLoss = attachLoss(graph, train(options));
  verifyGraph(withLoss);
  const before = new Set(printGraph(graph).split("\n"));
  return printGraph(withLoss)
    .trimEnd()
    .split("\n")
    .filter((line) => !before.has(line));
}

describe("logits get cross-entropy against int64 targets", () => {
  test("one per sample of a classifier", () => {
    expect(added(returning([[8, 10], "float32"]))).toEqual([
      "target = target int64[8]",
      "loss_crossEntropy_1: float32[] = crossEntropy(self=out0, target=target)",
      "return loss_crossEntropy_1, out0",
    ]);
  });

  test("one per token of a sequence, whose rows are flattened first", () => {
    expect(added(returning([[2, 128, 50_257], "float32"]))).toEqual([
      "target = target int64[256]",
      "loss_flatten_1: float32[256, 50257] = flatten(self=out0, start_dim=0, end_dim=1)",
      "loss_crossEntropy_2: float32[] = crossEntropy(self=loss_flatten_1, target=target)",
      "return loss_crossEntropy_2, out0",
    ]);
  });

  test("one per pixel of a segmentation; the auxiliary head counts half and shares the targets", () => {
    const maps = [[2, 21, 64, 64], "float32"] as const;
    expect(added(returning(maps, maps))).toEqual([
      "target = target int64[2, 64, 64]",
      "loss_crossEntropy_2: float32[] = crossEntropy(self=out0, target=target)",
      "loss_crossEntropy_3: float32[] = crossEntropy(self=out1, target=target)",
      "loss_mul_4: float32[] = mul(self=loss_crossEntropy_3, other=0.5)",
      "loss_add_5: float32[] = add(self=loss_crossEntropy_2, other=loss_mul_4)",
      "return loss_add_5, out0, out1",
    ]);
  });

  test("auxiliary heads of a classifier count 0.4 each; whole numbers among the outputs have no loss", () => {
    const lines = added(
      returning([[8, 10], "float32"], [[8], "int64"], [[8, 10], "float32"], [[8, 10], "float32"]),
    );
    expect(lines.filter((line) => line.includes("mul("))).toEqual([
      "loss_mul_6: float32[] = mul(self=loss_crossEntropy_5, other=0.4)",
      "loss_mul_9: float32[] = mul(self=loss_crossEntropy_8, other=0.4)",
    ]);
    expect(lines.filter((line) => line.includes("= target"))).toEqual(["target = target int64[8]"]);
    expect(lines.at(-1)).toBe("return loss_add_10, out0, out1, out2, out3");
  });
});

describe("no loss is attached", () => {
  test("where the model returns it: a scalar float is the loss", () => {
    const graph = returning([[], "float32"], [[8, 10], "float32"]);
    expect(attachLoss(graph, train())).toBe(graph);
  });

  test("where nothing is floating, and in inference", () => {
    const labels = returning([[8], "int64"]);
    expect(attachLoss(labels, train())).toBe(labels);
    const logits = returning([[8, 10], "float32"]);
    expect(attachLoss(logits, train({ mode: "inference" }))).toBe(logits);
  });
});

test("without a loss, every floating output is summed and the sums are added", () => {
  expect(added(returning([[8, 10], "float32"], [[8, 4], "float32"]), { loss: "none" })).toEqual([
    "loss_sum_2: float32[] = sum(self=out0)",
    "loss_sum_3: float32[] = sum(self=out1)",
    "loss_add_4: float32[] = add(self=loss_sum_2, other=loss_sum_3)",
    "return loss_add_4, out0, out1",
  ]);
});

describe("with micro-batches the loss is divided by their number", () => {
  test("also one the model returns", () => {
    expect(added(returning([[], "float32"], [[8, 10], "float32"]), { accumulate: 4 })).toEqual([
      "loss_div_2: float32[] = div(self=out0, other=4)",
      "return loss_div_2, out1",
    ]);
  });

  test("the undivided loss is not among what the step returns", () => {
    expect(added(returning([[8, 10], "float32"]), { accumulate: 2 }).slice(-2)).toEqual([
      "loss_div_2: float32[] = div(self=loss_crossEntropy_1, other=2)",
      "return loss_div_2, out0",
    ]);
  });
});
