/**
 * Distances of eager PyTorch on CUDA, and the losses composed of them.
 *
 * Source  aten/src/ATen/native/Distance.cpp, Loss.cpp, LossMulti*.cpp, cuda/DistanceKernel.cu;
 *         recorded in oracle/recorded/ops-loss.json, ops-linear.json, ops-uncommon.json
 */
import { elements, sameShape } from "../../base/shape.js";
import type { Attributes } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { broadcastAll, flag, int } from "../../ops/rule.js";
import {
  type BackwardCall,
  contiguous,
  elementwise,
  fresh,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  seen,
  summed,
  type Traced,
  type Tracer,
  transposed,
} from "./kernel.js";
import { reducedBy } from "./loss.js";

const number = (attributes: Attributes, name: string, otherwise: number): number => {
  const value = attributes[name];
  return typeof value === "number" ? value : otherwise;
};

/** norm(x1 - x2 + eps) */
function distance(trace: Tracer, x1: Traced, x2: Traced, attributes: Attributes): Traced {
  return trace.statement(() => {
    const difference = trace.call("sub", { self: x1, other: x2 });
    const shifted = trace.call("add", { self: difference }, { other: number(attributes, "eps", 1e-6) });
    const [ord, keepdim] = [number(attributes, "p", 2), flag(attributes, "keepdim")];
    return trace.call("vectorNorm", { self: shifted }, { ord, dim: -1, keepdim });
  });
}

export const lowerPairwiseDistance: Lowering = (trace, inputs, attributes) =>
  distance(trace, given(inputs, "x1"), given(inputs, "x2"), attributes);

/** Each vector by its norm, which is cloned to be clamped without history; then their products added up. */
export const lowerCosineSimilarity: Lowering = (trace, inputs, attributes) => {
  const [x1, x2] = [given(inputs, "x1"), given(inputs, "x2")];
  const shape = broadcastAll([x1.spec, x2.spec]);
  const dim = int(attributes, "dim", 1);
  const wide = [x1, x2].map((x) =>
    sameShape(x.spec.shape, shape) ? x : trace.call("expand", { self: x }, { size: shape }),
  );
  const norms = wide.map((x) =>
    trace.statement(() =>
      trace.call("clone", { self: trace.call("vectorNorm", { self: x }, { ord: 2, dim, keepdim: true }) }),
    ),
  );
  trace.call("create", {}, { size: [], dtype: x1.spec.dtype }); // eps as a tensor
  return trace.statement(() => {
    const units = wide.map((x, i) => trace.call("div", { self: x, other: norms[i] }));
    return trace.call("sum", { self: trace.call("mul", { self: units[0], other: units[1] }) }, { dim });
  });
};

/** Rows above which Euclidean distances go through a matrix product. Distance.cpp cdist_impl */
const FEW_ROWS = 25;

/** One batch dim, or none where there is one matrix of each. */
export const lowerCdist: Lowering = (trace, inputs, attributes, outputs) => {
  const pair = [given(inputs, "x1"), given(inputs, "x2")] as const;
  const [rows, columns] = pair.map(({ spec }) => spec.shape.at(-2) as number) as [number, number];
  const mode = number(attributes, "compute_mode", 0);
  const product = mode === 1 || (mode === 0 && (rows > FEW_ROWS || columns > FEW_ROWS));
  const [x1, x2] = pair;
  if (number(attributes, "p", 2) !== 2 || !product) return trace.call("rowDistances", { x1, x2 }, attributes);
  const { shape } = outputs[0] as TensorSpec;
  const batch = shape.slice(0, -2);
  if (elements(batch) === 1) {
    const result = trace.call("euclideanDistances", { x1, x2 });
    return trace.call("view", { self: result }, { size: shape });
  }
  const [flat1, flat2] = pair.map((x) => {
    const matrix = x.spec.shape.slice(-2);
    const wide = trace.call("expand", { self: x }, { size: [...batch, ...matrix] });
    const solid = trace.call("contiguous", { self: wide });
    return trace.call("view", { self: solid }, { size: [elements(batch), ...matrix] });
  }) as [Traced, Traced];
  const result = trace.call("euclideanDistances", { x1: flat1, x2: flat2 });
  return trace.call("view", { self: result }, { size: shape });
};

/** x with two columns more: its squared norm and ones. */
function extended(kernel: Kernel, x: Held): { norm: Held; pad: Held; shape: readonly number[] } {
  const square = elementwise(kernel, [x]);
  const norm = summed(kernel, square, [x.spec.shape.length - 1], true);
  kernel.free(square);
  const pad = elementwise(kernel, [norm]);
  const width = (x.spec.shape.at(-1) as number) + 2;
  return { norm, pad, shape: [...x.spec.shape.slice(0, -1), width] };
}

/** x * ratio.sum(dim) - ratio @ other: the product is made first. */
function euclideanGradient(kernel: Kernel, ratio: Held, x: Held, dim: number): Held[] {
  kernel.blas();
  const product = elementwise(kernel, [x]);
  const total = summed(kernel, ratio, [ratio.spec.shape.length + dim], true);
  const scaled = elementwise(kernel, [x]);
  return [elementwise(kernel, [x]), scaled, total, product];
}

/** What broadcast dims of a batch were made of is added up again by the engine. */
function rowsGradient(kernel: Kernel, call: BackwardCall, port: "x1" | "x2"): Held {
  const { x1, x2, result } = call.saved as { x1: Held; x2: Held; result: Held };
  const [own, other] = port === "x1" ? [x1, x2] : [x2, x1];
  const grad = port === "x1" ? gradOf(call) : transposed(gradOf(call));
  contiguous(kernel, grad);
  if (port === "x2") contiguous(kernel, transposed(result));
  const batch = result.spec.shape.slice(0, -2);
  const [n, m] = own.spec.shape.slice(-2) as [number, number];
  const out = fresh(kernel, [...batch, n, m], own.spec.dtype);
  // every row of the other's part, before they are added up. DistanceKernel.cu cdist_backward_kernel_impl
  kernel.free(fresh(kernel, [...batch, other.spec.shape.at(-2) as number, n, m], own.spec.dtype));
  return out;
}

export const distanceKernels = {
  /** sqrt of [-2 x1, |x1|², 1] @ [x2, 1, |x2|²]ᵀ. Distance.cpp _euclidean_dist */
  euclideanDistances: {
    forward: (kernel, { inputs, outputs }) => {
      const [x1, x2] = [inputs.x1 as Held, inputs.x2 as Held];
      const [first, second] = [extended(kernel, x1), extended(kernel, x2)];
      const scaled = elementwise(kernel, [x1]);
      const left = fresh(kernel, first.shape, x1.spec.dtype);
      for (const part of [first.pad, first.norm, scaled]) kernel.free(part);
      const right = fresh(kernel, second.shape, x1.spec.dtype);
      for (const part of [second.norm, second.pad]) kernel.free(part);
      kernel.blas();
      const out = kernel.empty(outputs[0] as TensorSpec);
      for (const part of [right, left]) kernel.free(part);
      return [out];
    },
    backward: (kernel, call) => {
      const { x1, x2, result } = call.saved as { x1: Held; x2: Held; result: Held };
      const ratio = elementwise(kernel, [gradOf(call), result]);
      kernel.free(elementwise(kernel, [result], "bool"));
      const [one, ...ofOne] = euclideanGradient(kernel, ratio, x1, -1) as [Held, ...Held[]];
      const [other, ...ofOther] = euclideanGradient(kernel, ratio, x2, -2) as [Held, ...Held[]];
      for (const part of [...ofOther, ...ofOne, ratio]) kernel.free(part);
      const both = [one, other];
      return call.ports.map((port, i) => (call.needs[i] ? (both[port === "x1" ? 0 : 1] ?? null) : null));
    },
  },
  rowDistances: {
    backward: gradients({
      x1: (kernel, call) => rowsGradient(kernel, call, "x1"),
      x2: (kernel, call) => rowsGradient(kernel, call, "x2"),
    }),
  },
  /** The loss of every element is reduced into its own memory. LossMulti.cpp, Loss.cpp soft_margin_loss_out */
  softMarginLoss: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const every = elementwise(kernel, [inputs.self as Held, inputs.target as Held]);
      if (int(attributes, "reduction", 1) === 0) return [every];
      kernel.free(kernel.empty(outputs[0] as TensorSpec));
      return [seen(every, outputs[0] as TensorSpec)];
    },
    // -norm * target * z / (1 + z) * grad, with z = exp(-target * input)
    backward: gradients({
      self: (kernel, call) => {
        const operands = [call.saved.self as Held, call.saved.target as Held];
        const negative = elementwise(kernel, operands.slice(1), gradOf(call).spec.dtype);
        const product = elementwise(kernel, operands);
        const z = elementwise(kernel, operands);
        for (const part of [product, negative]) kernel.free(part);
        const out = elementwise(kernel, operands);
        kernel.free(z);
        return out;
      },
    }),
  },
  multilabelMarginLoss: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const [result, mask] = outputs as [TensorSpec, TensorSpec];
      const isTarget = kernel.empty(mask);
      if (int(attributes, "reduction", 1) === 0 || mask.shape.length < 2)
        return [kernel.empty(result), isTarget];
      const samples = fresh(kernel, mask.shape.slice(0, -1), (inputs.self as Held).spec.dtype);
      const out = kernel.empty(result);
      kernel.free(samples);
      return [out, isTarget];
    },
    backward: gradients({ self: (kernel, call) => kernel.empty((call.saved.self as Held).spec) }),
  },
} satisfies Record<string, KernelRule>;

/** where(target == 1, 1 - cos, 0) + where(target == -1, max(cos - margin, 0), 0) */
export const lowerCosineEmbedding: Lowering = (trace, inputs, attributes) => {
  const [x1, x2, target] = ["input1", "input2", "target"].map((port) => given(inputs, port)) as [
    Traced,
    Traced,
    Traced,
  ];
  const dim = target.spec.shape.length;
  const dot = (a: Traced, b: Traced) =>
    trace.call("sum", { self: trace.call("mul", { self: a, other: b }) }, { dim });
  const products = trace.statement(() => dot(x1, x2));
  const squares = [x1, x2].map((x) =>
    trace.statement(() => trace.call("add", { self: dot(x, x) }, { other: 1e-12 })),
  );
  const joint = trace.call("mul", { self: squares[0], other: squares[1] });
  const length = trace.call("sqrt", { self: joint }, { inPlace: true });
  const cosine = trace.call("div", { self: products, other: length });
  const zeros = trace.call("create", { self: cosine });
  const same = trace.call("rsub", { self: cosine }, { other: 1 });
  const margin = trace.call("sub", { self: cosine }, { other: number(attributes, "margin", 0) });
  const other = trace.call("clampMin", { self: margin }, { min: 0, inPlace: true });
  const chosen = [same, other].map((self, i) => {
    const condition = trace.call("eq", { self: target }, { other: i === 0 ? 1 : -1 });
    return trace.call("where", { condition, self, other: zeros });
  });
  const every = trace.call("add", { self: chosen[0], other: chosen[1] });
  return reducedBy(trace, every, attributes);
};

/** where(target != 1, max(margin - x, 0), 0) + where(target != -1, x, 0) */
export const lowerHingeEmbedding: Lowering = (trace, inputs, attributes) => {
  const [self, target] = [given(inputs, "self"), given(inputs, "target")];
  const zeros = trace.call("create", { self });
  const margin = trace.call("rsub", { self }, { other: number(attributes, "margin", 1) });
  const clamped = trace.call("clampMin", { self: margin }, { min: 0, inPlace: true });
  const chosen = [clamped, self].map((value, i) => {
    const condition = trace.call("ne", { self: target }, { other: i === 0 ? 1 : -1 });
    return trace.call("where", { condition, self: value, other: zeros });
  });
  const every = trace.call("add", { self: chosen[0], other: chosen[1] });
  return reducedBy(trace, every, attributes);
};

/** max(margin + d(anchor, positive) - d(anchor, negative), 0) */
export const lowerTripletMargin: Lowering = (trace, inputs, attributes) => {
  const [anchor, positive, negative] = ["anchor", "positive", "negative"].map((port) =>
    given(inputs, port),
  ) as [Traced, Traced, Traced];
  const near = distance(trace, anchor, positive, attributes);
  let far = distance(trace, anchor, negative, attributes);
  if (flag(attributes, "swap")) {
    const swapped = distance(trace, positive, negative, attributes);
    const least = trace.call("minimum", { self: far, other: swapped });
    trace.drop(far);
    trace.drop(swapped);
    far = least;
  }
  const every = trace.statement(() => {
    const wide = trace.call("add", { self: near }, { other: number(attributes, "margin", 1) });
    const difference = trace.call("sub", { self: wide, other: far });
    return trace.call("clampMin", { self: difference }, { min: 0 });
  });
  return reducedBy(trace, every, attributes);
};
