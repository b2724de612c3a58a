/** Dropout and random numbers of eager PyTorch. Source: aten/src/ATen/native/Dropout.cpp, cuda/Dropout.cu */
import type { TensorSpec } from "../../ir/tensor.js";
import { flag } from "../../ops/rule.js";
import {
  elementwise,
  given,
  gradients,
  gradOf,
  type Held,
  type KernelRule,
  type Lowering,
} from "./kernel.js";

export const randomKernels = {
  /** The mask, one byte an element, comes before the result. */
  nativeDropout: {
    forward: (kernel, { outputs }) => {
      const mask = kernel.empty(outputs[1] as TensorSpec);
      return [kernel.empty(outputs[0] as TensorSpec), mask];
    },
    backward: gradients({
      input: (kernel, call) =>
        elementwise(kernel, [gradOf(call), call.saved.mask as Held], gradOf(call).spec.dtype),
    }),
  },
} satisfies Record<string, KernelRule>;

/** Nothing to drop: the input itself. In place, or a fused kernel with a byte mask. */
export const lowerDropout: Lowering = (trace, inputs, attributes) => {
  const input = given(inputs, "input");
  const p = typeof attributes.p === "number" ? attributes.p : 0.5;
  if (p === 0 || !flag(attributes, "train")) return input;
  if (attributes.inPlace === true) {
    const noise = trace.call("create", { self: input });
    return trace.call("mul", { self: input, other: noise }, { inPlace: true });
  }
  if (p === 1)
    return trace.call("mul", {
      self: input,
      other: trace.call("create", {}, { size: [], dtype: input.spec.dtype }),
    });
  return trace.call("nativeDropout", { input }, { p });
};

/** input * (a * noise) + (b * noise + c): what is dropped becomes the lowest value of SELU. */
export const lowerAlphaDropout =
  (perFeature: boolean): Lowering =>
  (trace, inputs, attributes) => {
    const input = given(inputs, "input");
    const p = typeof attributes.p === "number" ? attributes.p : 0.5;
    if (p === 0 || !flag(attributes, "train")) return input;
    const size = input.spec.shape.map((dim, i) => (perFeature && i > 1 ? 1 : dim));
    const noise = trace.call("create", {}, { size, dtype: input.spec.dtype });
    const shift = trace.call("create", {}, { size, dtype: input.spec.dtype });
    const scaled = trace.call("mul", { self: input, other: noise });
    const out = trace.call("add", { self: scaled, other: shift }, { inPlace: true });
    trace.drop(shift);
    return out;
  };

/** One random number per sample and channel. */
export const lowerFeatureDropout: Lowering = (trace, inputs, attributes) => {
  const input = given(inputs, "input");
  const p = typeof attributes.p === "number" ? attributes.p : 0.5;
  if (p === 0 || !flag(attributes, "train")) return input;
  const size = input.spec.shape.map((dim, i) => (i < 2 ? dim : 1));
  const noise = trace.call("create", {}, { size, dtype: input.spec.dtype });
  return trace.call("mul", { self: input, other: noise }, { inPlace: attributes.inPlace === true });
};
