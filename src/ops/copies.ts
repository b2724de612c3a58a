/** Ops that copy elements into a new layout, or gather copies of them. */
import { promote } from "../base/dtype.js";
import { elements, wrapDim } from "../base/shape.js";
import type { Attributes } from "../ir/graph.js";
import { channelsLast, dense, isContiguous, type TensorSpec } from "../ir/tensor.js";
import { dtypeOf, int, ints, type OpTable, op } from "./rule.js";
import { inFormat, inserted } from "./views.js";

/** Dims that the diagonal of `diagEmbed` lies in. */
export function diagonalDims(self: TensorSpec, attributes: Attributes): readonly [number, number] {
  const rank = self.shape.length + 1;
  return [wrapDim(int(attributes, "dim1", -2), rank), wrapDim(int(attributes, "dim2", -1), rank)];
}

/** Copies that move elements and keep their number, or multiply it. */
export const copies = {
  cat: op({
    inputs: ["tensors*"],
    outputs: ["result"],
    infer: ({ tensors }, attributes) => {
      const list = (tensors as unknown as readonly TensorSpec[]).filter(
        ({ shape }) => !(shape.length === 1 && shape[0] === 0),
      );
      const first = list[0] as TensorSpec;
      const dim = wrapDim(int(attributes, "dim", 0), first.shape.length);
      const dtype = list.reduce((widest, spec) => promote(widest, spec.dtype), first.dtype);
      const total = list.reduce((sum, { shape }) => sum + (shape[dim] as number), 0);
      const shape = first.shape.map((size, i) => (i === dim ? total : size));
      const last = list.every(
        (spec) =>
          !isContiguous(spec) &&
          channelsLast(spec.shape, spec.dtype).strides.every(
            (s, i) => s === spec.strides[i] || spec.shape[i] === 1,
          ),
      );
      return last ? channelsLast(shape, dtype) : dense(shape, dtype);
    },
    backward: { tensors: [] },
  }),
  stack: op({
    inputs: ["tensors*"],
    outputs: ["result"],
    infer: ({ tensors }, attributes) => {
      const list = tensors as unknown as readonly TensorSpec[];
      const first = list[0] as TensorSpec;
      return dense(
        inserted(first.shape, wrapDim(int(attributes, "dim", 0), first.shape.length + 1), list.length),
        first.dtype,
      );
    },
    backward: { tensors: [] },
  }),
  /** A vector on a diagonal of zeros; a matrix's rows each on one of their own. */
  diagEmbed: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const size = (self.shape.at(-1) as number) + Math.abs(int(attributes, "offset", 0));
      const [a, b] = diagonalDims(self, attributes);
      const rest = [...self.shape.slice(0, -1)];
      const shape = Array.from({ length: self.shape.length + 1 }, (_, dim) =>
        dim === a || dim === b ? size : (rest.shift() as number),
      );
      return dense(shape, self.dtype);
    },
    backward: { self: [] },
  }),
  /** A quarter turn of two dims, `k` times. */
  rot90: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const [a, b] = ints(attributes, "dims", [0, 1]).map((dim) => wrapDim(dim, self.shape.length)) as [
        number,
        number,
      ];
      if (int(attributes, "k", 1) % 2 === 0) return inFormat(self, "preserve");
      const swap = (list: readonly number[]) =>
        list.map((item, dim) => (dim === a ? (list[b] as number) : dim === b ? (list[a] as number) : item));
      const flipped = inFormat(self, "preserve");
      return { shape: swap(flipped.shape), strides: swap(flipped.strides), dtype: self.dtype };
    },
    backward: { self: [] },
  }),
  roll: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: [] },
  }),
  flip: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => inFormat(self, "preserve"),
    backward: { self: [] },
  }),
  repeat: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const repeats = ints(attributes, "repeats", []);
      const offset = repeats.length - self.shape.length;
      return dense(
        repeats.map((times, dim) => times * (dim < offset ? 1 : (self.shape[dim - offset] as number))),
        self.dtype,
      );
    },
    backward: { self: [] },
  }),
  repeatInterleave: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const times = int(attributes, "repeats", 1);
      if (typeof attributes.dim !== "number") return dense([elements(self.shape) * times], self.dtype);
      const dim = wrapDim(attributes.dim, self.shape.length);
      return dense(
        self.shape.map((size, i) => (i === dim ? size * times : size)),
        self.dtype,
      );
    },
    backward: { self: [] },
  }),
  /** Pads the last dims by `pad` pairs, last dim first. */
  pad: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const pad = ints(attributes, "pad", []);
      const rank = self.shape.length;
      const shape = self.shape.map((size, dim) => {
        const pair = (rank - 1 - dim) * 2;
        return size + (pad[pair] ?? 0) + (pad[pair + 1] ?? 0);
      });
      return isContiguous(self)
        ? dense(shape, self.dtype)
        : rank >= 4
          ? channelsLast(shape, self.dtype)
          : dense(shape, self.dtype);
    },
    backward: { self: [] },
  }),
  pixelShuffle: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const factor = int(attributes, "upscale_factor", 1);
      const [c, h, w] = self.shape.slice(-3) as [number, number, number];
      return dense([...self.shape.slice(0, -3), c / factor ** 2, h * factor, w * factor], self.dtype);
    },
    backward: { self: [] },
  }),
  pixelUnshuffle: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const factor = int(attributes, "downscale_factor", 1);
      const [c, h, w] = self.shape.slice(-3) as [number, number, number];
      return dense([...self.shape.slice(0, -3), c * factor ** 2, h / factor, w / factor], self.dtype);
    },
    backward: { self: [] },
  }),
  channelShuffle: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: [] },
  }),
  tril: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => inFormat(self, "preserve"),
    backward: { self: [] },
  }),
  triu: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => inFormat(self, "preserve"),
    backward: { self: [] },
  }),
  copy: op({
    inputs: ["self", "src"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [], src: [] },
  }),
  /** Values without a history: zeros, ones, arange, empty, random numbers. */
  create: op({
    inputs: ["self?"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const like = self as TensorSpec | undefined;
      const dtype = dtypeOf(attributes, "dtype", like?.dtype ?? "float32");
      if (attributes.size !== undefined) return dense(ints(attributes, "size", []), dtype);
      return like ? { ...inFormat(like, "preserve"), dtype } : dense([], dtype);
    },
  }),
  arange: op({
    inputs: [],
    outputs: ["result"],
    infer: (_, attributes) => {
      const [start, end, step] = [
        int(attributes, "start", 0),
        int(attributes, "end", 0),
        int(attributes, "step", 1),
      ];
      const whole = [start, end, step].every(Number.isInteger);
      return dense(
        [Math.max(Math.ceil((end - start) / step), 0)],
        dtypeOf(attributes, "dtype", whole ? "int64" : "float32"),
      );
    },
  }),
  /** Overwrites every element of its input in place. */
  fill: op({
    inputs: ["self", "value?"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [] },
  }),
  im2col: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const [b, c, h, w] = self.shape as [number, number, number, number];
      const count = blocks(attributes, [h, w]);
      const kernel = ints(attributes, "kernel_size", [1, 1]);
      return dense([b, c * elements(kernel), elements(count)], self.dtype);
    },
    backward: { self: [] },
  }),
  col2im: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const kernel = ints(attributes, "kernel_size", [1, 1]);
      const size = ints(attributes, "output_size", [1, 1]);
      return dense(
        [self.shape[0] as number, (self.shape[1] as number) / elements(kernel), ...size],
        self.dtype,
      );
    },
    backward: { self: [] },
  }),
} satisfies OpTable;

/** Sliding blocks along each spatial dim. */
function blocks(attributes: Parameters<typeof ints>[0], size: readonly number[]): number[] {
  const at = (name: string, dim: number, otherwise: number) =>
    ints(attributes, name, [otherwise])[dim] ?? ints(attributes, name, [otherwise])[0] ?? otherwise;
  return size.map((s, dim) => {
    const reach = at("dilation", dim, 1) * (at("kernel_size", dim, 1) - 1) + 1;
    return Math.floor((s + 2 * at("padding", dim, 0) - reach) / at("stride", dim, 1)) + 1;
  });
}
