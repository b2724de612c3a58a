/** Eager PyTorch, operator by operator: its own primitives, what is composed of what, and what each kernel allocates. */
import { OPS } from "../../ops/table.js";
import { wrapDim } from "../../base/shape.js";
import { int } from "../../ops/rule.js";
import { movedDims } from "../../ops/views.js";
import type { OpRule } from "../../ops/rule.js";
import { attentionKernels } from "./attention/kernels.js";
import { lowerAttention } from "./attention/lower.js";
import { collectiveKernels } from "./collectives.js";
import { convolutionKernels, lowerConvolution } from "./convolution.js";
import { lowerKron, lowerMultiDot, lowerTensordot } from "./contractions.js";
import { deformableKernels } from "./deformable.js";
import {
  distanceKernels,
  lowerCdist,
  lowerCosineEmbedding,
  lowerCosineSimilarity,
  lowerHingeEmbedding,
  lowerPairwiseDistance,
  lowerTripletMargin,
} from "./distances.js";
import { elementwiseKernels } from "./elementwise.js";
import { float8Kernels, lowerFloat8Linear } from "./float8.js";
import {
  fourierKernels,
  lowerFft,
  lowerFftShift,
  lowerIrfft,
  lowerPart,
  lowerRfft,
  lowerStft,
} from "./fourier.js";
import { indexingKernels } from "./indexing.js";
import { elementwise, given, gradOf, list, optional, type KernelRule, type Lowering } from "./kernel.js";
import { lowerEinsum, lowerLinear, lowerMatmul, lowerOuter, productKernels } from "./linear.js";
import { lowerLinearLoss } from "./linear-loss.js";
import {
  lossKernels,
  lowerCrossEntropy,
  lowerKlDiv,
  lowerL1,
  lowerMarginRanking,
  lowerNll,
  lowerPoissonNll,
} from "./loss.js";
import { lowerBatchNorm, lowerInstanceNorm, normalizationKernels } from "./normalization.js";
import { lowerAdaptiveAvg, lowerPool1d, poolingKernels } from "./pooling.js";
import { PRIMITIVES } from "./primitives.js";
import { lowerLinear4bit, quantizedKernels } from "./quantized.js";
import { lowerAlphaDropout, lowerDropout, lowerFeatureDropout, randomKernels } from "./random.js";
import { cellKernels, lowerFusedCell, lowerSimpleCell } from "./recurrent-cells.js";
import { lowerRecurrent, recurrentKernels } from "./recurrent.js";
import { scatterReduceKernels } from "./scatter-reduce.js";
import { lowerSoftmax, reductionKernels } from "./reduction.js";
import { lowerContiguous, lowerCast, lowerReshape, viewKernels } from "./views.js";

const KERNELS: Readonly<Record<string, KernelRule>> = {
  ...elementwiseKernels,
  ...productKernels,
  ...float8Kernels,
  ...convolutionKernels,
  ...normalizationKernels,
  ...attentionKernels,
  ...poolingKernels,
  ...reductionKernels,
  ...viewKernels,
  ...indexingKernels,
  ...lossKernels,
  ...deformableKernels,
  ...scatterReduceKernels,
  ...fourierKernels,
  ...distanceKernels,
  ...collectiveKernels,
  ...randomKernels,
  ...quantizedKernels,
  ...recurrentKernels,
  ...cellKernels,
};

const self = (inputs: Parameters<Lowering>[1]) => given(inputs, "self");

/** Neighbours subtracted, after what is prepended was joined to them. ReduceOps.cpp diff_helper */
const lowerDiff: Lowering = (trace, inputs, attributes) => {
  const dim = int(attributes, "dim", -1);
  const before = optional(inputs, "prepend");
  const whole = before ? trace.call("cat", { tensors: [before, self(inputs)] }, { dim }) : self(inputs);
  const size = whole.spec.shape.at(dim) as number;
  const later = trace.call("narrow", { self: whole }, { dim, start: 1, length: size - 1 });
  const earlier = trace.call("narrow", { self: whole }, { dim, start: 0, length: size - 1 });
  return trace.call("sub", { self: later, other: earlier });
};

const LOWERINGS: Readonly<Record<string, Lowering>> = {
  linear: lowerLinear,
  float8Linear: lowerFloat8Linear,
  linear4bit: lowerLinear4bit,
  matmul: lowerMatmul,
  einsum: lowerEinsum,
  outer: lowerOuter,
  batchNorm: lowerBatchNorm,
  instanceNorm: lowerInstanceNorm,
  scaledDotProductAttention: lowerAttention,
  softmax: lowerSoftmax("plainSoftmax"),
  logSoftmax: lowerSoftmax("plainLogSoftmax"),
  reshape: lowerReshape,
  flatten: lowerReshape,
  unflatten: (trace, inputs, _, outputs) =>
    trace.call("view", { self: self(inputs) }, { size: outputs[0]?.shape ?? [] }),
  contiguous: lowerContiguous,
  castLike: (trace, inputs) => {
    const { dtype } = given(inputs, "other").spec;
    return self(inputs).spec.dtype === dtype
      ? self(inputs)
      : trace.call("cast", { self: self(inputs) }, { dtype });
  },
  movedim: (trace, inputs, attributes) =>
    trace.call(
      "permute",
      { self: self(inputs) },
      { dims: movedDims(self(inputs).spec.shape.length, attributes) },
    ),
  broadcastTensors: (trace, inputs, _, outputs) =>
    list(inputs, "tensors").map((tensor, i) =>
      trace.call("expand", { self: tensor }, { size: outputs[i]?.shape ?? [] }),
    ),
  tensorSplit: (trace, inputs, attributes, outputs) => {
    const dim = wrapDim(int(attributes, "dim", 0), self(inputs).spec.shape.length);
    let start = 0;
    return outputs.map(({ shape }) => {
      const end = start + (shape[dim] as number);
      const piece = trace.call("slice", { self: self(inputs) }, { dim, start, end });
      start = end;
      return piece;
    });
  },
  meshgrid: (trace, inputs, _, outputs) =>
    list(inputs, "tensors").map((tensor, i) => {
      const { shape, strides } = outputs[i] as { shape: readonly number[]; strides: readonly number[] };
      const size = shape.map((length, dim) => (strides[dim] === 0 ? 1 : length));
      const line = trace.call("view", { self: tensor }, { size });
      return trace.call("expand", { self: line }, { size: shape });
    }),
  diff: lowerDiff,
  crossEntropy: lowerCrossEntropy,
  linearLoss: lowerLinearLoss,
  l1Loss: lowerL1,
  poissonNllLoss: lowerPoissonNll,
  marginRankingLoss: lowerMarginRanking,
  klDiv: lowerKlDiv,
  fft: lowerFft,
  fftShift: lowerFftShift,
  real: lowerPart,
  imag: lowerPart,
  stft: lowerStft,
  pairwiseDistance: lowerPairwiseDistance,
  cosineSimilarity: lowerCosineSimilarity,
  cdist: lowerCdist,
  cosineEmbeddingLoss: lowerCosineEmbedding,
  hingeEmbeddingLoss: lowerHingeEmbedding,
  tripletMarginLoss: lowerTripletMargin,
  alphaDropout: lowerAlphaDropout(false),
  featureAlphaDropout: lowerAlphaDropout(true),
  multiDot: lowerMultiDot,
  kron: lowerKron,
  tensordot: lowerTensordot,
  floatPower: (trace, inputs, attributes) => {
    const wide = trace.call("cast", { self: self(inputs) }, { dtype: "float64" });
    return trace.call("pow", { self: wide }, { exponent: attributes.exponent ?? 2 });
  },
  dropout: lowerDropout,
  lstmCell: lowerFusedCell("fusedLstmCell"),
  gruCell: lowerFusedCell("fusedGruCell"),
  rnnTanhCell: lowerSimpleCell("tanh"),
  rnnReluCell: lowerSimpleCell("relu"),
  lstm: lowerRecurrent("lstm"),
  gru: lowerRecurrent("gru"),
  rnnTanh: lowerRecurrent("rnnTanh"),
  rnnRelu: lowerRecurrent("rnnRelu"),
  featureDropout: lowerFeatureDropout,
  adaptiveAvgPool1d: lowerAdaptiveAvg(1),
  maxPool1d: lowerPool1d("maxPool2d"),
  avgPool1d: lowerPool1d("avgPool2d"),
  adaptiveMaxPool1d: lowerPool1d("adaptiveMaxPool2d"),
  square: (trace, inputs) => trace.call("pow", { self: self(inputs) }, { exponent: 2 }),
  softsign: (trace, inputs) => {
    const below = trace.call("add", { self: trace.call("abs", { self: self(inputs) }) }, { other: 1 });
    return trace.call("div", { self: self(inputs), other: below });
  },
  rrelu: (trace, inputs, attributes) => {
    const noise = trace.call("create", { self: self(inputs) });
    return trace.call(
      "rreluWithNoise",
      { self: self(inputs), noise },
      { inPlace: attributes.inPlace === true },
    );
  },
  tanhshrink: (trace, inputs) =>
    trace.call("sub", { self: self(inputs), other: trace.call("tanh", { self: self(inputs) }) }),
};

/** Padding by reflection or repetition has kernels of its own, by the number of padded dims. */
const lowerPad: Lowering = (trace, inputs, attributes) => {
  const pad = attributes.pad;
  const kind =
    attributes.mode === "reflect"
      ? "reflectionPad"
      : attributes.mode === "replicate"
        ? "replicationPad"
        : null;
  if (!kind || !Array.isArray(pad)) return trace.call("pad", inputs, attributes);
  return trace.call(`${kind}${pad.length / 2}d`, inputs, { padding: pad as readonly number[] });
};

/** Operators whose graph name is also a primitive's, lowered only when they come from the graph. */
const ENTRY: Readonly<Record<string, Lowering>> = {
  convolution: lowerConvolution,
  nllLoss: lowerNll,
  cast: lowerCast,
  pad: lowerPad,
  rfft: lowerRfft,
  irfft: lowerIrfft,
  adaptiveAvgPool2d: lowerAdaptiveAvg(2),
  adaptiveAvgPool3d: lowerAdaptiveAvg(3),
};

/** An operator without a kernel row: its result, and a gradient as large as each input. */
const PLAIN: KernelRule = {
  backward: (kernel, call) =>
    call.needs.map((need, i) =>
      need ? elementwise(kernel, [{ ...gradOf(call), spec: call.inputs[i] ?? gradOf(call).spec }]) : null,
    ),
};

export function opRule(op: string): OpRule | undefined {
  return (
    (PRIMITIVES as Readonly<Record<string, OpRule>>)[op] ?? (OPS as Readonly<Record<string, OpRule>>)[op]
  );
}

export function kernelRule(op: string): KernelRule {
  return KERNELS[op] ?? PLAIN;
}

/** How `op` is composed; `entry` when the graph itself asks for it. */
export function lowering(op: string, entry: boolean): Lowering | undefined {
  return (entry ? ENTRY[op] : undefined) ?? LOWERINGS[op];
}
