/**
 * Elementwise operators of eager PyTorch: one gradient kernel, or the chain of kernels that the derivative formula in
 * tools/autograd/derivatives.yaml spells out. Broadcast gradients are reduced afterwards by the engine.
 */
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { isComplex } from "../../ops/fourier.js";
import { absolute } from "./fourier.js";
import {
  type BackwardCall,
  elementwise,
  type Formula,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  seen,
  summedTo,
} from "./kernel.js";

type InPlace = KernelRule["inPlace"];

const kept = (call: BackwardCall, ...names: string[]): Held => {
  for (const name of names) if (call.saved[name]) return call.saved[name];
  return gradOf(call);
};

/**
 * One kernel over the gradient and a saved tensor: `gelu_backward(grad, self)`. The first operand's layout decides
 * where they differ; `threshold_backward` and `leaky_relu_backward` take the saved tensor first. Activation.cpp
 */
function fused(
  saved: "self" | "result",
  inPlace: InPlace = "copy",
  first: "grad" | "saved" = "grad",
): KernelRule {
  return {
    backward: gradients({
      self: (kernel, call) => {
        const operands = [gradOf(call), kept(call, saved, "result", "self")];
        return elementwise(kernel, first === "grad" ? operands : operands.reverse(), gradOf(call).spec.dtype);
      },
    }),
    ...(inPlace && { inPlace }),
  };
}

/** A product of the gradient with a function of the saved tensor that takes `steps` kernels. */
function chain(saved: "self" | "result", steps: number): KernelRule {
  const formula: Formula = (kernel, call) => {
    let last = kept(call, saved);
    for (let i = 0; i < steps; i++) last = elementwise(kernel, [last]);
    return elementwise(kernel, [gradOf(call), last]);
  };
  return { backward: gradients({ self: formula }), inPlace: saved === "result" ? "result" : "copy" };
}

const same: Formula = (_, call) => gradOf(call);
const one: Formula = (kernel, call) => elementwise(kernel, [gradOf(call)]);
/** The gradient by the other factor, whose conjugate is written out first where it is complex. */
const times =
  (saved: string): Formula =>
  (kernel, call) => {
    const other = call.saved[saved];
    if (!other) return elementwise(kernel, [gradOf(call)]);
    const factor = isComplex(other.spec.dtype) ? elementwise(kernel, [other]) : other;
    return elementwise(kernel, [gradOf(call), factor]);
  };

/** `maybe_multiply(grad, alpha)`: a kernel only when alpha is not one. */
const byAlpha: Formula = (kernel, call) => {
  const alpha = call.attributes.alpha;
  return typeof alpha === "number" && alpha !== 1 ? one(kernel, call) : gradOf(call);
};

/** The gradient passes unchanged: no kernel, no memory. */
export const passes: KernelRule = {
  backward: (_, call) => call.needs.map((need) => (need ? gradOf(call) : null)),
};

/** `factor * grad * result.pow(n)`: two temporaries and their product. */
const scaledPower: KernelRule = {
  backward: gradients({
    self: (kernel, call) => {
      const scaled = elementwise(kernel, [gradOf(call)]);
      const power = elementwise(kernel, [kept(call, "result")]);
      return elementwise(kernel, [scaled, power]);
    },
  }),
  inPlace: "result",
};

/** grad * (exponent * self.pow(exponent - 1)); of a tensor's exponent, zero where that is. FunctionsManual.cpp pow_backward_self */
const powerBase: Formula = (kernel, call) => {
  const { exponent, self } = call.saved;
  if (call.attributes.exponent === 0) return one(kernel, call); // a gradient of zeros
  const base = self as Held;
  if (!exponent)
    return elementwise(kernel, [gradOf(call), elementwise(kernel, [elementwise(kernel, [base])])]);
  const less = elementwise(kernel, [exponent]);
  const power = elementwise(kernel, [base, exponent]);
  const scaled = elementwise(kernel, [exponent, power]);
  const out = elementwise(kernel, [gradOf(call), scaled]);
  const zero = kernel.empty(dense([], gradOf(call).spec.dtype));
  const isZero = elementwise(kernel, [exponent], "bool");
  const chosen = elementwise(kernel, [isZero, out], gradOf(call).spec.dtype);
  for (const part of [isZero, zero, out, scaled, power, less]) kernel.free(part);
  return chosen;
};

/** where(base is 0 and the exponent not below, 0, grad * (result * log(base))). FunctionsManual.cpp pow_backward_exponent */
const powerExponent: Formula = (kernel, call) => {
  const result = kept(call, "result", "exponent");
  const { self, exponent } = call.saved;
  if (!self) return elementwise(kernel, [gradOf(call), elementwise(kernel, [result])]); // the base is a number
  const masks = [elementwise(kernel, [exponent ?? self], "bool"), elementwise(kernel, [self], "bool")];
  const both = elementwise(kernel, masks, "bool");
  for (const mask of masks.reverse()) kernel.free(mask);
  const log = elementwise(kernel, [self]);
  const product = elementwise(kernel, [result, log]);
  const zero = kernel.empty(dense([], gradOf(call).spec.dtype));
  const out = elementwise(kernel, [gradOf(call), product]);
  const chosen = elementwise(kernel, [both, out], gradOf(call).spec.dtype);
  for (const part of [out, zero, product, log, both]) kernel.free(part);
  return chosen;
};

/** where(pi x² == 0, 0, grad * ((pi x cos(pi x) - sin(pi x)) / (pi x²))) */
const sincGradient: Formula = (kernel, call) => {
  const self = kept(call, "self");
  const one = () => elementwise(kernel, [self]);
  one(); // pi x
  const square = one();
  one(); // pi x²
  kernel.free(square);
  const parts = [one(), one(), one(), one(), one()]; // sine, cosine, product, difference, ratio
  const out = elementwise(kernel, [gradOf(call), self]);
  for (const part of parts.reverse()) kernel.free(part);
  const zero = kernel.empty(dense([], gradOf(call).spec.dtype));
  const mask = elementwise(kernel, [self], "bool");
  const chosen = elementwise(kernel, [mask, out], gradOf(call).spec.dtype);
  for (const part of [mask, zero]) kernel.free(part);
  return chosen;
};

/** xlogy(grad, other), zero where self is zero and other is not above it */
const xlogyGradient: Formula = (kernel, call) => {
  const [self, other] = [kept(call, "self"), call.saved.other ?? kept(call, "self")];
  const raw = elementwise(kernel, [gradOf(call), other]);
  const masks = [self, other].map((operand) => elementwise(kernel, [operand], "bool"));
  elementwise(kernel, masks, "bool");
  return elementwise(kernel, [raw]);
};

const softGradient: Formula = (kernel, call) => {
  const self = kept(call, "self");
  const parts = [0, 1, 2].map(() => elementwise(kernel, [self]));
  void parts;
  return elementwise(kernel, [gradOf(call), self]);
};

/** The gradient where this operand won, or the other was no number. */
const numberOf: Formula = (kernel, call) => {
  const self = kept(call, "self");
  elementwise(kernel, [self], "bool");
  elementwise(kernel, [self]);
  elementwise(kernel, [self], "bool");
  return elementwise(kernel, [gradOf(call)]);
};

/** grad * isfinite(self): equal to itself, and its magnitude not infinite. */
const whereFinite: Formula = (kernel, call) => {
  const self = kept(call, "self");
  const magnitude = elementwise(kernel, [self]);
  const masks = [0, 1, 2].map(() => elementwise(kernel, [self], "bool"));
  for (const mask of masks.slice(0, 2).reverse()) kernel.free(mask);
  kernel.free(magnitude);
  return elementwise(kernel, [gradOf(call)]);
};

/** where(self == other, grad / 2, grad).masked_fill_(other wins, 0) */
const winner: Formula = (kernel, call) => {
  const self = kept(call, "self");
  const operands = [self, call.saved.other ?? self];
  const lost = elementwise(kernel, operands, "bool");
  const half = elementwise(kernel, [gradOf(call)]);
  const tie = elementwise(kernel, operands, "bool");
  void lost;
  return elementwise(kernel, [tie, half, gradOf(call)], gradOf(call).spec.dtype);
};

/** where(self within the bounds, grad, 0): a mask for each bound, joined in place. */
const within = (bounds: readonly ("min" | "max")[]): KernelRule => ({
  backward: gradients({
    self: (kernel, call) => {
      kernel.empty(dense([], gradOf(call).spec.dtype)); // the zero that `where` takes
      const masks =
        bounds.length > 1
          ? bounds.filter((bound) => call.attributes[bound] !== null && call.attributes[bound] !== undefined)
              .length
          : 1;
      for (let i = 0; i < Math.max(masks, 1); i++) elementwise(kernel, [kept(call, "self")], "bool");
      return elementwise(kernel, [gradOf(call), kept(call, "self")], gradOf(call).spec.dtype);
    },
  }),
  inPlace: "copy",
});

const masked: Formula = (kernel, call) =>
  elementwise(kernel, [kept(call, "condition", "mask"), gradOf(call)], gradOf(call).spec.dtype);

/** where(condition, grad, 0) */
const chosen: Formula = (kernel, call) => {
  kernel.empty(dense([], gradOf(call).spec.dtype));
  return masked(kernel, call);
};

/** A function of `tensor` in its place. */
function replaced(kernel: Kernel, tensor: Held): Held {
  const next = elementwise(kernel, [tensor]);
  kernel.free(tensor);
  return next;
}

/** tanh(c x (1 + k x x)), operator by operator. transformers, bloom_gelu_forward */
function bloomTanh(kernel: Kernel, x: Held): Held {
  const line = elementwise(kernel, [x]);
  const cubic = replaced(kernel, replaced(kernel, elementwise(kernel, [x])));
  const inner = elementwise(kernel, [line, cubic]);
  for (const part of [cubic, line]) kernel.free(part);
  return replaced(kernel, inner);
}

/** A cast gradient returns to the input's dtype. */
function castBack(kernel: Kernel, call: BackwardCall): Held {
  const dtype = call.inputs[0]?.dtype ?? gradOf(call).spec.dtype;
  return dtype === gradOf(call).spec.dtype ? gradOf(call) : elementwise(kernel, [gradOf(call)], dtype);
}

export const elementwiseKernels = {
  // one kernel
  relu: fused("result", "result", "saved"),
  sigmoid: fused("result", "result"),
  tanh: fused("result", "result"),
  gelu: fused("self"),
  bloomGelu: {
    /** x/2 (1 + tanh(c x (1 + k x x))) */
    forward: (kernel, { inputs }) => {
      const x = inputs.self as Held;
      const half = elementwise(kernel, [x]);
      const tanh = bloomTanh(kernel, x);
      const shifted = elementwise(kernel, [tanh]);
      kernel.free(tanh);
      const out = elementwise(kernel, [half, shifted]);
      for (const part of [shifted, half]) kernel.free(part);
      return [out];
    },
    backward: gradients({
      self: (kernel, call) => {
        const x = call.saved.self as Held;
        const tanh = bloomTanh(kernel, x);
        const half = elementwise(kernel, [x]);
        const square = elementwise(kernel, [tanh]);
        const rest = elementwise(kernel, [square]);
        kernel.free(square);
        const slope = replaced(kernel, replaced(kernel, elementwise(kernel, [x])));
        const product = elementwise(kernel, [rest, slope]);
        for (const part of [slope, rest]) kernel.free(part);
        const first = elementwise(kernel, [half, product]);
        for (const part of [product, half]) kernel.free(part);
        const second = replaced(kernel, elementwise(kernel, [tanh]));
        const sum = elementwise(kernel, [first, second]);
        for (const part of [second, first]) kernel.free(part);
        return elementwise(kernel, [sum, gradOf(call)]);
      },
    }),
  },
  silu: fused("self"),
  mish: fused("self"),
  elu: fused("self", "result"),
  selu: fused("self", "result"),
  celu: fused("self", "result"),
  hardtanh: fused("self"),
  relu6: fused("self"),
  hardswish: fused("self"),
  hardsigmoid: fused("self"),
  hardshrink: fused("self"),
  leakyRelu: fused("self", "result", "saved"),
  logSigmoid: fused("self"),
  softplus: fused("self"),
  softshrink: fused("self"),
  threshold: fused("self", "copy", "saved"),
  rreluWithNoise: fused("self", "result"),
  glu: { backward: gradients({ self: (kernel, call) => kernel.empty(kept(call, "self").spec) }) },
  prelu: {
    backward: (kernel, call) => {
      const { self, weight } = call.saved as { self: Held; weight: Held };
      const shape = self.spec.shape.map((_, dim) => (dim === 1 ? (weight.spec.shape[0] as number) : 1));
      const along = seen(weight, dense(shape, weight.spec.dtype));
      const operands = [self, along, gradOf(call)];
      const [toSelf, toWeight] = [elementwise(kernel, operands), elementwise(kernel, operands)];
      if (!call.needs[0]) kernel.free(toSelf);
      const summed = call.needs[1] ? summedTo(kernel, toWeight, shape) : toWeight;
      if (summed !== toWeight) kernel.free(toWeight);
      return [call.needs[0] ? toSelf : null, call.needs[1] ? seen(summed, weight.spec) : null];
    },
  },

  // a formula of one tensor
  exp: chain("result", 0),
  // grad * result * ln(2)
  exp2: {
    backward: gradients({
      self: (kernel, call) =>
        elementwise(kernel, [elementwise(kernel, [gradOf(call), kept(call, "result")])]),
    }),
    inPlace: "result",
  },
  expm1: chain("result", 1),
  sqrt: chain("result", 1),
  rsqrt: scaledPower,
  reciprocal: scaledPower,
  tan: chain("result", 2),
  abs: {
    forward: absolute,
    backward: gradients({
      self: (kernel, call) => {
        const sign = elementwise(kernel, [kept(call, "self")]);
        return elementwise(kernel, [sign, gradOf(call)]);
      },
    }),
    inPlace: "copy",
  },
  log: chain("self", 0),
  log1p: chain("self", 1),
  log2: chain("self", 1),
  log10: chain("self", 1),
  sin: chain("self", 1),
  cos: chain("self", 2),
  sinh: chain("self", 1),
  cosh: chain("self", 1),
  asin: chain("self", 4),
  acos: chain("self", 5),
  atan: chain("self", 2),
  erf: chain("self", 4),
  erfc: chain("self", 4),
  asinh: chain("self", 3),
  acosh: chain("self", 3),
  atanh: chain("self", 3),
  erfinv: chain("self", 4),
  lgamma: chain("self", 1),
  digamma: chain("self", 1),
  sinc: { backward: gradients({ self: sincGradient }) },
  neg: { backward: gradients({ self: one }), inPlace: "result" },
  sign: { backward: gradients({ self: one }) },
  sgn: { backward: gradients({ self: one }) },
  floor: { backward: gradients({ self: one }) },
  ceil: { backward: gradients({ self: one }) },
  frac: passes,
  logit: fused("self"),
  nanToNum: { backward: gradients({ self: whereFinite }) },
  round: { backward: gradients({ self: one }) },
  trunc: { backward: gradients({ self: one }) },
  clamp: within(["min", "max"]),
  clampMin: within(["min"]),
  clampMax: within(["max"]),
  cast: { backward: gradients({ self: castBack }) },

  // two or three operands
  add: { backward: gradients({ self: same, other: byAlpha }) },
  sub: {
    backward: gradients({
      self: same,
      other: (kernel, call) => byAlpha(kernel, { ...call, grads: [one(kernel, call)] }),
    }),
  },
  rsub: { backward: gradients({ self: one, other: same }) },
  mul: { backward: gradients({ self: times("other"), other: times("self") }), inPlace: "copy" },
  div: {
    backward: gradients({
      self: times("other"),
      // -grad * ((self / other) / other)
      other: (kernel, call) => {
        const { self, other } = call.saved as { self: Held; other: Held };
        const negative = elementwise(kernel, [gradOf(call)]);
        const twice = elementwise(kernel, [elementwise(kernel, [self, other]), other]);
        return elementwise(kernel, [negative, twice]);
      },
    }),
    inPlace: "copy",
  },
  // -grad * self.div(other, rounding_mode="floor")
  remainder: {
    backward: gradients({
      self: same,
      other: (kernel, call) => {
        const { self, other } = call.saved as { self: Held; other: Held };
        const negative = elementwise(kernel, [gradOf(call)]);
        return elementwise(kernel, [negative, elementwise(kernel, [self, other])]);
      },
    }),
  },
  fmod: { backward: gradients({ self: same, other: one }) },
  pow: {
    // a number as the base becomes a 0-dim tensor
    forward: (kernel, { inputs, outputs }) => {
      const out = kernel.empty(outputs[0] as TensorSpec);
      if (!inputs.self) kernel.free(kernel.empty(dense([], "float64")));
      return [out];
    },
    backward: gradients({ self: powerBase, exponent: powerExponent }),
    inPlace: "copy",
  },
  powTensor: { backward: gradients({ self: powerBase, exponent: powerExponent }), inPlace: "copy" },
  maximum: { backward: gradients({ self: winner, other: winner }) },
  minimum: { backward: gradients({ self: winner, other: winner }) },
  /** grad * other * r and grad * -self * r, with r = 1 / (self² + other²), or 0 */
  atan2: {
    backward: (kernel, call) => {
      const { self, other } = call.saved as { self: Held; other: Held };
      const squares = [elementwise(kernel, [self]), elementwise(kernel, [other])];
      const sum = elementwise(kernel, squares);
      for (const square of squares.reverse()) kernel.free(square);
      const inverse = elementwise(kernel, [sum]);
      kernel.free(elementwise(kernel, [sum], "bool"));
      const made: Record<string, Held> = {};
      const temporaries: Held[] = [];
      const times = (port: string, factor: Held): void => {
        if (!call.needs[call.ports.indexOf(port)]) return;
        const product = elementwise(kernel, [gradOf(call), factor]);
        made[port] = elementwise(kernel, [product, inverse]);
        temporaries.push(product);
      };
      times("self", other);
      if (call.needs[call.ports.indexOf("other")]) {
        const negative = elementwise(kernel, [self]);
        temporaries.push(negative);
        times("other", negative);
      }
      for (const part of [...temporaries.reverse(), inverse, sum]) kernel.free(part);
      return call.ports.map((port, i) => (call.needs[i] ? (made[port] ?? null) : null));
    },
  },
  hypot: {
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call), elementwise(kernel, [kept(call, "self")])]),
      other: (kernel, call) =>
        elementwise(kernel, [gradOf(call), elementwise(kernel, [kept(call, "other")])]),
    }),
  },
  // grad / (1 + exp(other - self))
  logaddexp: { backward: gradients({ self: softGradient, other: softGradient }) },
  logaddexp2: { backward: gradients({ self: softGradient, other: softGradient }) },
  copysign: {
    backward: gradients({
      other: one, // zeros
      self: (kernel, call) => {
        const self = kept(call, "self");
        const ratio = elementwise(kernel, [kept(call, "result"), self]);
        kernel.free(elementwise(kernel, [self], "bool"));
        return elementwise(kernel, [gradOf(call), ratio]);
      },
    }),
  },
  fmax: { backward: gradients({ self: numberOf, other: numberOf }) },
  fmin: { backward: gradients({ self: numberOf, other: numberOf }) },
  // grad * self / other
  xlogy: {
    backward: gradients({
      self: xlogyGradient,
      other: (kernel, call) => {
        const product = elementwise(kernel, [gradOf(call), kept(call, "self")]);
        return elementwise(kernel, [product, kept(call, "other")]);
      },
    }),
  },
  where: {
    forward: (kernel, { inputs, outputs }) => {
      // a number among the operands becomes a 0-dim tensor first
      for (const port of ["self", "other"])
        if (!inputs[port]) kernel.empty(dense([], (outputs[0] as TensorSpec).dtype));
      return [kernel.empty(outputs[0] as TensorSpec)];
    },
    backward: gradients({ self: chosen, other: chosen }),
  },
  maskedFill: { backward: gradients({ self: masked, value: masked }) },
  addcmul: {
    backward: gradients({
      self: same,
      // grad * (tensor2 * value)
      tensor1: (kernel, call) =>
        elementwise(kernel, [gradOf(call), elementwise(kernel, [kept(call, "tensor2")])]),
      tensor2: (kernel, call) =>
        elementwise(kernel, [gradOf(call), elementwise(kernel, [kept(call, "tensor1")])]),
    }),
  },
  addcdiv: {
    backward: gradients({
      self: same,
      // grad * (value / tensor2)
      tensor1: (kernel, call) =>
        elementwise(kernel, [gradOf(call), elementwise(kernel, [kept(call, "tensor2")])]),
      // -grad * (tensor1 * value) / (tensor2 * tensor2)
      tensor2: (kernel, call) => {
        const scaled = elementwise(kernel, [kept(call, "tensor1")]);
        const square = elementwise(kernel, [kept(call, "tensor2")]);
        const negative = elementwise(kernel, [gradOf(call)]);
        return elementwise(kernel, [elementwise(kernel, [negative, scaled]), square]);
      },
    }),
  },
  lerp: {
    backward: gradients({
      self: one,
      end: one,
      weight: (kernel, call) =>
        elementwise(kernel, [gradOf(call), elementwise(kernel, [kept(call, "end"), kept(call, "self")])]),
    }),
  },
} satisfies Record<string, KernelRule>;
