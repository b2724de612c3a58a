/** Reductions and softmax of eager PyTorch on CUDA. Source: tools/autograd/derivatives.yaml, FunctionsManual.cpp. */
import { isFloating, ITEM_SIZE } from "../../base/dtype.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { dimsOf, dtypeOf, flag } from "../../ops/rule.js";
import {
  type BackwardCall,
  contiguous,
  elementwise,
  expandedTo,
  fresh,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  reductionScratch,
  seen,
  summed,
} from "./kernel.js";
import { partialSize } from "./reduce-config.js";

/** The gradient with the summed dims back, as views of it. */
function restored(call: BackwardCall, tensor: Held = gradOf(call)): Held {
  const input = call.inputs[0] as TensorSpec;
  if (flag(call.attributes, "keepdim") || tensor.spec.shape.length === input.shape.length) return tensor;
  const dims = dimsOf(call.attributes, "dim", input.shape.length);
  const shape = input.shape.map((size, dim) => (dims.includes(dim) ? 1 : size));
  let at = 0;
  const strides = shape.map((_, dim) => (dims.includes(dim) ? 1 : (tensor.spec.strides[at++] as number)));
  return seen(tensor, { shape, strides, dtype: tensor.spec.dtype });
}

/** The gradient shown at the input's shape: no memory. */
function spread(call: BackwardCall): Held {
  return expandedTo(restored(call), (call.inputs[0] as TensorSpec).shape);
}

/** A mask, its count, and the gradient shared among equals (amax, amin, max, min). */
function sharedAmongEqual(kernel: Kernel, call: BackwardCall): Held {
  return sharedWith(kernel, call, call.saved.result as Held, gradOf(call));
}

function sharedWith(kernel: Kernel, call: BackwardCall, extremum: Held, gradient: Held): Held {
  const self = call.saved.self as Held;
  const result = restored(call, extremum);
  const grad = restored(call, gradient);
  const mask = elementwise(kernel, [self, result], "bool");
  const count = fresh(kernel, result.spec.shape, "int64");
  const numbers = fresh(kernel, self.spec.shape, "int64"); // the mask as whole numbers while it is summed
  reductionScratch(
    kernel,
    numbers.spec,
    dimsOf(call.attributes, "dim", self.spec.shape.length),
    partialSize(numbers.spec),
  );
  kernel.free(numbers);
  elementwise(kernel, [grad, count], grad.spec.dtype);
  return elementwise(kernel, [mask, grad], grad.spec.dtype);
}

/** evenly_distribute_backward: equals, or both NaN, share the gradient; the mask is summed as whole numbers. */
function spreadEvenly(kernel: Kernel, call: BackwardCall): Held {
  const self = call.saved.self as Held;
  const mask = elementwise(kernel, [self], "bool");
  fresh(kernel, [], "bool");
  elementwise(kernel, [self], "bool");
  const count = countOf(
    kernel,
    mask,
    self.spec.shape.map((_, dim) => dim),
  );
  const share = elementwise(kernel, [count], gradOf(call).spec.dtype);
  return elementwise(kernel, [mask, share], gradOf(call).spec.dtype);
}

/** `mask.sum(dims)`: what is true is widened to whole numbers while it is summed. */
function countOf(kernel: Kernel, mask: Held, dims: readonly number[], keep = false): Held {
  const shape = mask.spec.shape.map((size, dim) => (dims.includes(dim) ? 1 : size));
  const out = fresh(kernel, keep ? shape : shape.filter((_, dim) => !dims.includes(dim)), "int64");
  const numbers = fresh(kernel, mask.spec.shape, "int64");
  reductionScratch(kernel, numbers.spec, dims, partialSize(numbers.spec));
  kernel.free(numbers);
  return out;
}

/** self.sgn() * (grad / mask.sum(dim) * mask), where the mask shows the largest, NaN among them. */
function largestGradient(kernel: Kernel, call: BackwardCall, norm: Held): Held {
  const self = call.saved.self as Held;
  const magnitudes = elementwise(kernel, [self]);
  const [equal, nan] = [elementwise(kernel, [self, norm], "bool"), elementwise(kernel, [self], "bool")];
  const mask = elementwise(kernel, [equal, nan]);
  for (const part of [nan, equal]) kernel.free(part);
  const count = countOf(kernel, mask, dimsOf(call.attributes, "dim", self.spec.shape.length), true);
  const share = elementwise(kernel, [restored(call), count], self.spec.dtype);
  const shared = elementwise(kernel, [share, mask], self.spec.dtype);
  const sign = elementwise(kernel, [self]);
  const out = elementwise(kernel, [sign, shared]);
  for (const part of [sign, shared, share, count, mask, magnitudes]) kernel.free(part);
  return out;
}

/** (2 / (n - 1)) * grad * (self - self.mean(dim)): the right factor is computed first. */
function varianceGradient(kernel: Kernel, call: BackwardCall, grad: Held): Held {
  const self = call.saved.self as Held;
  const dims = dimsOf(call.attributes, "dim", self.spec.shape.length);
  const mean = summed(kernel, self, dims, true);
  const centred = elementwise(kernel, [self, mean]);
  const scaled = elementwise(kernel, [grad]);
  const out = elementwise(kernel, [scaled, centred]);
  for (const part of [scaled, centred, mean]) kernel.free(part);
  return out;
}

/** self * |self|^(p - 2) * (grad / norm^(p - 1)), zero where the norm is. FunctionsManual.cpp linalg_vector_norm_backward */
function powerNormGradient(kernel: Kernel, call: BackwardCall, norm: Held): Held {
  const self = call.saved.self as Held;
  const power = elementwise(kernel, [self]);
  const scaled = elementwise(kernel, [self, power]);
  kernel.free(power);
  const below = elementwise(kernel, [norm]);
  const ratio = elementwise(kernel, [restored(call), below]);
  kernel.free(below);
  kernel.free(elementwise(kernel, [norm], "bool"));
  const out = elementwise(kernel, [scaled, ratio]);
  for (const part of [ratio, scaled]) kernel.free(part);
  return out;
}

/** Positive and negative gradients apart, each by its logarithm summed from behind. FunctionsManual.cpp logcumsumexp_backward */
function logcumsumexpGradient(kernel: Kernel, call: BackwardCall): Held {
  const self = call.saved.self as Held;
  const one = () => elementwise(kernel, [self]);
  const least = fresh(kernel, [], self.spec.dtype);
  const magnitude = one();
  const logarithm = one();
  kernel.free(magnitude);
  const signed = (): Held => {
    const mask = elementwise(kernel, [self], "bool");
    const chosen = one();
    kernel.free(mask);
    return chosen;
  };
  const [positive, negative] = [signed(), signed()];
  const summedBack = (): Held => {
    const parts = [one(), one(), one(), one()] as [Held, Held, Held, Held]; // less the result; flipped, summed, flipped
    for (const part of [parts[2], parts[1]]) kernel.free(part);
    const added = one();
    const out = one();
    for (const part of [added, parts[3], parts[0]]) kernel.free(part);
    return out;
  };
  const [gains, losses] = [summedBack(), summedBack()];
  const out = one();
  for (const part of [losses, gains, negative, positive, logarithm, least]) kernel.free(part);
  return out;
}

/** Rows that one kernel sorts. native/cuda/Sort.cpp should_use_small_sort */
const SMALL_SORT = 4096;

/** Places to start from, along one row. */
function placesScratch(kernel: Kernel, { inputs, attributes }: Parameters<Forward>[1]): void {
  const { shape } = (inputs.self as Held).spec;
  const size = shape.at(typeof attributes.dim === "number" ? attributes.dim : -1) ?? 1;
  if (size <= SMALL_SORT) kernel.free(fresh(kernel, [size], "int64"));
}

function sorts(kernel: Kernel, call: Parameters<Forward>[1]): readonly Held[] {
  const made = call.outputs.map((spec) => kernel.empty(spec));
  placesScratch(kernel, call);
  return made;
}

type Forward = NonNullable<KernelRule["forward"]>;

/** The result, and what the reduction takes while it runs. */
const reduces: Forward = (kernel, { inputs, outputs, attributes }) => {
  const self = inputs.self as Held;
  const out = outputs.map((spec) => kernel.empty(spec));
  reductionScratch(
    kernel,
    self.spec,
    dimsOf(attributes, "dim", self.spec.shape.length),
    partialSize(self.spec),
  );
  return out;
};

/** What has other strides is made row-major first; partial results have the input's type. ReduceAllOps.cpp max, min */
const extreme: Forward = (kernel, { inputs }) => [largestOfAll(kernel, inputs.self as Held)];

/** `torch.max(x)` or `torch.min(x)` */
export function largestOfAll(kernel: Kernel, tensor: Held): Held {
  const { shape, dtype } = tensor.spec;
  const out = fresh(kernel, [], dtype);
  const solid = contiguous(kernel, tensor);
  const dims = shape.map((_, dim) => dim);
  reductionScratch(kernel, solid.spec, dims, ITEM_SIZE[dtype]);
  if (solid !== tensor) kernel.free(solid);
  return out;
}

/** A sum into another type casts first, but for 16 bits into float32. ReduceOpsUtils.h make_reduction_from_out_ty */
const castsFirst: Forward = (kernel, { inputs, outputs, attributes }) => {
  const self = inputs.self as Held;
  const { dtype } = outputs[0] as TensorSpec;
  const lower = self.spec.dtype === "float16" || self.spec.dtype === "bfloat16";
  const asIs = self.spec.dtype === dtype || (lower && dtype === "float32");
  const out = kernel.empty(outputs[0] as TensorSpec);
  const cast = asIs ? self : elementwise(kernel, [self], dtype);
  const dims = dimsOf(attributes, "dim", self.spec.shape.length);
  reductionScratch(kernel, cast.spec, dims, partialSize(cast.spec));
  if (cast !== self) kernel.free(cast);
  return [out];
};

/** Partial results of more than a number: a mean, a sum of squares and two counts; or a value and its place. */
const withPartial =
  (size: number): Forward =>
  (kernel, { inputs, outputs, attributes }) => {
    const { spec } = inputs.self as Held;
    const out = outputs.map((result) => kernel.empty(result));
    reductionScratch(kernel, spec, dimsOf(attributes, "dim", spec.shape.length), size);
    return out;
  };
/** SharedReduceOps.h WelfordData<float, int32_t>, and the pair that ArgMaxOps reduces. */
const [WELFORD, PLACED] = [16, 16];

export const reductionKernels = {
  sum: {
    forward: castsFirst,
    backward: gradients({ self: (kernel, call) => castTo(kernel, call, spread(call)) }),
  },
  mean: {
    forward: reduces,
    backward: gradients({ self: (kernel, call) => elementwise(kernel, [spread(call)]) }),
  },
  amax: { forward: reduces, backward: gradients({ self: sharedAmongEqual }) },
  amin: { forward: reduces, backward: gradients({ self: sharedAmongEqual }) },
  maxAll: { forward: extreme, backward: gradients({ self: spreadEvenly }) },
  minAll: { forward: extreme, backward: gradients({ self: spreadEvenly }) },
  aminmax: {
    backward: (kernel, call) => {
      const { min, max } = call.saved as { min: Held; max: Held };
      const parts = [min, max].flatMap((extremum, i) => {
        const grad = call.grads[i];
        return grad ? [kernel.scope(() => sharedWith(kernel, call, extremum, grad))] : [];
      });
      return [parts.length === 2 ? elementwise(kernel, parts) : (parts[0] ?? null)];
    },
  },
  medianDim: scattered(),
  maxDim: scattered(),
  minDim: scattered(),
  topk: scattered(),
  sort: { forward: sorts, ...scattered() },
  kthvalue: scattered(),
  mode: scattered(),
  cummax: scattered(),
  cummin: scattered(),
  argsort: {
    forward: (kernel, call) => {
      const values = elementwise(kernel, [call.inputs.self as Held]);
      const indices = kernel.empty(call.outputs[0] as TensorSpec);
      placesScratch(kernel, call);
      kernel.free(values);
      return [indices];
    },
    backward: (_, { needs }) => needs.map(() => null),
  },
  logcumsumexp: { backward: gradients({ self: logcumsumexpGradient }) },
  // grad * self.isnan().logical_not()
  nansum: {
    forward: reduces,
    backward: gradients({
      self: (kernel, call) => {
        const self = call.saved.self as Held;
        const nan = elementwise(kernel, [self], "bool");
        const number = elementwise(kernel, [nan], "bool");
        return elementwise(kernel, [spread(call), number], gradOf(call).spec.dtype);
      },
    }),
  },
  countNonzero: {
    forward: (kernel, { inputs, attributes }) => {
      const self = inputs.self as Held;
      const mask = elementwise(kernel, [self], "bool");
      const count = countOf(kernel, mask, dimsOf(attributes, "dim", self.spec.shape.length));
      kernel.free(mask);
      return [count];
    },
    backward: (_, { needs }) => needs.map(() => null),
  },
  trace: {
    backward: gradients({
      self: (kernel, call) => {
        const { shape } = call.inputs[0] as TensorSpec;
        const out = fresh(kernel, shape, gradOf(call).spec.dtype);
        kernel.free(fresh(kernel, [Math.min(...shape)], "int64"));
        return out;
      },
    }),
  },
  prod: {
    backward: gradients({
      self: (kernel, call) => {
        const self = call.saved.self as Held;
        const dims = dimsOf(call.attributes, "dim", self.spec.shape.length);
        if (dims.length === 1) {
          // whether any row has a zero is looked up; without one the product is divided
          const zeros = countOf(kernel, elementwise(kernel, [self], "bool"), dims, true);
          kernel.free(summed(kernel, zeros, [...zeros.spec.shape.keys()]));
        }
        const product = elementwise(kernel, [spread(call), restored(call, call.saved.result as Held)]);
        return elementwise(kernel, [product, call.saved.self as Held]);
      },
    }),
  },
  logsumexp: {
    // the largest value of each row, with infinities replaced, is taken off before the exponential
    forward: (kernel, { inputs, outputs }) => {
      const out = outputs[0] as TensorSpec;
      const safe = kernel.empty(out);
      const largest = kernel.empty(out);
      kernel.free(fresh(kernel, out.shape, "bool"));
      kernel.free(largest);
      const powers = elementwise(kernel, [inputs.self as Held]);
      const result = kernel.empty(out);
      kernel.free(powers);
      kernel.free(safe);
      return [result];
    },
    backward: gradients({
      self: (kernel, call) => {
        const difference = elementwise(kernel, [
          call.saved.self as Held,
          restored(call, call.saved.result as Held),
        ]);
        return elementwise(kernel, [restored(call), elementwise(kernel, [difference])]);
      },
    }),
  },
  argmax: { forward: withPartial(PLACED), backward: (_, { needs }) => needs.map(() => null) },
  argmin: { forward: withPartial(PLACED), backward: (_, { needs }) => needs.map(() => null) },
  var: {
    forward: withPartial(WELFORD),
    backward: gradients({ self: (kernel, call) => varianceGradient(kernel, call, restored(call)) }),
  },
  std: {
    forward: withPartial(WELFORD),
    backward: gradients({
      self: (kernel, call) => {
        const result = restored(call, call.saved.result as Held);
        const doubled = elementwise(kernel, [result]);
        const ratio = elementwise(kernel, [restored(call), doubled]);
        kernel.free(elementwise(kernel, [result], "bool"));
        kernel.free(doubled);
        return varianceGradient(kernel, call, ratio);
      },
    }),
  },
  stdMean: {
    forward: withPartial(WELFORD),
    backward: (kernel, call) => {
      const [toStd, toMean] = call.grads as [Held | null, Held | null];
      const self = call.saved.self as Held;
      const parts: Held[] = [];
      let ratio: Held | null = null;
      if (toStd) {
        const std = restored(call, call.saved.std as Held);
        const doubled = elementwise(kernel, [std]);
        ratio = elementwise(kernel, [restored(call, toStd), doubled]);
        kernel.free(elementwise(kernel, [std], "bool"));
        kernel.free(doubled);
        parts.push(varianceGradient(kernel, call, ratio));
        kernel.free(ratio);
      }
      if (toMean) parts.push(elementwise(kernel, [expandedTo(restored(call, toMean), self.spec.shape)]));
      if (parts.length < 2) return [parts[0] ?? null];
      const sum = elementwise(kernel, parts);
      for (const part of parts) kernel.free(part);
      return [sum];
    },
  },
  varMean: {
    forward: withPartial(WELFORD),
    backward: (kernel, call) => {
      if (!call.needs[0]) return [null];
      const self = call.saved.self as Held;
      const [toVar, toMean] = call.grads as [Held | null, Held | null];
      const parts: Held[] = [];
      if (toVar) parts.push(varianceGradient(kernel, call, restored(call, toVar)));
      if (toMean) parts.push(elementwise(kernel, [expandedTo(restored(call, toMean), self.spec.shape)]));
      if (parts.length < 2) return [parts[0] ?? null];
      const sum = elementwise(kernel, parts);
      for (const part of parts) kernel.free(part);
      return [sum];
    },
  },
  // self * (grad / norm), with zeros where the norm is zero
  vectorNorm: {
    forward: reduces,
    backward: gradients({
      self: (kernel, call) => {
        const self = call.saved.self as Held;
        const norm = restored(call, call.saved.result as Held);
        const order = call.attributes.ord;
        if (order === "Infinity") return largestGradient(kernel, call, norm);
        if (typeof order === "number" && order > 2) return powerNormGradient(kernel, call, norm);
        const direction = elementwise(kernel, order === 1 ? [self] : [self, norm]);
        if (order !== 1) elementwise(kernel, [norm], "bool");
        return elementwise(kernel, [direction, restored(call)]);
      },
    }),
  },
  // grad.flip(dim).cumsum(dim).flip(dim)
  cumsum: {
    /** ScanKernels read the result's type: whole numbers are widened first. ReduceOps.cpp cumsum */
    forward: (kernel, { inputs, outputs }) => {
      const [self, out] = [inputs.self as Held, outputs[0] as TensorSpec];
      if (self.spec.dtype === out.dtype) return [kernel.empty(out)];
      const wide = elementwise(kernel, [self], out.dtype);
      const result = kernel.empty(out);
      kernel.free(wide);
      return [result];
    },
    backward: gradients({
      self: (kernel, call) =>
        elementwise(kernel, [elementwise(kernel, [elementwise(kernel, [gradOf(call)])])]),
    }),
  },
  cumprod: {
    backward: gradients({
      self: (kernel, call) => {
        const { result, self } = call.saved as { result: Held; self: Held };
        const weighted = elementwise(kernel, [result, gradOf(call)]);
        const zeros = elementwise(kernel, [self], "bool");
        kernel.free(fresh(kernel, [], "bool"));
        const flipped = elementwise(kernel, [weighted]);
        const added = elementwise(kernel, [flipped]);
        const back = elementwise(kernel, [added]);
        for (const part of [added, flipped]) kernel.free(part);
        const out = elementwise(kernel, [back, self]);
        for (const part of [back, zeros, weighted]) kernel.free(part);
        return out;
      },
    }),
  },
  plainSoftmax: {
    forward: softmaxForward,
    backward: gradients({
      self: (kernel, call) => {
        const out = fresh(kernel, gradOf(call).spec.shape, (call.inputs[0] as TensorSpec).dtype);
        contiguous(kernel, gradOf(call));
        const product = elementwise(kernel, [gradOf(call), call.saved.result as Held]);
        kernel.free(product);
        return out;
      },
    }),
  },
  plainLogSoftmax: {
    forward: softmaxForward,
    backward: gradients({
      self: (kernel, call) => {
        const out = fresh(kernel, gradOf(call).spec.shape, (call.inputs[0] as TensorSpec).dtype);
        contiguous(kernel, gradOf(call));
        return out;
      },
    }),
  },
} satisfies Record<string, KernelRule>;

/**
 * Only float16 has a kernel that writes float32 at once; other types are cast before it. SoftMax.cpp softmax
 */
export const lowerSoftmax =
  (kernel: "plainSoftmax" | "plainLogSoftmax"): Lowering =>
  (trace, inputs, attributes) => {
    const self = given(inputs, "self");
    const dtype = dtypeOf(attributes, "dtype", self.spec.dtype);
    if (dtype === self.spec.dtype || (self.spec.dtype === "float16" && dtype === "float32"))
      return trace.call(kernel, { self }, attributes);
    const wide = trace.call("cast", { self }, { dtype });
    const out = trace.call(kernel, { self: wide }, attributes);
    trace.drop(wide);
    return out;
  };

/** The result first; a strided input is copied for the kernel. */
function softmaxForward(
  kernel: Kernel,
  { inputs, outputs }: Parameters<NonNullable<KernelRule["forward"]>>[1],
): Held[] {
  const made = outputs.map((spec) => kernel.empty(spec));
  contiguous(kernel, inputs.self as Held);
  return made;
}

/** Zeros of the input's shape with the gradient written at the kept indices. */
function scattered(): KernelRule {
  return {
    backward: gradients({
      self: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype),
    }),
  };
}

function castTo(kernel: Kernel, call: BackwardCall, grad: Held): Held {
  const dtype = (call.inputs[0] as TensorSpec).dtype;
  return dtype === grad.spec.dtype || !isFloating(dtype) ? grad : elementwise(kernel, [grad], dtype);
}
