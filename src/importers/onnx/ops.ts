/** ONNX operator → our operators, one row each, alphabetical. Families with more to say are in files of their own. */
import { dense } from "../../ir/tensor.js";
import type { Call, Lowering } from "./call.js";
import { unknownSize } from "./complaints.js";
import { DATA_TYPES } from "./dims.js";
import * as layers from "./layers.js";
import * as moves from "./moves.js";

/** One input, one kernel of ours. */
const same =
  (op: string, port = "self"): Lowering =>
  (call) =>
    call.result(op, { [port]: call.id(0) });

/** Two broadcast operands; a known scalar is a number in PyTorch's code. */
const binary =
  (op: string, mirrored?: string): Lowering =>
  (call) => {
    const scalar = (i: number) => (call.isWeight(i) ? undefined : oneNumber(call, i));
    const [left, right] = [scalar(0), scalar(1)];
    if (right !== undefined && left === undefined)
      return call.result(op, { self: call.id(0) }, { other: right });
    if (left !== undefined && right === undefined && mirrored === "reciprocal")
      return call.result("mul", { self: call.step("reciprocal", { self: call.id(1) }) }, { other: left });
    if (left !== undefined && right === undefined && mirrored)
      return call.result(mirrored, { self: call.id(1) }, { other: left });
    return call.result(op, { self: call.id(0), other: call.id(1) });
  };

function oneNumber(call: Call, index: number): number | undefined {
  const known = call.known(index);
  return known && known.data.length === 1 && known.shape.length <= 1 ? known.data[0] : undefined;
}

/** Any number of operands, folded from the left. */
const variadic =
  (op: string): Lowering =>
  (call) => {
    if (call.inputs === 1) return call.result("alias", { self: call.id(0) });
    let left = call.id(0);
    for (let i = 1; i < call.inputs - 1; i++) left = call.step(op, { self: left, other: call.id(i) });
    return call.result(op, { self: left, other: call.id(call.inputs - 1) });
  };

const reduction =
  (op: string): Lowering =>
  (call) => {
    const dims = moves.axesOf(call, 1);
    if (!dims && call.int("noop_with_empty_axes", 0) === 1) return call.result("alias", { self: call.id(0) });
    const keepdim = call.int("keepdims", 1) === 1;
    return call.result(op, { self: call.id(0) }, { ...(dims && { dim: dims }), keepdim });
  };

const extremum =
  (op: string): Lowering =>
  (call) =>
    call.result(
      op,
      { self: call.id(0) },
      { dim: call.int("axis", 0), keepdim: call.int("keepdims", 1) === 1 },
    );

const alongAxis =
  (op: string): Lowering =>
  (call) =>
    call.result(op, { self: call.id(0) }, { dim: call.int("axis", call.opset >= 13 ? -1 : 1) });

/** Whole numbers in place of weights: a result of the first input's shape, or the one that is stated. */
const quantized: Lowering = (call) =>
  call.bounded(null, "computes with whole numbers, which PyTorch does not train");

const requantized =
  (dtype: "float32" | "uint8"): Lowering =>
  (call) =>
    call.bounded(
      [
        dense(call.spec(0).shape, dtype),
        ...Array.from({ length: call.outputs - 1 }, () => dense([], "float32")),
      ],
      "computes with whole numbers, which PyTorch does not train",
    );

const random: Lowering = (call) => {
  const like = call.inputs > 0 ? call.spec(0) : undefined;
  const size = call.ints("shape") ?? like?.shape ?? [];
  return call.result(
    "create",
    {},
    { size, dtype: DATA_TYPES[call.int("dtype", 0)] ?? like?.dtype ?? "float32" },
  );
};

export const ONNX_OPS: Readonly<Record<string, Lowering>> = {
  Abs: same("abs"),
  Acos: same("acos"),
  Add: binary("add", "add"),
  And: binary("logicalAnd"),
  ArgMax: extremum("argmax"),
  ArgMin: extremum("argmin"),
  Asin: same("asin"),
  Atan: same("atan"),
  Attention: layers.attention,
  AveragePool: layers.pool("avgPool"),
  BatchNormalization: layers.batchNorm,
  Bernoulli: same("bernoulli"),
  BiasGelu: (call) =>
    call.result("gelu", { self: call.step("add", { self: call.id(0), other: call.id(1) }) }),
  BitwiseAnd: binary("bitwiseAnd"),
  BitwiseNot: same("bitwiseNot"),
  BitwiseOr: binary("bitwiseOr"),
  Cast: (call) =>
    call.result("cast", { self: call.id(0) }, { dtype: DATA_TYPES[call.int("to", 1)] ?? "float32" }),
  CastLike: (call) => call.result("castLike", { self: call.id(0), other: call.id(1) }),
  Ceil: same("ceil"),
  Celu: same("celu"),
  Clip: (call) =>
    oneNumber(call, 1) === 0 && oneNumber(call, 2) === 6
      ? call.result("hardtanh", { self: call.id(0) }, { min_val: 0, max_val: 6 })
      : call.result("clamp", { self: call.id(0) }),
  Concat: (call) =>
    call.result(
      "cat",
      { tensors: Array.from({ length: call.inputs }, (_, i) => call.id(i)) },
      { dim: call.int("axis", 0) },
    ),
  ConstantOfShape: (call) => call.result("create", {}, { size: moves.sizesAt(call, 0) }),
  Conv: layers.convolution,
  ConvInteger: quantized,
  ConvTranspose: layers.transposedConvolution,
  Cos: same("cos"),
  Cosh: same("cosh"),
  CumSum: (call) =>
    call.result("cumsum", { self: call.id(0) }, { dim: oneNumber(call, 1) ?? 0, dtype: call.spec(0).dtype }),
  DepthToSpace: (call) =>
    call.result("pixelShuffle", { self: call.id(0) }, { upscale_factor: call.int("blocksize", 1) }),
  DequantizeLinear: requantized("float32"),
  Div: binary("div", "reciprocal"),
  Dropout: layers.dropout,
  DynamicQuantizeLinear: requantized("uint8"),
  Einsum: (call) =>
    call.result(
      "einsum",
      { tensors: Array.from({ length: call.inputs }, (_, i) => call.id(i)) },
      { equation: call.text("equation", "") },
    ),
  Elu: same("elu"),
  Equal: binary("eq"),
  Erf: same("erf"),
  Exp: same("exp"),
  Expand: moves.expand,
  EyeLike: (call) => call.result("create", {}, { size: call.spec(0).shape, dtype: call.spec(0).dtype }),
  FastGelu: (call) =>
    call.result("gelu", {
      self: call.has(1) ? call.step("add", { self: call.id(0), other: call.id(1) }) : call.id(0),
    }),
  Flatten: moves.flatten,
  Floor: same("floor"),
  FusedMatMul: (call) => layers.matmul(call),
  GRU: layers.recurrent("gru", 3),
  Gather: moves.gather,
  GatherElements: (call) =>
    call.result("gather", { self: call.id(0), index: call.id(1) }, { dim: call.int("axis", 0) }),
  GatherND: (call) => {
    const [data, at] = [call.spec(0), call.spec(1)];
    const taken = at.shape.at(-1) ?? 1;
    const shape = [...at.shape.slice(0, -1), ...data.shape.slice(taken + call.int("batch_dims", 0))];
    return call.bounded([dense(shape, data.dtype)], "gathers by index tuples");
  },
  Gelu: same("gelu"),
  Gemm: layers.gemm,
  GlobalAveragePool: layers.globalPool("adaptiveAvgPool", "mean"),
  GlobalMaxPool: layers.globalPool("adaptiveMaxPool", "amax"),
  Greater: binary("gt"),
  GreaterOrEqual: binary("ge"),
  GridSample: (call) => call.result("gridSampler", { input: call.id(0), grid: call.id(1) }),
  GroupNormalization: (call) =>
    call.result(
      "groupNorm",
      { input: call.id(0), weight: call.optional(1), bias: call.optional(2) },
      { num_groups: call.int("num_groups", 1) },
    ),
  HardSigmoid: same("hardsigmoid"),
  HardSwish: same("hardswish"),
  Identity: same("alias"),
  InstanceNormalization: (call) =>
    call.result(
      "instanceNorm",
      { input: call.id(0), weight: call.id(1), bias: call.id(2) },
      { use_input_stats: true },
    ),
  IsInf: same("isinf"),
  IsNaN: same("isnan"),
  LSTM: layers.recurrent("lstm", 4),
  LayerNormalization: layers.layerNorm("layerNorm"),
  LeakyRelu: same("leakyRelu"),
  Less: binary("lt"),
  LessOrEqual: binary("le"),
  Log: same("log"),
  LogSoftmax: alongAxis("logSoftmax"),
  MatMul: layers.matmul,
  MatMulInteger: quantized,
  Max: variadic("maximum"),
  MaxPool: layers.pool("maxPool"),
  Mean: (call) => [call.step("div", { self: variadic("add")(call)[0] ?? null }, { other: call.inputs })],
  Min: variadic("minimum"),
  Mish: same("mish"),
  Mod: binary("remainder"),
  Mul: binary("mul", "mul"),
  Neg: same("neg"),
  NegativeLogLikelihoodLoss: (call) => call.result("nllLoss", { self: call.id(0), target: call.id(1) }),
  Not: same("logicalNot"),
  OneHot: (call) =>
    call.result("oneHot", { self: call.id(0) }, { num_classes: moves.sizesAt(call, 1)[0] ?? 1 }),
  Or: binary("logicalOr"),
  PRelu: (call) => call.result("prelu", { self: call.id(0), weight: call.id(1) }),
  Pad: moves.pad,
  PlimsollAttention: layers.attention,
  PlimsollLinear: layers.linear,
  Pow: (call) => {
    const exponent = oneNumber(call, 1);
    return exponent === undefined
      ? call.result("pow", { self: call.id(0), exponent: call.id(1) })
      : call.result("pow", { self: call.id(0) }, { exponent });
  },
  QGemm: quantized,
  QLinearAdd: quantized,
  QLinearConv: quantized,
  QLinearMatMul: quantized,
  QuantizeLinear: requantized("uint8"),
  QuickGelu: (call) =>
    call.result("mul", {
      self: call.id(0),
      other: call.step("sigmoid", { self: call.step("mul", { self: call.id(0) }, { other: 1.702 }) }),
    }),
  RMSNormalization: layers.layerNorm("rmsNorm"),
  RNN: layers.recurrent("rnnTanh", 1),
  RandomNormal: random,
  RandomNormalLike: random,
  RandomUniform: random,
  RandomUniformLike: random,
  Range: (call) => {
    const [start, end, step] = [0, 1, 2].map((i) => oneNumber(call, i));
    if (start === undefined || end === undefined || step === undefined)
      throw unknownSize(call.where, "an end of the range");
    return call.result("arange", {}, { start, end, step });
  },
  Reciprocal: same("reciprocal"),
  ReduceL1: reduction("vectorNorm"),
  ReduceL2: reduction("vectorNorm"),
  ReduceLogSumExp: reduction("logsumexp"),
  ReduceMax: reduction("amax"),
  ReduceMean: reduction("mean"),
  ReduceMin: reduction("amin"),
  ReduceProd: reduction("prod"),
  ReduceSum: reduction("sum"),
  ReduceSumSquare: (call) => {
    const squared = call.step("square", { self: call.id(0) });
    const dims = moves.axesOf(call, 1);
    return call.result(
      "sum",
      { self: squared },
      { ...(dims && { dim: dims }), keepdim: call.int("keepdims", 1) === 1 },
    );
  },
  Relu: same("relu"),
  Reshape: moves.reshape,
  Resize: moves.resize,
  Round: same("round"),
  ScatterElements: (call) =>
    call.result(
      "scatter",
      { self: call.id(0), index: call.id(1), src: call.id(2) },
      { dim: call.int("axis", 0) },
    ),
  ScatterND: (call) => call.bounded([call.spec(0)], "writes by index tuples"),
  Selu: same("selu"),
  Sigmoid: same("sigmoid"),
  Sign: same("sign"),
  SimplifiedLayerNormalization: layers.layerNorm("rmsNorm"),
  Sin: same("sin"),
  Sinh: same("sinh"),
  Slice: moves.slice,
  Softmax: alongAxis("softmax"),
  SoftmaxCrossEntropyLoss: (call) => call.result("crossEntropy", { self: call.id(0), target: call.id(1) }),
  Softplus: same("softplus"),
  Softsign: same("softsign"),
  SpaceToDepth: (call) =>
    call.result("pixelUnshuffle", { self: call.id(0) }, { downscale_factor: call.int("blocksize", 1) }),
  Split: moves.split,
  Sqrt: same("sqrt"),
  Squeeze: (call) => {
    const dims = moves.axesOf(call, 1);
    return call.result("squeeze", { self: call.id(0) }, dims ? { dim: dims } : {});
  },
  Sub: binary("sub", "rsub"),
  Sum: variadic("add"),
  Swish: same("silu"),
  Tan: same("tan"),
  Tanh: same("tanh"),
  ThresholdedRelu: same("threshold"),
  Tile: (call) => call.result("repeat", { self: call.id(0) }, { repeats: moves.sizesAt(call, 1) }),
  TopK: (call) =>
    call.result(
      "topk",
      { self: call.id(0) },
      { dim: call.int("axis", -1), k: oneNumber(call, 1) ?? call.int("k", 1) },
    ),
  Transpose: (call) => {
    const rank = call.spec(0).shape.length;
    const dims = call.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    return call.result("permute", { self: call.id(0) }, { dims });
  },
  Trilu: (call) => call.result(call.int("upper", 1) === 1 ? "triu" : "tril", { self: call.id(0) }),
  Unsqueeze: moves.unsqueeze,
  Upsample: moves.resize,
  Where: (call) => call.result("where", { condition: call.id(0), self: call.id(1), other: call.id(2) }),
  Xor: binary("ne"),
};
