/** Elementwise operations: math_grad.py, nn_grad.py. */
import type { DType } from "../../base/dtype.js";
import {
  allEqual,
  besideScalar,
  broadcasted,
  type GradientFunction,
  type GraphOperation,
  isConstant,
  like,
  type OperationTable,
  reduceArguments,
  same,
  simple,
} from "./op.js";

const unary = (gradient?: GradientFunction): GraphOperation => ({
  infer: same,
  overwrites: true,
  ...(gradient && { gradient }),
});

/** The kernel of the gradient reads the result (or the input) and the gradient. */
const fromOutput = (name: string, swapped = false): GraphOperation =>
  unary(simple((emit, { out, g }) => [emit.one(name, swapped ? [g, out] : [out, g])]));
const fromInput = (name: string): GraphOperation =>
  unary(simple((emit, { x, g }) => [emit.one(name, [g, x])]));

const binary = (gradient?: GradientFunction): GraphOperation => ({
  infer: broadcasted,
  overwrites: true,
  ...(gradient && { gradient }),
});

const comparison: GraphOperation = {
  infer: (inputs) => broadcasted(inputs).map((spec) => like(spec, spec.shape, "bool")),
};

/** Where one operand is chosen, the gradient goes to it and zeros to the other. */
const choice = (chosen: string): GraphOperation =>
  binary(
    simple((emit, parts) => {
      const { x, y, g } = parts;
      const zeros = emit.constant(g.spec.shape, g.spec.dtype);
      const mask = emit.one(chosen, [x, y]);
      const gx = isConstant(x) ? null : emit.one("SelectV2", [mask, g, zeros]);
      if (besideScalar(parts)) return [gx, null];
      const gy = isConstant(y) ? null : emit.one("SelectV2", [mask, zeros, g]);
      return reduceArguments(emit, x, y, gx, gy);
    }),
  );

export const elementwise = {
  Relu: fromOutput("ReluGrad", true),
  Relu6: fromOutput("Relu6Grad", true),
  Elu: fromOutput("EluGrad", true),
  Selu: fromOutput("SeluGrad", true),
  LeakyRelu: fromInput("LeakyReluGrad"),
  Sigmoid: fromOutput("SigmoidGrad"),
  Tanh: fromOutput("TanhGrad"),
  Softplus: unary(simple((emit, { x, g }) => [emit.one("Mul", [g, emit.one("Sigmoid", [x])])])),
  Softsign: { infer: same, gradient: simple((emit, { x, g }) => [emit.one("SoftsignGrad", [g, x])]) },
  Exp: unary(simple((emit, { out, g }) => [emit.one("Mul", [g, out])])),
  Expm1: {
    infer: same,
    gradient: simple((emit, { x, g }) => [emit.one("Mul", [g, emit.one("Exp", [x])])]),
  },
  Log: unary(simple((emit, { x, g }) => [emit.one("Mul", [g, emit.one("Reciprocal", [x])])])),
  Log1p: unary(
    simple((emit, { x, g }) => [
      emit.one("Mul", [g, emit.one("Reciprocal", [emit.one("AddV2", [emit.constant([], x.spec.dtype), x])])]),
    ]),
  ),
  Sqrt: fromOutput("SqrtGrad"),
  Rsqrt: fromOutput("RsqrtGrad"),
  Square: unary(
    simple((emit, { x, g }) => [emit.one("Mul", [g, emit.one("Mul", [x, emit.constant([], x.spec.dtype)])])]),
  ),
  Neg: unary(simple((emit, { g }) => [emit.one("Neg", [g])])),
  Abs: unary(simple((emit, { x, g }) => [emit.one("Mul", [g, emit.one("Sign", [x])])])),
  Sign: unary(),
  Reciprocal: unary(),
  Floor: unary(() => [null]),
  Erf: unary(errorFunction()),
  Erfc: unary(errorFunction()),
  Sin: unary(simple((emit, { x, g }) => [emit.one("Mul", [g, emit.one("Cos", [x])])])),
  Cos: unary(simple((emit, { x, g }) => [emit.one("Mul", [emit.one("Neg", [g]), emit.one("Sin", [x])])])),
  IdentityN: { infer: (inputs) => inputs, alias: true },
  Identity: { infer: same, alias: true, gradient: simple((_, { g }) => [g]) },
  StopGradient: { infer: same, alias: true },
  /**
   * x * sigmoid(x) and x pass through here, with a gradient of its own: what was computed before gets none.
   * tensorflow/python/ops/nn_impl.py swish, custom_gradient.py
   */
  SwishIdentity: {
    infer: same,
    alias: true,
    gradient: simple((emit, { y: x, g }) => {
      const one = emit.constant([], x.spec.dtype);
      const sigmoid = emit.one("Sigmoid", [emit.one("Mul", [one, x])]);
      const again = emit.one("Mul", [one, x]);
      const rest = emit.one("Mul", [again, emit.one("Sub", [one, sigmoid])]);
      const slope = emit.one("Mul", [sigmoid, emit.one("AddV2", [one, rest])]);
      return [null, emit.one("Mul", [g, slope])];
    }),
  },

  AddV2: binary(
    simple((emit, parts) => {
      const { x, y, g } = parts;
      if (besideScalar(parts)) return [g, null];
      if (allEqual(parts)) return [g, g];
      return reduceArguments(emit, x, y, isConstant(x) ? null : g, isConstant(y) ? null : g);
    }),
  ),
  Sub: binary(
    simple((emit, parts) => {
      const { x, y, g } = parts;
      if (besideScalar(parts)) return [g, null];
      if (allEqual(parts)) return [g, emit.one("Neg", [g])];
      const gy = isConstant(y) ? null : emit.one("Neg", [g]);
      return reduceArguments(emit, x, y, isConstant(x) ? null : g, gy);
    }),
  ),
  Mul: binary(
    simple((emit, parts) => {
      const { x, y, g } = parts;
      if (besideScalar(parts)) return [emit.one("Mul", [g, y]), null];
      if (allEqual(parts) && g.spec.dtype === "float32")
        return [emit.one("Mul", [g, y]), emit.one("Mul", [g, x])];
      const gx = isConstant(x) ? null : emit.one("Mul", [g, y]);
      const gy = isConstant(y) ? null : emit.one("Mul", [x, g]);
      return reduceArguments(emit, x, y, gx, gy);
    }),
  ),
  RealDiv: binary(division("RealDiv")),
  DivNoNan: binary(division("DivNoNan")),
  FloorMod: binary(),
  Pow: binary(),
  SquaredDifference: binary(
    simple((emit, parts) => {
      const { x, y, g } = parts;
      const twice = emit.one("Mul", [emit.constant([], g.spec.dtype), g]);
      const gx = emit.one("Mul", [twice, emit.one("Sub", [x, y])]);
      if (allEqual(parts)) return [gx, emit.one("Neg", [gx])];
      return reduceArguments(emit, x, y, gx, isConstant(y) ? null : emit.one("Neg", [gx]));
    }),
  ),
  Maximum: choice("GreaterEqual"),
  Minimum: choice("LessEqual"),
  GreaterEqual: comparison,
  Greater: comparison,
  LessEqual: comparison,
  Less: comparison,
  Equal: comparison,
  LogicalAnd: comparison,
  SelectV2: {
    infer: ([mask, a, b]) => {
      const [spec] = broadcasted([mask, a, b].filter((input) => input !== undefined));
      return [like(spec as never, spec?.shape, a?.dtype)];
    },
    overwrites: true,
    gradient: (emit, { inputs, outputs }, [g]) => {
      const [mask, x, y] = inputs as readonly [never, never, never];
      if (!g) return [null, null, null];
      const zeros = emit.constant([], g.spec.dtype);
      const [out] = outputs as readonly [never];
      const gx = emit.one("SelectV2", [mask, g, zeros]);
      const gy = emit.one("SelectV2", [mask, zeros, g]);
      return [
        null,
        reduceArguments(emit, x, out, gx, null)[0] ?? null,
        reduceArguments(emit, y, out, gy, null)[0] ?? null,
      ];
    },
  },
  AddN: { infer: same, overwrites: true },
  Cast: {
    infer: ([x], { dtype }) => [like(x as never, x?.shape, dtype as DType)], // as: every emitter gives one
    gradient: simple((emit, { x, g }) => [emit.one("Cast", [g], { dtype: x.spec.dtype })]),
  },

  ReluGrad: unary(),
  Relu6Grad: unary(),
  EluGrad: unary(),
  SeluGrad: unary(),
  LeakyReluGrad: unary(),
  SigmoidGrad: unary(),
  TanhGrad: unary(),
  SoftsignGrad: { infer: same },
  SqrtGrad: unary(),
  RsqrtGrad: unary(),
} satisfies OperationTable;

/** grad * constant * exp(-x²) */
function errorFunction(): GradientFunction {
  return simple((emit, { x, g }) => {
    const scaled = emit.one("Mul", [g, emit.constant([], g.spec.dtype)]);
    return [emit.one("Mul", [scaled, emit.one("Exp", [emit.one("Neg", [emit.one("Square", [x])])])])];
  });
}

function division(op: "RealDiv" | "DivNoNan"): GradientFunction {
  return simple((emit, { x, y, g }) => {
    const gx = emit.one(op, [g, y]);
    if (isConstant(y)) return reduceArguments(emit, x, y, gx, null);
    const gy = emit.one("Mul", [g, emit.one(op, [emit.one(op, [emit.one("Neg", [x]), y]), y])]);
    return reduceArguments(emit, x, y, gx, gy);
  });
}
