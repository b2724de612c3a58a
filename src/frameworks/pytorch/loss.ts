/** Losses of eager PyTorch on CUDA. Source: aten/src/ATen/native/Loss.cpp, LossNLL.cpp; oracle/recorded/ops-loss.json */
import { isFloating } from "../../base/dtype.js";
import { elements, sameShape } from "../../base/shape.js";
import type { Attributes } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { iterate } from "../../ops/layout.js";
import { int } from "../../ops/rule.js";
import {
  elementwise,
  fresh,
  type ForwardCall,
  type Formula,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  optional,
  seen,
  type Traced,
  type Tracer,
} from "./kernel.js";

const reduces = (call: { attributes: ForwardCall["attributes"] }) =>
  int(call.attributes, "reduction", 1) !== 0;

/** The loss of every element; a mean or sum reuses or replaces it as the kernel does. */
const everyElement = (kernel: Kernel, { inputs }: ForwardCall): Held => {
  const [self, target] = [inputs.self as Held, inputs.target as Held];
  return kernel.empty(iterate([self.spec, target.spec], self.spec.dtype));
};

/** The mean is written into the first tensor, which keeps its full storage: a scalar as large as the batch. */
const intoFirst: KernelRule["forward"] = (kernel, call) => {
  const first = everyElement(kernel, call);
  if (!reduces(call)) return [first];
  kernel.free(everyElement(kernel, call));
  return [seen(first, call.outputs[0] as TensorSpec)];
};

const toSelf: Formula = (kernel, call) =>
  elementwise(kernel, [gradOf(call), call.saved.self as Held, call.saved.target as Held]);

const pointwise = { self: toSelf, target: toSelf };

/** Target lengths, input lengths and where each target starts, in the order they are let go. LossCTC.cu */
function threeLengths(kernel: Kernel, { shape }: TensorSpec): readonly Held[] {
  const [targets, inputs, offsets] = [0, 1, 2].map(() => fresh(kernel, [shape[1] as number], "int64")) as [
    Held,
    Held,
    Held,
  ];
  return [inputs, targets, offsets];
}

export const lossKernels = {
  nllLoss: { backward: gradients({ self: (kernel, call) => kernel.empty((call.saved.self as Held).spec) }) },
  nllLoss2d: {
    // total_weight comes first
    forward: (kernel, { outputs }) => {
      const weight = kernel.empty(outputs[1] as TensorSpec);
      return [kernel.empty(outputs[0] as TensorSpec), weight];
    },
    backward: gradients({ self: (kernel, call) => kernel.empty((call.saved.self as Held).spec) }),
  },
  ctcLoss: {
    forward: (kernel, { inputs, outputs }) => {
      const lengths = threeLengths(kernel, (inputs.log_probs as Held).spec);
      const alpha = kernel.empty(outputs[1] as TensorSpec);
      const result = kernel.empty(outputs[0] as TensorSpec);
      for (const each of lengths) kernel.free(each);
      return [result, alpha];
    },
    backward: gradients({
      log_probs: (kernel, call) => {
        const { spec } = call.saved.log_probs as Held;
        const lengths = threeLengths(kernel, spec);
        const beta = kernel.empty((call.saved.log_alpha as Held).spec);
        const gradient = fresh(kernel, spec.shape, spec.dtype);
        for (const each of [beta, ...lengths]) kernel.free(each);
        return gradient;
      },
    }),
  },
  givenGradients: {
    backward: (_, { saved, ports, needs }) =>
      ports.map((port, i) => (needs[i] ? (saved[port === "input" ? "toInput" : "toWeight"] ?? null) : null)),
  },
  /** A number per sample, then their mean. */
  multiMarginLoss: {
    forward: (kernel, { inputs, outputs }) => {
      const out = kernel.empty(outputs[0] as TensorSpec);
      const self = inputs.self as Held;
      kernel.free(fresh(kernel, self.spec.shape.slice(0, -1), self.spec.dtype));
      return [out];
    },
    backward: gradients({ self: (kernel, call) => elementwise(kernel, [call.saved.self as Held]) }),
  },
  mseLoss: { forward: intoFirst, backward: gradients(pointwise) },
  smoothL1Loss: { forward: intoFirst, backward: gradients(pointwise) },
  huberLoss: {
    forward: (kernel, call) => {
      const every = everyElement(kernel, call);
      if (!reduces(call)) return [every];
      const out = kernel.empty(call.outputs[0] as TensorSpec);
      kernel.free(every);
      return [out];
    },
    backward: gradients(pointwise),
  },
  binaryCrossEntropy: {
    forward: (kernel, call) => {
      const every = everyElement(kernel, call);
      if (!reduces(call)) return [every];
      kernel.free(kernel.empty(call.outputs[0] as TensorSpec));
      return [seen(every, call.outputs[0] as TensorSpec)];
    },
    backward: gradients(pointwise),
  },
  binaryCrossEntropyWithLogits: {
    forward: (kernel, call) => {
      const first = everyElement(kernel, call);
      if (call.inputs.pos_weight) {
        // log_weight = (pos_weight - 1) * target + 1
        const less = elementwise(kernel, [call.inputs.pos_weight as Held]);
        const weight = everyElement(kernel, call);
        kernel.free(less);
        kernel.free(weight);
      }
      const second = everyElement(kernel, call);
      if (!reduces(call)) {
        kernel.free(first);
        return [second];
      }
      const out = kernel.empty(call.outputs[0] as TensorSpec);
      kernel.free(second);
      kernel.free(first);
      return [out];
    },
    backward: gradients({
      self: (kernel, call) => {
        if (!call.saved.pos_weight) return toSelf(kernel, call);
        const weighted = toSelf(kernel, call);
        const out = toSelf(kernel, call);
        kernel.free(toSelf(kernel, call));
        kernel.free(weighted);
        return out;
      },
      target: toSelf,
    }),
  },
} satisfies Record<string, KernelRule>;

/** log_softmax, then nll_loss: over rows, or over the pixels of each sample. */
export const lowerCrossEntropy: Lowering = (trace, inputs, attributes) => {
  const [self, target, weight] = [given(inputs, "self"), given(inputs, "target"), optional(inputs, "weight")];
  const classes = self.spec.shape.length === 1 ? 0 : 1;
  const smoothing = typeof attributes.label_smoothing === "number" ? attributes.label_smoothing : 0;
  const reduction = int(attributes, "reduction", 1);
  // the type is asked for, so autocast leaves it: LossNLL.cpp cross_entropy_loss_prob_target, cross_entropy_loss
  const log = trace.call("logSoftmax", { self }, { dim: classes, dtype: self.spec.dtype });
  if (sameShape(self.spec.shape, target.spec.shape) && isFloating(target.spec.dtype)) {
    const product = trace.call("mul", { self: log, other: softened(trace, target, smoothing) });
    const total = trace.call("sum", { self: product }, reduction === 0 ? { dim: classes } : {});
    const negative = trace.call("neg", { self: total });
    return reduction === 1
      ? trace.call("div", { self: negative }, { other: self.spec.shape[0] as number })
      : negative;
  }
  const loss = nll(trace, log, target, weight, attributes);
  if (smoothing === 0) return loss;
  const weighted = weight
    ? trace.call("mul", {
        self: log,
        other: trace.call(
          "view",
          { self: weight },
          { size: log.spec.shape.map((size, dim) => (dim === classes ? size : 1)) },
        ),
      })
    : log;
  const total = trace.call("sum", { self: weighted }, { dim: classes });
  const smooth = trace.call("neg", { self: total });
  trace.drop(total);
  if (weighted !== log) trace.drop(weighted);
  const ignored = trace.call("eq", { self: target }, { other: int(attributes, "ignore_index", -100) });
  let even = trace.call("maskedFill", { self: smooth, mask: ignored }, { inPlace: true });
  if (reduction === 1) {
    const regarded = trace.call("logicalNot", { self: ignored });
    const counted = trace.call("sum", { self: regarded });
    const sum = trace.call("sum", { self: even });
    even = trace.call("div", { self: sum, other: counted });
    for (const part of [sum, regarded]) trace.drop(part);
  } else if (reduction === 2) even = trace.call("sum", { self: even });
  const right = trace.call("mul", { self: even }, { other: smoothing }); // compiled code evaluates it first
  const left = trace.call("mul", { self: loss }, { other: 1 - smoothing });
  return trace.call("add", { self: left, other: right });
};

function softened(trace: Parameters<Lowering>[0], target: Traced, smoothing: number): Traced {
  if (smoothing === 0) return target;
  const scaled = trace.call("mul", { self: target }, { other: 1 - smoothing });
  const soft = trace.call("add", { self: scaled }, { other: smoothing });
  trace.drop(scaled);
  return soft;
}

/** nll_loss for rows; nll_loss2d for [N, C, H, W]; other ranks are reshaped to it. */
export const lowerNll: Lowering = (trace, inputs, attributes) =>
  nll(trace, given(inputs, "self"), given(inputs, "target"), optional(inputs, "weight"), attributes);

function nll(
  trace: Tracer,
  self: Traced,
  target: Traced,
  weight: Traced | null,
  attributes: Attributes,
): Traced {
  const { shape } = self.spec;
  if (shape.length <= 2) return trace.call("nllLoss", { self, target, weight }, attributes);
  if (shape.length === 4) return trace.call("nllLoss2d", { self, target, weight }, attributes);
  const [N, C] = shape as [number, number];
  const flat = trace.call(
    "reshape",
    { self: trace.call("contiguous", { self }) },
    { shape: [N, C, 1, elements(shape.slice(2))] },
  );
  const labels = trace.call(
    "reshape",
    { self: trace.call("contiguous", { self: target }) },
    { shape: [N, 1, elements(shape.slice(2))] },
  );
  const loss = trace.call("nllLoss2d", { self: flat, target: labels, weight }, attributes);
  return int(attributes, "reduction", 1) === 0
    ? trace.call("view", { self: loss }, { size: [N, ...shape.slice(2)] })
    : loss;
}

export const lowerL1: Lowering = (trace, inputs, attributes) => {
  const every = trace.call("abs", {
    self: trace.call("sub", { self: given(inputs, "self"), other: given(inputs, "target") }),
  });
  const reduction = int(attributes, "reduction", 1);
  return reduction === 0 ? every : trace.call(reduction === 1 ? "mean" : "sum", { self: every });
};

/** xlogy(target, target) - target * input; of a logarithm, exp(target) * (target - input). Loss.cpp kl_div */
export const lowerKlDiv: Lowering = (trace, inputs, attributes) => {
  const [self, target] = [given(inputs, "self"), given(inputs, "target")];
  const logarithm = attributes.log_target === true;
  const every = logarithm ? logDivergence(trace, self, target) : divergence(trace, self, target);
  const reduction = int(attributes, "reduction", 1);
  if (reduction === 0) return every;
  return trace.call(reduction === 1 ? "mean" : "sum", { self: every });
};

function divergence(trace: Tracer, self: Traced, target: Traced): Traced {
  const entropy = trace.call("xlogy", { self: target, other: target });
  const cross = trace.call("mul", { self: target, other: self });
  const every = trace.call("sub", { self: entropy, other: cross });
  for (const part of [cross, entropy]) trace.drop(part);
  return every;
}

function logDivergence(trace: Tracer, self: Traced, target: Traced): Traced {
  const difference = trace.call("sub", { self: target, other: self });
  const likelihood = trace.call("exp", { self: target });
  const every = trace.call("mul", { self: likelihood, other: difference });
  for (const part of [likelihood, difference]) trace.drop(part);
  return every;
}

/** exp(input) - target * input. Loss.cpp poisson_nll_loss */
export const lowerPoissonNll: Lowering = (trace, inputs, attributes) => {
  const [self, target] = [given(inputs, "self"), given(inputs, "target")];
  const cross = trace.call("mul", { self: target, other: self });
  const rate = trace.call("exp", { self });
  const every = trace.call("sub", { self: rate, other: cross });
  trace.drop(cross);
  return reducedBy(trace, every, attributes);
};

/** (-target * (input1 - input2) + margin).clamp_min_(0). Loss.cpp margin_ranking_loss */
export const lowerMarginRanking: Lowering = (trace, inputs, attributes) => {
  const [input1, input2] = [given(inputs, "input1"), given(inputs, "input2")];
  const difference = trace.call("sub", { self: input1, other: input2 });
  const sign = trace.call("neg", { self: given(inputs, "target") });
  const product = trace.call("mul", { self: sign, other: difference });
  const wide = trace.call("add", { self: product }, { other: 1 });
  for (const part of [product, sign, difference]) trace.drop(part);
  const every = trace.call("clamp", { self: wide }, { min: 0, inPlace: true });
  return reducedBy(trace, every, attributes);
};

export function reducedBy(trace: Tracer, every: Traced, attributes: Attributes): Traced {
  const reduction = int(attributes, "reduction", 1);
  return reduction === 0 ? every : trace.call(reduction === 1 ? "mean" : "sum", { self: every });
}
