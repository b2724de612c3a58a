import { isFloating } from "../base/dtype.js";
import {
  binary,
  broadcastAll,
  compares,
  dtypeOf,
  flag,
  type OpTable,
  op,
  plain,
  resultType,
  unary,
} from "./rule.js";
import { realType } from "./fourier.js";
import { iterate } from "./layout.js";
import { dense, type TensorSpec } from "../ir/tensor.js";

/** Activations of torch.nn that are one kernel. `result`: the gradient reads the output, `self`: the input. */
export const activations = {
  relu: unary("result"), // y > 0 says what x > 0 says: an in-place ReLU costs nothing more
  relu6: unary("self"),
  sigmoid: unary("result"),
  tanh: unary("result"),
  gelu: unary("self"),
  /** A GELU by a Python function of its own: it keeps its input and computes the rest again. */
  bloomGelu: unary("self"),
  silu: unary("self"),
  mish: unary("self"),
  elu: unary("self"),
  selu: unary("self"),
  celu: unary("self"),
  hardtanh: unary("self"),
  hardswish: unary("self"),
  hardsigmoid: unary("self"),
  hardshrink: unary("self"),
  leakyRelu: unary("self"),
  logSigmoid: unary("self"),
  softplus: unary("self"),
  softshrink: unary("self"),
  softsign: unary("self"),
  tanhshrink: unary("self"),
  threshold: unary("self"),
  rrelu: unary("self"),
  prelu: op({
    inputs: ["self", "weight"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], self.dtype),
    backward: { self: ["self", "weight"], weight: ["self", "weight"] },
  }), // one slope, or one per channel
  glu: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dim = axis(attributes.dim, self, -1);
      return dense(
        self.shape.map((size, i) => (i === dim ? size / 2 : size)),
        self.dtype,
      );
    },
    backward: { self: ["self"] },
  }),
} satisfies OpTable;

/** Whole numbers stay whole, and the gradient reads nothing. */
const kept = () =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], self.dtype),
    backward: { self: [] },
  });

/** Functions of one tensor, by what the gradient formula mentions (PyTorch's tools/autograd/derivatives.yaml). */
export const unaries = {
  exp: unary("result"),
  exp2: unary("result"),
  expm1: unary("result"),
  sqrt: unary("result"),
  rsqrt: unary("result"),
  reciprocal: unary("result"),
  tan: unary("result"),
  abs: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], realType(self.dtype)),
    backward: { self: ["self"] },
  }),
  log: unary("self"),
  log1p: unary("self"),
  log2: unary("self"),
  log10: unary("self"),
  sin: unary("self"),
  cos: unary("self"),
  sinh: unary("self"),
  cosh: unary("self"),
  asin: unary("self"),
  acos: unary("self"),
  atan: unary("self"),
  erf: unary("self"),
  erfc: unary("self"),
  erfinv: unary("self"),
  sinc: unary("self"),
  lgamma: unary("self"),
  digamma: unary("self"),
  asinh: unary("self"),
  acosh: unary("self"),
  atanh: unary("self"),
  square: unary("self"),
  neg: kept(),
  sign: kept(),
  sgn: kept(),
  floor: kept(),
  ceil: kept(),
  frac: unary("nothing"),
  logit: unary("self"),
  nanToNum: unary("self"),
  round: kept(),
  trunc: kept(),
  clamp: op({
    inputs: ["self", "min?", "max?"],
    outputs: ["result"],
    infer: ({ self, min, max }) => iterate([self, ...(min ? [min] : []), ...(max ? [max] : [])], self.dtype),
    backward: { self: ["self", "min", "max"] },
  }),
  clampMin: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], self.dtype),
    backward: { self: ["self"] },
  }),
  clampMax: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], self.dtype),
    backward: { self: ["self"] },
  }),
  logicalNot: plain("bool"),
  bitwiseNot: plain(),
  isnan: plain("bool"),
  isinf: plain("bool"),
  isfinite: plain("bool"),
} satisfies OpTable;

/** Functions of two broadcast operands: the product keeps the *other* one. */
export const binaries = {
  add: binary({ self: [], other: [] }),
  sub: binary({ self: [], other: [] }),
  rsub: binary({ self: [], other: [] }),
  mul: binary({ self: ["other"], other: ["self"] }),
  div: op({
    inputs: ["self", "other?"],
    outputs: ["result"],
    infer: ({ self, other }, attributes) => {
      const promoted = resultType(self, other, attributes.other);
      const whole = typeof attributes.rounding_mode === "string";
      return iterate(other ? [self, other] : [self], whole || isFloating(promoted) ? promoted : "float32");
    },
    backward: { self: ["other"], other: ["self", "other"] },
  }),
  remainder: binary({ self: [], other: ["self", "other"] }),
  fmod: binary({ self: [], other: ["self", "other"] }),
  floorDivide: op({
    inputs: ["self", "other?"],
    outputs: ["result"],
    infer: ({ self, other }, a) => iterate(other ? [self, other] : [self], resultType(self, other, a.other)),
  }),
  maximum: binary({ self: ["self", "other"], other: ["self", "other"] }),
  minimum: binary({ self: ["self", "other"], other: ["self", "other"] }),
  atan2: binary({ self: ["self", "other"], other: ["self", "other"] }),
  hypot: binary({ self: ["self", "result"], other: ["other", "result"] }),
  xlogy: binary({ self: ["self", "other"], other: ["self", "other"] }),
  copysign: binary({ self: ["self", "result"], other: [] }),
  fmax: binary({ self: ["self", "other"], other: ["self", "other"] }),
  fmin: binary({ self: ["self", "other"], other: ["self", "other"] }),
  /** A power in float64. */
  floatPower: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], "float64"),
    backward: { self: ["self"] },
  }),
  logaddexp: binary({ self: ["self", "other"], other: ["self", "other"] }),
  logaddexp2: binary({ self: ["self", "other"], other: ["self", "other"] }),
  /** To the power of another tensor: the result is kept whichever gradient is wanted. */
  powTensor: op({
    inputs: ["self", "exponent"],
    outputs: ["result"],
    infer: ({ self, exponent }) => iterate([self, exponent], resultType(self, exponent)),
    backward: { self: ["self", "exponent", "result"], exponent: ["self", "exponent", "result"] },
  }),
  pow: op({
    inputs: ["self?", "exponent?"],
    outputs: ["result"],
    infer: ({ self, exponent }, attributes) => {
      if (self && exponent) return iterate([self, exponent], resultType(self, exponent));
      const operand = self ?? exponent;
      return iterate([operand], resultType(operand, undefined, self ? attributes.exponent : attributes.self));
    },
    backward: { self: ["self", "exponent"], exponent: ["self", "exponent", "result"] },
  }),
  eq: compares(),
  ne: compares(),
  lt: compares(),
  le: compares(),
  gt: compares(),
  ge: compares(),
  logicalAnd: compares(),
  logicalOr: compares(),
  logicalXor: compares(),
  bitwiseAnd: op({
    inputs: ["self", "other?"],
    outputs: ["result"],
    infer: ({ self, other }) => iterate(other ? [self, other] : [self], self.dtype),
  }),
  bitwiseOr: op({
    inputs: ["self", "other?"],
    outputs: ["result"],
    infer: ({ self, other }) => iterate(other ? [self, other] : [self], self.dtype),
  }),
} satisfies OpTable;

export const ternaries = {
  where: op({
    inputs: ["condition", "self?", "other?"],
    outputs: ["result"],
    infer: ({ condition, self, other }) => {
      const operands = [condition, self, other].filter((spec): spec is TensorSpec => spec !== undefined);
      const value = self && other ? resultType(self, other) : (self ?? other)?.dtype;
      return iterate(operands, value ?? "float32");
    },
    backward: { self: ["condition"], other: ["condition"] },
  }),
  maskedFill: op({
    inputs: ["self", "mask", "value?"],
    outputs: ["result"],
    infer: ({ self, mask }) => {
      const shape = broadcastAll([self, mask]);
      return shape.length === self.shape.length && shape.every((size, dim) => size === self.shape[dim])
        ? iterate([self], self.dtype)
        : dense(shape, self.dtype);
    },
    backward: { self: ["mask"], value: ["mask"] },
  }),
  addcmul: op({
    inputs: ["self", "tensor1", "tensor2"],
    outputs: ["result"],
    infer: ({ self, tensor1, tensor2 }) => iterate([self, tensor1, tensor2], self.dtype),
    backward: { self: [], tensor1: ["tensor2"], tensor2: ["tensor1"] },
  }),
  addcdiv: op({
    inputs: ["self", "tensor1", "tensor2"],
    outputs: ["result"],
    infer: ({ self, tensor1, tensor2 }) => iterate([self, tensor1, tensor2], self.dtype),
    backward: { self: [], tensor1: ["tensor2"], tensor2: ["tensor1", "tensor2"] },
  }),
  lerp: op({
    inputs: ["self", "end", "weight?"],
    outputs: ["result"],
    infer: ({ self, end, weight }) => iterate(weight ? [self, end, weight] : [self, end], self.dtype),
    backward: { self: ["weight"], end: ["weight"], weight: ["self", "end"] },
  }),
  /** `self.to(other.dtype)` */
  castLike: op({
    inputs: ["self", "other"],
    outputs: ["result"],
    infer: ({ self, other }) => iterate([self], other.dtype),
    backward: { self: [] },
    aliases: "self",
    aliasesWhen: ({ self, other }) => self.dtype === other.dtype,
  }),
  /** A change of dtype: the gradient is cast back. */
  cast: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => iterate([self], dtypeOf(attributes, "dtype", self.dtype)),
    backward: { self: [] },
    aliases: "self",
    aliasesWhen: ({ self }, attributes) =>
      dtypeOf(attributes, "dtype", self.dtype) === self.dtype && !flag(attributes, "copy"),
  }),
} satisfies OpTable;

function axis(value: unknown, spec: TensorSpec, otherwise: number): number {
  const dim = typeof value === "number" ? value : otherwise;
  return dim < 0 ? dim + spec.shape.length : dim;
}
