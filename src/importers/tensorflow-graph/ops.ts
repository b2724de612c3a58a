/**
 * Operations of TensorFlow files → operations of the engine's table, one row each. Attributes as
 * tensorflow/core/ops/*_ops.cc of TensorFlow 2.21 define them; shapes as its shape functions do.
 */
import { isFloating } from "../../base/dtype.js";
import { unknownOperation } from "./complaints.js";
import { batchNormOps } from "./batch-norm-ops.js";
import { controlOps } from "./control-flow.js";
import { moveOps } from "./moves.js";
import type { Lowering, NodeCall } from "./node-call.js";
import { OPAQUE, type Tensor } from "./tensor.js";
import { convolutionOps } from "./windows.js";

const pass: Lowering = (call) => call.tensor(0);

/** One operand, and a result like it. */
const unary =
  (op: string): Lowering =>
  (call) => {
    const { shape, dtype } = call.spec(0);
    return call.isKnown ? call.folded(shape, dtype) : call.one(op, [call.operand(0)]);
  };

const binary =
  (op: string): Lowering =>
  (call) =>
    call.broadcast(op);

const comparison = (op: string): Lowering => binary(op);

/** Axes are the second input. */
const reduction =
  (op: string): Lowering =>
  (call) => {
    const { shape, dtype } = call.spec(0);
    const isImage = shape.length === 4 && call.data(1) === undefined && call.shape(1).join() === "2";
    const axes = isImage ? [1, 2] : call.axes(1, shape.length);
    const keep = call.flag("keep_dims");
    if (call.tensor(0).kind === "constant") {
      const left = shape.flatMap((size, dim) => (axes.includes(dim) ? (keep ? [1] : []) : [size]));
      return call.folded(left, dtype);
    }
    if (axes.length === 0) return call.tensor(0);
    return call.one(op, [call.operand(0)], { axes: [...axes], keep });
  };

/** A matrix product; batches of matrices broadcast. */
const product =
  (op: string, ta: string, tb: string): Lowering =>
  (call) =>
    call.one(op, [call.value(0), call.value(1)], { ta: call.flag(ta), tb: call.flag(tb) });

const cast: Lowering = (call) => {
  const to = call.dtype("DstT");
  const { shape, dtype } = call.spec(0);
  if (!to) throw call.wrong("DstT", "a type of numbers", call.attr("DstT")?.type);
  if (call.tensor(0).kind === "constant" && call.operand(0) === null) return call.folded(shape, to);
  return to === dtype ? call.tensor(0) : call.one("Cast", [call.value(0)], { dtype: to });
};

const einsum: Lowering = (call) => {
  const equation = call.text("equation", "");
  const match = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]*)$/.exec(equation.replaceAll(" ", ""));
  if (!match)
    throw call.wrong(
      "equation",
      "letters for every dim of two operands, without an ellipsis",
      equation.slice(0, 60),
    );
  const sizes = new Map<string, number>();
  const [, x = "", y = "", out = ""] = match;
  [x, y].forEach((letters, i) => {
    const shape = call.shape(i);
    if (shape.length !== letters.length)
      throw call.refuse(`${letters.length} dims, as "${letters}"`, `[${shape}]`);
    for (const [dim, size] of shape.entries()) sizes.set(letters[dim] as string, size);
  });
  const shape = [...out].map((letter) => sizes.get(letter) ?? 1);
  return call.one("Einsum", [call.value(0), call.value(1)], { equation: `${x},${y}->${out}`, shape });
};

/** x * sigmoid(x) passes its result through with a gradient function of its own. */
function passed(call: NodeCall): Lowering {
  const isCustom = call.attr("_gradient_op_type") !== undefined;
  const [result, x] = call.inputs;
  if (isCustom && result?.kind === "value" && x?.kind === "value") {
    const { makers } = call.writer;
    const maker = makers.get(result.id);
    const factors = maker?.inputs ?? [];
    const isSwish =
      maker?.op === "Mul" &&
      factors.includes(x.id) &&
      factors.some((id) => id !== null && makers.get(id)?.op === "Sigmoid");
    if (isSwish) return () => [call.one("SwishIdentity", [result.id, x.id]), ...call.inputs.slice(1)];
    call.note(
      "custom-gradient",
      "warning",
      "a gradient function of somebody's own is not in the file: the operations' own gradients count",
    );
  }
  return () => call.inputs;
}

const random: Lowering = (call) => {
  const shape = call.sizes(0, "the shape of random numbers");
  const dtype = call.dtype("dtype") ?? "float32";
  return call.one("StatelessRandomUniformV2", [], { shape: [...shape], dtype });
};

const sparseLoss: Lowering = (call) =>
  call.all("SparseSoftmaxCrossEntropyWithLogits", [call.value(0), call.value(1)]);

const assign =
  (op: string): Lowering =>
  (call) => {
    const value = call.inputs[1];
    if (value?.kind === "value" && call.writer.drawing.options.training) call.all(op, [value.id]);
    return [];
  };

/** What a node of no memory on the device returns. */
const nothing: Lowering = () => [];
const opaque =
  (count: number): Lowering =>
  () =>
    new Array(count).fill(OPAQUE);

/** Rows of a table by indices; along another dim, what is gathered has the same size. */
const gather: Lowering = (call) => {
  const table = call.shape(0);
  const indices = call.shape(1);
  const axis = call.inputs.length > 2 ? call.axis(call.sizes(2, "an axis")[0] ?? 0, table.length) : 0;
  if (call.int("batch_dims", 0) !== 0) return bounded([...indices, ...table.slice(indices.length)])(call);
  if (axis === 0) return call.one("GatherV2", [call.value(0), call.value(1)]);
  return bounded([...table.slice(0, axis), ...indices, ...table.slice(axis + 1)])(call);
};

/** An operation whose gradient is not known: it keeps what it is given and what it returns. */
export const bounded =
  (shape: readonly number[]): Lowering =>
  (call) => {
    const ids = call.inputs.flatMap((tensor) =>
      tensor.kind === "value" || tensor.kind === "variable" ? [tensor] : [],
    );
    const floating = ids.map((tensor) => call.writer.value(tensor, call.where));
    call.writer.check(shape, call.where);
    return call.one("CustomLayer", floating, { shape: [...shape] });
  };

const UNARY = [
  "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Exp", "Expm1", "Log", "Log1p",
  "Sqrt", "Rsqrt", "Square", "Neg", "Abs", "Sign", "Reciprocal", "Floor", "Erf", "Erfc", "Sin", "Cos", "Softmax", "LogSoftmax",
]; // biome-ignore format: a list of names
const BINARY = [
  "AddV2",
  "Sub",
  "Mul",
  "RealDiv",
  "DivNoNan",
  "Pow",
  "SquaredDifference",
  "Maximum",
  "Minimum",
  "FloorMod",
];
const COMPARISONS = ["GreaterEqual", "Greater", "LessEqual", "Less", "Equal", "LogicalAnd"];
const REDUCTIONS = ["Sum", "Mean", "Max", "Min"];
/** Results are inputs: nothing is computed, or nothing that counts. */
const PASSES = [
  "Identity", "Snapshot", "StopGradient", "PreventGradient", "CheckNumerics", "EnsureShape", "PlaceholderWithDefault",
  "DisableCopyOnRead", "ReadVariableOp", "RefIdentity",
]; // biome-ignore format: a list of names
const NOTHING = ["NoOp", "Assert", "Print", "PrintV2", "Assign", "AssignAdd", "AssignSub", "ControlTrigger"];

const named = (names: readonly string[], row: (name: string) => Lowering): Record<string, Lowering> =>
  Object.fromEntries(names.map((name) => [name, row(name)]));

export const GRAPH_OPS: Readonly<Record<string, Lowering>> = {
  ...named(UNARY, unary),
  ...named(BINARY, binary),
  ...named(COMPARISONS, comparison),
  ...named(REDUCTIONS, reduction),
  ...named(PASSES, () => pass),
  ...named(NOTHING, () => nothing),
  ...convolutionOps,
  ...batchNormOps,
  ...moveOps,
  ...controlOps,
  Add: binary("AddV2"),
  Div: binary("RealDiv"),
  Inv: unary("Reciprocal"),
  Round: unary("Floor"),
  Rint: unary("Floor"),
  Ceil: unary("Floor"),
  FloorDiv: binary("FloorMod"),
  NotEqual: comparison("Equal"),
  LogicalOr: comparison("LogicalAnd"),
  LogicalNot: unary("Sign"),
  Prod: reduction("Sum"),
  All: reduction("Sum"),
  Any: reduction("Sum"),
  StopGradient: (call) =>
    call.tensor(0).kind === "constant" ? call.tensor(0) : call.one("StopGradient", [call.value(0)]),
  IdentityN: (call) => passed(call)(call),
  AddN: (call) =>
    call.inputs
      .slice(1)
      .reduce(
        (sum, _, i) => call.one("AddV2", [call.writer.value(sum, call.where), call.value(i + 1)]),
        call.tensor(0),
      ),
  BiasAdd: (call) => {
    call.channelsLast();
    return call.one("BiasAdd", [call.value(0), call.value(1)]);
  },
  BiasAddV1: (call) => call.one("BiasAdd", [call.value(0), call.value(1)]),
  Cast: cast,
  Einsum: einsum,
  MatMul: product("MatMul", "transpose_a", "transpose_b"),
  BatchMatMul: product("BatchMatMulV2", "adj_x", "adj_y"),
  BatchMatMulV2: product("BatchMatMulV2", "adj_x", "adj_y"),
  BatchMatMulV3: product("BatchMatMulV2", "adj_x", "adj_y"),
  Select: binary("SelectV2"),
  SelectV2: (call) =>
    call.isKnown ? call.folded(call.shape(1), call.spec(1).dtype) : call.broadcast("SelectV2"),
  SparseSoftmaxCrossEntropyWithLogits: sparseLoss,
  SoftmaxCrossEntropyWithLogits: sparseLoss,
  Gather: gather,
  GatherV2: gather,
  ResourceGather: gather,
  Cumsum: (call) =>
    call.isKnown ? call.folded(call.shape(0), call.spec(0).dtype) : bounded(call.shape(0))(call),
  RandomUniform: random,
  RandomStandardNormal: random,
  TruncatedNormal: random,
  StatelessRandomUniform: random,
  StatelessRandomUniformV2: random,
  StatelessRandomNormalV2: random,
  StatelessTruncatedNormalV2: random,
  StatelessRandomGetKeyCounter: opaque(2),
  StatelessRandomGetAlg: opaque(1),
  AssignVariableOp: assign("AssignVariableOp"),
  AssignAddVariableOp: assign("AssignAddVariableOp"),
  AssignSubVariableOp: assign("AssignSubVariableOp"),
  OneHot: (call) => {
    const depth = call.sizes(1, "a depth")[0] ?? 1;
    const axis = call.int("axis", -1);
    const shape = [...call.shape(0)];
    shape.splice(axis < 0 ? shape.length : axis, 0, depth);
    const dtype = call.dtype("T") ?? "float32";
    call.writer.check(shape, call.where);
    return call.one("OneHot", [call.value(0)], { shape, dtype });
  },
  ArgMax: (call) => {
    const shape = call.shape(0);
    const axis = call.axis(call.data(1)?.[0] ?? 0, shape.length);
    const dtype = call.dtype("output_type") ?? "int64";
    const left = shape.filter((_, dim) => dim !== axis);
    call.writer.check(left, call.where);
    return call.one("ArgMax", [call.value(0)], { shape: left, dtype });
  },
};

/** An operation that has no row: named, and bounded by what goes in and what comes out. */
export function lowerUnknown(call: NodeCall): readonly Tensor[] {
  const first = call.inputs.findIndex(
    (tensor) =>
      (tensor.kind === "value" || tensor.kind === "variable") &&
      isFloating(call.writer.specOf(tensor, call.where).dtype),
  );
  const stated = call.stated();
  const shape = stated ?? (first >= 0 ? call.shape(first) : null);
  if (!shape) throw unknownOperation(call.where, call.op);
  if (first < 0) return [call.folded(shape, "int32")]; // whole numbers: tables, keys
  const how = stated ? "of the shape the file states" : `taken to be shaped as its input, [${shape}]`;
  call.note(
    "unknown-operation",
    "warning",
    `${call.op.slice(0, 60)} is no operation that is known: it counts as one that keeps its inputs and its result, ${how}`,
  );
  const result = bounded(shape)(call);
  return Array.isArray(result) ? result : [result as Tensor];
}
