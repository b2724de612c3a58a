/** Discrete Fourier transforms, and complex numbers seen as pairs. Sizes as torch.fft has them. */
import type { DType } from "../base/dtype.js";
import { wrapDim } from "../base/shape.js";
import type { Attributes } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { iterate } from "./layout.js";
import { broadcastAll, flag, int, ints, type OpTable, op } from "./rule.js";

export const isComplex = (dtype: DType): boolean => dtype.startsWith("complex");

/** The complex type whose parts have the real type `dtype`; a complex one is its own. */
export function complexType(dtype: DType): DType {
  if (isComplex(dtype)) return dtype;
  if (dtype === "float64") return "complex128";
  return dtype === "float16" ? "complex32" : "complex64";
}

export function realType(dtype: DType): DType {
  if (dtype === "complex128") return "float64";
  if (dtype === "complex32") return "float16";
  return isComplex(dtype) ? "float32" : dtype;
}

/** The dims that are transformed, from the front; `rank` 0 takes those of the sizes, or all. */
export function transformedDims({ shape }: TensorSpec, attributes: Attributes): number[] {
  const given = ints(attributes, "dim", []);
  if (given.length > 0) return given.map((dim) => wrapDim(dim, shape.length));
  const sizes = ints(attributes, "s", ints(attributes, "n", []));
  const count = int(attributes, "rank", 1) || sizes.length || shape.length;
  return Array.from({ length: count }, (_, i) => shape.length - count + i);
}

/** Sizes of the transformed dims, as they are asked for; -1 and none leave them. */
export function transformedSizes(self: TensorSpec, attributes: Attributes, half = false): number[] {
  const asked = ints(attributes, "s", ints(attributes, "n", []));
  return transformedDims(self, attributes).map((dim, i, { length }) => {
    const size = asked[i];
    if (size !== undefined && size > 0) return size;
    const own = self.shape[dim] as number;
    return half && i === length - 1 ? 2 * (own - 1) : own;
  });
}

/** Row-major, with the transformed dims last: so cuFFT writes. SpectralOps.cu _exec_fft */
export function transformedSpec(shape: readonly number[], dims: readonly number[], dtype: DType): TensorSpec {
  const order = [...shape.keys()]
    .filter((dim) => !dims.includes(dim))
    .concat([...dims].sort((a, b) => a - b));
  const strides = new Array<number>(shape.length).fill(1);
  let stride = 1;
  for (const dim of order.reverse()) {
    strides[dim] = stride;
    stride *= Math.max(1, shape[dim] as number);
  }
  return { shape, strides, dtype };
}

function resized(self: TensorSpec, dims: readonly number[], sizes: readonly number[]): number[] {
  const shape = [...self.shape];
  dims.forEach((dim, i) => {
    shape[dim] = sizes[i] as number;
  });
  return shape;
}

const transform = (kind: "complex" | "halved" | "restored") =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dims = transformedDims(self, attributes);
      const shape = resized(self, dims, transformedSizes(self, attributes, kind === "restored"));
      const last = dims.at(-1) as number;
      if (kind === "halved" && flag(attributes, "onesided", true))
        shape[last] = Math.floor((shape[last] as number) / 2) + 1;
      const dtype = kind === "restored" ? realType(self.dtype) : complexType(self.dtype);
      return transformedSpec(shape, dims, dtype);
    },
    backward: { self: kind === "halved" ? ["self"] : [] },
  });

export const fouriers = {
  fft: transform("complex"),
  /** Of real numbers: half of the last dim says it all. */
  rfft: transform("halved"),
  irfft: transform("restored"),
  fftShift: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: [] },
  }),
  /** Spectra of overlapping windows: [… T] → [… F, windows]. */
  stft: op({
    inputs: ["self", "window?"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const [size, hop] = stftSizes(attributes);
      const windows = 1 + Math.floor(((self.shape.at(-1) as number) - size) / hop);
      const bins = flag(attributes, "onesided", true) ? Math.floor(size / 2) + 1 : size;
      const rows = self.shape.slice(0, -1);
      const complex = dense([...rows, windows, bins], complexType(self.dtype));
      const swap = (list: readonly number[]) => [...list.slice(0, -2), list.at(-1), list.at(-2)] as number[];
      return { ...complex, shape: swap(complex.shape), strides: swap(complex.strides) };
    },
    backward: { self: ["window"] },
  }),
  /** Complex numbers as pairs of reals, in the same memory. */
  viewAsReal: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => asReal(self),
    backward: { self: [] },
    aliases: "self",
  }),
  viewAsComplex: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => asComplex(self),
    backward: { self: [] },
    aliases: "self",
  }),
  real: part(),
  imag: part(),
  /** The conjugate, as a bit of the tensor. */
  conj: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [] },
    aliases: "self",
  }),
  complex: op({
    inputs: ["real", "imag"],
    outputs: ["result"],
    infer: ({ real, imag }) => dense(broadcastAll([real, imag]), complexType(real.dtype)),
    backward: { real: ["imag", "real"], imag: ["imag", "real"] },
  }),
  polar: op({
    inputs: ["abs", "angle"],
    outputs: ["result"],
    infer: ({ abs, angle }) => dense(broadcastAll([abs, angle]), complexType(abs.dtype)),
    backward: { abs: ["result"], angle: ["result"] },
  }),
  angle: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => iterate([self], realType(self.dtype)),
    backward: { self: ["self"] },
  }),
} satisfies OpTable;

/** Length of a window, and from one to the next. */
export function stftSizes(attributes: Attributes): readonly [size: number, hop: number] {
  const size = int(attributes, "n_fft", 1);
  return [size, int(attributes, "hop_length", Math.floor(size / 4))];
}

function part() {
  return op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => {
      if (!isComplex(self.dtype)) return self;
      const pairs = asReal(self);
      return { ...pairs, shape: pairs.shape.slice(0, -1), strides: pairs.strides.slice(0, -1) };
    },
    backward: { self: [] },
    aliases: "self",
  });
}

export function asReal({ shape, strides, dtype }: TensorSpec): TensorSpec {
  return {
    shape: [...shape, 2],
    strides: [...strides.map((stride) => 2 * stride), 1],
    dtype: realType(dtype),
  };
}

export function asComplex({ shape, strides, dtype }: TensorSpec): TensorSpec {
  const half = strides.slice(0, -1).map((stride) => stride / 2);
  return { shape: shape.slice(0, -1), strides: half, dtype: complexType(dtype) };
}
