/**
 * Fourier transforms and complex numbers of eager PyTorch on CUDA.
 *
 * Source  aten/src/ATen/native/SpectralOps.cpp, cuda/SpectralOps.cpp, tools/autograd/derivatives.yaml;
 *         recorded in oracle/recorded/ops-fourier.json
 * Limits  the work area that cuFFT may ask for a plan is not counted: the recordings' plans take none, but for sizes with
 *         large prime factors real ones can
 */
import type { Attributes } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import {
  asComplex,
  asReal,
  complexType,
  isComplex,
  realType,
  stftSizes,
  transformedDims,
  transformedSizes,
  transformedSpec,
} from "../../ops/fourier.js";
import { flag } from "../../ops/rule.js";
import { sameStrides } from "../../ops/views.js";
import {
  type BackwardCall,
  contiguous,
  elementwise,
  type Formula,
  fresh,
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

/** One plan over `dims`: the result first; what does not lie as cuFFT reads it is copied for the time of the call. */
function transformed(kernel: Kernel, input: Held, dims: readonly number[], out: TensorSpec): Held {
  const result = kernel.empty(out);
  const wanted = transformedSpec(input.spec.shape, dims, input.spec.dtype);
  if (!sameStrides(input.spec, wanted)) kernel.free(kernel.empty(wanted));
  return result;
}

const dimsOf = (call: { attributes: Attributes }, spec: TensorSpec) => transformedDims(spec, call.attributes);

/** A complex gradient over the same dims, of the input's sizes. */
const complexGradient: Formula = (kernel, call) => {
  const { shape, dtype } = call.inputs[0] as TensorSpec;
  const dims = dimsOf(call, call.inputs[0] as TensorSpec);
  return transformed(kernel, gradOf(call), dims, transformedSpec(shape, dims, complexType(dtype)));
};

/** The real parts of complex numbers, where they lie. */
function realPart(tensor: Held): Held {
  const pairs = asReal(tensor.spec);
  return seen(tensor, {
    shape: pairs.shape.slice(0, -1),
    strides: pairs.strides.slice(0, -1),
    dtype: pairs.dtype,
  });
}

/** Where half was told, the other half is zeros. FunctionsManual.cpp fft_r2c_backward */
const realGradient: Formula = (kernel, call) => {
  const input = call.inputs[0] as TensorSpec;
  if (!flag(call.attributes, "onesided", true)) return realPart(complexGradient(kernel, call));
  const dims = dimsOf(call, input);
  const dtype = complexType(input.dtype);
  const whole = fresh(kernel, input.shape, dtype);
  const back = transformed(kernel, whole, dims, transformedSpec(input.shape, dims, dtype));
  kernel.free(whole);
  return realPart(back);
};

const overDims: KernelRule["forward"] = (kernel, call) => {
  const input = call.inputs.self as Held;
  return [transformed(kernel, input, dimsOf(call, input.spec), call.outputs[0] as TensorSpec)];
};

export const fourierKernels = {
  complexTransform: { forward: overDims, backward: gradients({ self: complexGradient }) },
  rfft: { forward: overDims, backward: gradients({ self: realGradient }) },
  irfft: {
    // cuFFT writes over its input, which is cloned
    forward: (kernel, { inputs, outputs }) => {
      const result = kernel.empty(outputs[0] as TensorSpec);
      const { shape, dtype } = (inputs.self as Held).spec;
      kernel.free(fresh(kernel, shape, dtype));
      return [result];
    },
    backward: gradients({ self: complexGradient }),
  },
  /** Windows that overlap are added up by their places. FunctionsManual.cpp as_strided_backward */
  frames: {
    backward: gradients({
      self: (kernel, call) => {
        const input = call.inputs[0] as TensorSpec;
        const out = fresh(kernel, input.shape, gradOf(call).spec.dtype);
        const places = fresh(kernel, input.shape, "int64");
        const indices = fresh(kernel, gradOf(call).spec.shape, "int64");
        for (const part of [indices, places]) kernel.free(part);
        return out;
      },
    }),
  },
  viewAsReal: {
    backward: gradients({
      self: (kernel, call) => {
        const pairs = contiguous(kernel, gradOf(call));
        return seen(pairs, asComplex(pairs.spec));
      },
    }),
  },
  viewAsComplex: {
    backward: gradients({ self: (_, call) => seen(gradOf(call), asReal(gradOf(call).spec)) }),
  },
  conj: { backward: gradients({ self: (_, call) => gradOf(call) }) },
  complex: {
    backward: gradients({
      real: (_, call) => realPart(gradOf(call)),
      imag: (_, call) => realPart(gradOf(call)),
    }),
  },
  polar: {
    backward: (kernel, call) => {
      const result = call.saved.result as Held;
      const times = (): Held => {
        const factors = [elementwise(kernel, [gradOf(call)]), elementwise(kernel, [result])];
        const product = elementwise(kernel, factors);
        for (const factor of factors.reverse()) kernel.free(factor);
        return realPart(product);
      };
      const toAbs = times();
      const along = elementwise(kernel, [result]);
      const conjugate = elementwise(kernel, [gradOf(call)]);
      const toAngle = realPart(elementwise(kernel, [conjugate]));
      for (const part of [conjugate, along]) kernel.free(part);
      return call.ports.map((port, i) => (call.needs[i] ? (port === "abs" ? toAbs : toAngle) : null));
    },
  },
  angle: {
    forward: (kernel, { inputs, outputs }) => {
      const self = inputs.self as Held;
      const complex = isComplex(self.spec.dtype) ? elementwise(kernel, [self]) : null;
      const out = kernel.empty(outputs[0] as TensorSpec);
      if (complex) kernel.free(complex);
      return [out];
    },
    backward: gradients({
      self: (kernel, call) => {
        const self = call.saved.self as Held;
        if (!isComplex(self.spec.dtype)) return elementwise(kernel, [gradOf(call)]);
        return angleGradient(kernel, call, self);
      },
    }),
  },
} satisfies Record<string, KernelRule>;

/** where(self == 0, 0, (imag / |self|² - i real / |self|²) * grad) as complex numbers. FunctionsManual.cpp angle_backward */
function angleGradient(kernel: Kernel, call: BackwardCall, self: Held): Held {
  const magnitude = elementwise(kernel, [self], gradOf(call).spec.dtype);
  kernel.free(elementwise(kernel, [self])); // the complex absolute value, before its real part is kept
  elementwise(kernel, [magnitude]);
  const complex = () => elementwise(kernel, [self]);
  complex();
  complex();
  complex();
  kernel.empty(dense([], self.spec.dtype));
  elementwise(kernel, [self], "bool");
  return complex();
}

/** Transforms take sizes of their own: dims are cut or padded with zeros. SpectralOps.cpp resize_fft_input */
function resizedInput(
  trace: Tracer,
  self: Traced,
  dims: readonly number[],
  sizes: readonly number[],
): Traced {
  let input = self;
  dims.forEach((dim, i) => {
    const [own, wanted] = [input.spec.shape[dim] as number, sizes[i] as number];
    if (wanted < own) input = trace.call("slice", { self: input }, { dim, start: 0, end: wanted });
    else if (wanted > own) {
      const pad = new Array<number>(2 * (input.spec.shape.length - dim)).fill(0);
      pad[pad.length - 1] = wanted - own;
      input = trace.call("pad", { self: input }, { pad });
    }
  });
  return input;
}

/** Several dims of real numbers are made complex first; one dim is not. SpectralOps.cpp fft_c2c, fftn_c2c */
export const lowerFft: Lowering = (trace, inputs, attributes) => {
  const self = given(inputs, "self");
  const dims = transformedDims(self.spec, attributes);
  const settings = { dim: dims };
  const sizes = transformedSizes(self.spec, attributes);
  if (!isComplex(self.spec.dtype) && dims.length === 1)
    return trace.call(
      "rfft",
      { self: resizedInput(trace, self, dims, sizes) },
      { ...settings, onesided: false },
    );
  const dtype = complexType(self.spec.dtype);
  const complex = dtype === self.spec.dtype ? self : trace.call("cast", { self }, { dtype });
  return trace.call("complexTransform", { self: resizedInput(trace, complex, dims, sizes) }, settings);
};

export const lowerRfft: Lowering = (trace, inputs, attributes) => {
  const self = given(inputs, "self");
  const dims = transformedDims(self.spec, attributes);
  const input = resizedInput(trace, self, dims, transformedSizes(self.spec, attributes));
  return trace.call("rfft", { self: input }, { dim: dims });
};

export const lowerIrfft: Lowering = (trace, inputs, attributes) => {
  const self = given(inputs, "self");
  const dims = transformedDims(self.spec, attributes);
  const sizes = transformedSizes(self.spec, attributes, true);
  const half = sizes.map((size, i) => (i === sizes.length - 1 ? Math.floor(size / 2) + 1 : size));
  return trace.call("irfft", { self: resizedInput(trace, self, dims, half) }, { dim: dims, s: sizes });
};

/** The real or imaginary parts are every second number of the same memory. */
export const lowerPart: Lowering = (trace, inputs) => {
  const self = given(inputs, "self");
  if (!isComplex(self.spec.dtype)) return self;
  return trace.call("select", { self: trace.call("viewAsReal", { self }) }, { dim: -1, index: 0 });
};

export const lowerFftShift: Lowering = (trace, inputs, attributes) => {
  const self = given(inputs, "self");
  const asked = attributes.dim;
  const all = Array.isArray(asked) && asked.length > 0 ? asked : [...self.spec.shape.keys()];
  return trace.call("roll", { self }, { dims: all as readonly number[], shifts: all as readonly number[] });
};

/** Frames of the signal by the window, then a transform of each. SpectralOps.cpp stft */
export const lowerStft: Lowering = (trace, inputs, attributes) => {
  const [self, window] = [given(inputs, "self"), optional(inputs, "window")];
  const [size, hop] = stftSizes(attributes);
  const frames = trace.call("frames", { self }, { size, hop });
  const weighted = window ? trace.call("mul", { self: frames, other: window }) : frames;
  const spectrum = trace.call("rfft", { self: weighted }, { onesided: flag(attributes, "onesided", true) });
  return trace.call("transpose", { self: spectrum }, { dim0: -2, dim1: -1 });
};

/** Real numbers of complex ones come by way of complex ones. UnaryOps.cpp abs_out */
export const absolute: NonNullable<KernelRule["forward"]> = (kernel, { inputs }) => {
  const self = inputs.self as Held;
  const out = elementwise(kernel, [self], realType(self.spec.dtype));
  if (isComplex(self.spec.dtype)) kernel.free(elementwise(kernel, [self]));
  return [out];
};
