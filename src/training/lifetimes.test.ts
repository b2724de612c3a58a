import { describe, expect, test } from "vitest";
import { differentiate } from "../autograd/differentiate.js";
import type { Device } from "../frameworks/pytorch/kernel.js";
import type { Graph, ScopeId, ValueId } from "../ir/graph.js";
import type { TrainingSetup } from "../ir/setup.js";
import { dense } from "../ir/tensor.js";
import { NO_BYTES } from "../base/units.js";
import { GraphBuilder } from "../ops/build.js";
import { lastUses } from "./lifetimes.js";

const DEVICE: Device = {
  computeCapability: [8, 0],
  multiprocessors: 108,
  blasWorkspace: NO_BYTES,
  cudnn: "no-workspace",
};
const SETUP = { mode: "inference" } as TrainingSetup;
const END = Number.POSITIVE_INFINITY;

function start() {
  const builder = new GraphBuilder("drawn");
  const x = builder.value("x", "input", dense([4, 6], "float32"));
  const relu = (self: ValueId, scope: ScopeId = 0) => builder.call("relu", { self }, {}, { scope });
  return { builder, x, relu };
}

/** After which node each of `values` loses its last reference. */
function endsOf(graph: Graph, values: readonly ValueId[]): number[] {
  const tape = differentiate(graph, SETUP, DEVICE);
  const { end: ends } = lastUses(tape, tape.storages.length);
  return values.map((id) => ends[tape.storageOf[id] as number] as number);
}

describe("between modules", () => {
  test("a tensor lives until the last operator that reads it; inputs and outputs outlive the pass", () => {
    const { builder, x, relu } = start();
    const a = relu(x);
    const b = relu(a);
    const c = builder.call("add", { self: a, other: b });
    const d = relu(c);
    expect(endsOf(builder.finish([d], []), [x, a, b, c, d])).toEqual([END, 2, 2, 3, END]);
  });

  test("a result that nothing reads dies with its operator", () => {
    const { builder, x, relu } = start();
    const unread = relu(x);
    const y = relu(x);
    expect(endsOf(builder.finish([y], []), [unread])).toEqual([0]);
  });

  test("reading a view keeps the memory it shows", () => {
    const { builder, x, relu } = start();
    const a = relu(x); // #0
    const seen = builder.call("flatten", { self: a }, { start_dim: 0, end_dim: 1 }); // #1
    relu(x); // #2
    const y = relu(seen); // #3
    expect(endsOf(builder.finish([y], []), [a, seen])).toEqual([3, 3]);
  });

  test("a view among the outputs keeps it to the end of the step", () => {
    const { builder, x, relu } = start();
    const a = relu(x);
    const seen = builder.call("flatten", { self: a }, { start_dim: 0, end_dim: 1 });
    expect(endsOf(builder.finish([seen], []), [a])).toEqual([END]);
  });

  test("a variable holds a tensor beyond its last reader", () => {
    const { builder, x, relu } = start();
    const a = relu(x);
    const b = relu(a);
    const c = relu(b);
    builder.hold(a, 2);
    expect(endsOf(builder.finish([c], []), [a, b])).toEqual([2, 2]);
  });
});

describe("around module calls", () => {
  test("an argument lives until the module's call returns, what the module makes only until it is read", () => {
    const { builder, x, relu } = start();
    const block = builder.scope("block", "Sequential");
    const argument = relu(x); // #0
    const inside = relu(argument, block); // #1
    const between = relu(inside, block); // #2
    const result = relu(between, block); // #3
    const y = relu(result); // #4
    const graph = builder.finish([y], []);
    expect(endsOf(graph, [argument, inside, between, result])).toEqual([3, 2, 3, 4]);
  });

  test("it is the outermost call the tensor was passed into that counts", () => {
    const { builder, x, relu } = start();
    const outer = builder.scope("outer", "Block");
    const inner = builder.scope("outer.inner", "Block", outer);
    const passedIn = relu(x); // #0
    const made = relu(passedIn, inner); // #1, the outer call's argument handed on
    const given = relu(made, outer); // #2
    relu(given, inner); // #3
    relu(given, inner); // #4
    const y = relu(x, outer); // #5
    expect(endsOf(builder.finish([y], []), [passedIn, made, given])).toEqual([5, 2, 4]);
  });

  test("the result of one module is held by the next one's call", () => {
    const { builder, x, relu } = start();
    const [first, second] = [builder.scope("first", "Block"), builder.scope("second", "Block")];
    const a = relu(x, first); // #0
    const b = relu(a, second); // #1
    const c = relu(b, second); // #2
    expect(endsOf(builder.finish([c], []), [a, b])).toEqual([2, 2]);
  });
});
