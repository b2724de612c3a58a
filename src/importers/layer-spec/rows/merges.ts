/** Layers that take several named inputs. */
import type { ValueId } from "../../../ir/graph.js";
import { dim } from "../kinds.js";
import { type LayerCall, type LayerRow, type LayerTable, may } from "../row.js";
import { dimOf } from "./dims.js";

/** The ways branches are joined: what each does with its list of values. */
export const JOINS = {
  concat: (call: LayerCall, values: readonly ValueId[]) => concatenated(call, values),
  add: (call: LayerCall, values: readonly ValueId[]) => folded(call, "add", values),
  multiply: (call: LayerCall, values: readonly ValueId[]) => folded(call, "mul", values),
  maximum: (call: LayerCall, values: readonly ValueId[]) => folded(call, "maximum", values),
} as const;

function concatenated(call: LayerCall, values: readonly ValueId[]): ValueId {
  const shapes = values.map((value) => call.spec(value).shape);
  const [first = []] = shapes;
  const at = dimOf(call, call.options.number("dim", 1), first.length);
  const fits = shapes.every(
    (shape) => shape.length === first.length && shape.every((size, i) => i === at || size === first[i]),
  );
  if (!fits) call.refuse(`equal dims but for dim ${at}`, shapes.map((shape) => `[${shape}]`).join(" and "));
  return call.op("cat", { tensors: values }, { dim: at });
}

function folded(call: LayerCall, op: string, values: readonly ValueId[]): ValueId {
  const [first, ...rest] = values;
  return rest.reduce((self, other) => call.op(op, { self, other }), first as ValueId);
}

const merge = (
  kind: string,
  help: string,
  build: LayerRow["build"],
  ...words: readonly string[]
): LayerRow => ({
  kind,
  help,
  words,
  main: "inputs",
  merges: true,
  options: {},
  build,
});

export const merges = {
  concat: {
    ...merge(
      "Concat",
      "joins tensors along a dim",
      (call) => JOINS.concat(call, call.inputs),
      "concatenate",
      "cat",
    ),
    options: { dim: may(dim, "the dim that grows (default 1: channels)", "axis") },
  },
  add: merge("Add", "sum, element by element", (call) => JOINS.add(call, call.inputs)),
  multiply: merge(
    "Multiply",
    "product, element by element",
    (call) => JOINS.multiply(call, call.inputs),
    "mul",
  ),
  maximum: merge("Maximum", "larger one, element by element", (call) => JOINS.maximum(call, call.inputs)),
  subtract: merge(
    "Subtract",
    "difference, element by element",
    (call) => folded(call, "sub", call.inputs),
    "sub",
  ),
  average: merge("Average", "mean, element by element", (call) =>
    call.op("div", { self: folded(call, "add", call.inputs) }, { other: call.inputs.length }),
  ),
  matmul: merge("Matmul", "matrix product of the last two dims", (call) => matmul(call), "dot"),
} satisfies LayerTable;

function matmul(call: LayerCall): ValueId {
  const [left, right, third] = call.inputs;
  if (left === undefined || right === undefined || third !== undefined)
    return call.refuse("two inputs", String(call.inputs.length));
  const [a, b] = [call.spec(left).shape, call.spec(right).shape];
  if (a.length < 2 || b.length < 2 || a[a.length - 1] !== b[b.length - 2])
    call.refuse("[…, n, k] and […, k, m]", `[${a}] and [${b}]`);
  return call.op("matmul", { self: left, other: right });
}
