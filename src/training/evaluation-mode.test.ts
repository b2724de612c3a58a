import { describe, expect, test } from "vitest";
import { type Graph, printGraph, verifyGraph } from "../ir/graph.js";
import { dense } from "../ir/tensor.js";
import { GraphBuilder } from "../ops/build.js";
import { evaluationMode } from "./evaluation-mode.js";

const image = dense([2, 3, 8, 8], "float32");
const channels = dense([3], "float32");

function start(spec = image) {
  const builder = new GraphBuilder("drawn");
  return { builder, x: builder.value("x", "input", spec) };
}

/** The operators of the graph as text, without its inputs; every promise of a graph still holds. */
function operators(graph: Graph): string[] {
  verifyGraph(graph);
  graph.nodes.forEach((node, at) => {
    expect(node.id).toBe(at);
  });
  return printGraph(graph)
    .trimEnd()
    .split("\n")
    .filter((line) => line.includes("(") || line.startsWith("return"));
}

describe("dropout", () => {
  test.each(["dropout", "featureDropout", "alphaDropout"])("%s passes its input on", (op) => {
    const { builder, x } = start();
    const [a] = builder.node("relu", { self: x }, {}, { names: ["a"] });
    const dropped = builder.call(op, { input: a as number }, { p: 0.5 });
    const [b] = builder.node("relu", { self: dropped }, {}, { names: ["b"] });
    expect(operators(evaluationMode(builder.finish([b as number], [])))).toEqual([
      "a: float32[2, 3, 8, 8] = relu(self=x)",
      "b: float32[2, 3, 8, 8] = relu(self=a)",
      "return b",
    ]);
  });

  test("two in a row, in place and last, give what went into the first", () => {
    const { builder, x } = start();
    const [a] = builder.node("relu", { self: x }, {}, { names: ["a"] });
    const once = builder.call("dropout", { input: a as number }, { inPlace: true });
    const twice = builder.call("dropout", { input: once });
    expect(operators(evaluationMode(builder.finish([twice], [])))).toEqual([
      "a: float32[2, 3, 8, 8] = relu(self=x)",
      "return a",
    ]);
  });
});

describe("batch norm", () => {
  test("uses its running statistics and counts no batches", () => {
    const { builder, x } = start();
    const [mean, variance] = ["mean", "var"].map((name) => builder.value(name, "buffer", channels));
    const tracked = builder.value("num_batches_tracked", "buffer", dense([], "int64"));
    builder.node("add", { self: tracked }, { other: 1, inPlace: true });
    const inputs = { input: x, running_mean: mean as number, running_var: variance as number };
    const [y] = builder.node("batchNorm", inputs, { training: true }, { names: ["y"] });
    expect(operators(evaluationMode(builder.finish([y as number], [])))).toEqual([
      "y: float32[2, 3, 8, 8] = batchNorm(input=x, running_mean=mean, running_var=var, training=false)",
      "return y",
    ]);
  });

  test("without running statistics it goes on using those of the batch", () => {
    const { builder, x } = start();
    const [y] = builder.node("batchNorm", { input: x }, { training: true }, { names: ["y"] });
    expect(evaluationMode(builder.finish([y as number], [])).nodes[0]?.attributes.training).toBe(true);
  });

  test("a float buffer that is added to in place is no counter", () => {
    const { builder } = start();
    const total = builder.value("total", "buffer", dense([], "float32"));
    const sum = builder.call("add", { self: total }, { other: 1, inPlace: true });
    expect(evaluationMode(builder.finish([sum], [])).nodes.map(({ op }) => op)).toEqual(["add"]);
  });
});

test("stochastic depth: the random factor is gone, and what it scaled is added whole", () => {
  const { builder, x } = start();
  const [branch] = builder.node("relu", { self: x }, {}, { names: ["branch"] });
  const noise = builder.call("create", {}, { size: [2, 1, 1, 1], dtype: "float32" });
  const drawn = builder.call("bernoulli", { self: noise }, { p: 0.8, inPlace: true });
  const scaled = builder.call("div", { self: drawn }, { other: 0.8, inPlace: true });
  const kept = builder.call("mul", { self: branch as number, other: scaled });
  const [y] = builder.node("add", { self: kept, other: x }, {}, { names: ["y"] });
  expect(operators(evaluationMode(builder.finish([y as number], [])))).toEqual([
    "branch: float32[2, 3, 8, 8] = relu(self=x)",
    "y: float32[2, 3, 8, 8] = add(self=branch, other=x)",
    "return y",
  ]);
});

test("variables hold until the same operator as before, or the last one kept before it", () => {
  const { builder, x } = start();
  const a = builder.call("relu", { self: x }); // #0
  const b = builder.call("dropout", { input: a }); // #1, gone
  const c = builder.call("relu", { self: b }); // #2, then #1
  const d = builder.call("dropout", { input: c }); // #3, gone
  const e = builder.call("relu", { self: d }); // #4, then #2
  builder.hold(a, 3);
  builder.hold(c, 4);
  const { values } = evaluationMode(builder.finish([e], []));
  expect([values[a]?.heldUntil, values[c]?.heldUntil]).toEqual([1, 2]);
});

test("a graph without dropout or statistics stays as it is", () => {
  const { builder, x } = start();
  const half = builder.call("mul", { self: x }, { other: 0.5 });
  const made = builder.call("create", {}, { size: [2, 3, 8, 8], dtype: "float32" });
  const graph = builder.finish([builder.call("add", { self: half, other: made })], []);
  expect(evaluationMode(graph)).toEqual(graph);
});

test("attention drops nothing", () => {
  const { builder, x } = start(dense([2, 4, 8, 16], "float32"));
  const inputs = { query: x, key: x, value: x };
  const out = builder.call("scaledDotProductAttention", inputs, { dropout_p: 0.1 });
  const [node] = evaluationMode(builder.finish([out], [])).nodes;
  expect(node?.attributes.dropout_p).toBe(0);
});
