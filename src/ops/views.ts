/** Ops whose result shows the same storage. */
import { contiguousStrides, elements, type Shape, wrapDim } from "../base/shape.js";
import {
  channelsLast,
  dense,
  isContiguous,
  isNonOverlappingAndDense,
  type TensorSpec,
} from "../ir/tensor.js";
import { broadcastAll, int, ints, type OpTable, op, ShapeError, text } from "./rule.js";

/**
 * Strides that show `spec` as `shape` without a copy, or undefined when none exist.
 * aten/src/ATen/TensorUtils.cpp computeStride.
 */
export function viewStrides(spec: TensorSpec, shape: Shape): number[] | undefined {
  if (isContiguous(spec)) return contiguousStrides(shape);
  if (elements(spec.shape) === 0) return contiguousStrides(shape);
  const strides = new Array<number>(shape.length);
  let view = shape.length - 1;
  let base = spec.strides[spec.strides.length - 1] ?? 1;
  let inTensor = 1;
  let inView = 1;
  for (let dim = spec.shape.length - 1; dim >= 0; dim--) {
    inTensor *= spec.shape[dim] as number;
    const breaks = dim === 0 || (spec.shape[dim - 1] !== 1 && spec.strides[dim - 1] !== inTensor * base);
    if (!breaks) continue;
    while (view >= 0 && (inView < inTensor || shape[view] === 1)) {
      strides[view] = inView * base;
      inView *= shape[view] as number;
      view--;
    }
    if (inView !== inTensor) return undefined;
    if (dim > 0) {
      base = spec.strides[dim - 1] as number;
      inTensor = 1;
      inView = 1;
    }
  }
  return view === -1 ? strides : undefined;
}

/** `sizes` with its one -1 replaced by what the element count leaves. */
export function resolveSizes(spec: TensorSpec, sizes: Shape): number[] {
  const total = elements(spec.shape);
  const hole = sizes.indexOf(-1);
  const known = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const out = sizes.map((size) => (size === -1 ? (known === 0 ? 0 : total / known) : size));
  if (elements(out) !== total || (hole >= 0 && !Number.isInteger(out[hole]))) {
    throw new ShapeError(`${total} elements in the new shape`, `[${sizes}] of a tensor [${spec.shape}]`);
  }
  return out;
}

function shown(spec: TensorSpec, shape: Shape): TensorSpec {
  const strides = viewStrides(spec, shape);
  return strides ? { shape, strides, dtype: spec.dtype } : dense(shape, spec.dtype);
}

function flattened(spec: TensorSpec, start: number, end: number): number[] {
  const rank = spec.shape.length;
  if (rank === 0) return [1];
  const [from, to] = [wrapDim(start, rank), wrapDim(end, rank)];
  return [
    ...spec.shape.slice(0, from),
    elements(spec.shape.slice(from, to + 1)),
    ...spec.shape.slice(to + 1),
  ];
}

const viewable = (target: (spec: TensorSpec, attributes: Parameters<typeof ints>[0]) => Shape) =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => shown(self, target(self, attributes)),
    backward: { self: [] },
    aliases: "self",
    aliasesWhen: ({ self }, attributes) => viewStrides(self, target(self, attributes)) !== undefined,
  });

/** One view per piece; `sizes` along `dim`. */
const inPieces = op({
  inputs: ["self"],
  outputs: ["result"],
  infer: ({ self }, attributes) => {
    const dim = wrapDim(int(attributes, "dim", 0), self.shape.length);
    return pieces(self.shape[dim] as number, attributes).map((size) => ({
      shape: self.shape.map((s, i) => (i === dim ? size : s)),
      strides: self.strides,
      dtype: self.dtype,
    }));
  },
  backward: { self: [] },
  aliases: "self",
});

export const views = {
  view: viewable((self, a) => resolveSizes(self, ints(a, "size", []))),
  reshape: viewable((self, a) => resolveSizes(self, ints(a, "shape", ints(a, "size", [])))),
  flatten: viewable((self, a) => flattened(self, int(a, "start_dim", 0), int(a, "end_dim", -1))),
  unflatten: viewable((self, a) => {
    const dim = wrapDim(int(a, "dim", 0), self.shape.length);
    const sizes = ints(a, "sizes", []);
    const inner = resolveSizes(dense([self.shape[dim] as number], self.dtype), sizes);
    return [...self.shape.slice(0, dim), ...inner, ...self.shape.slice(dim + 1)];
  }),
  permute: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dims = ints(attributes, "dims", []).map((dim) => wrapDim(dim, self.shape.length));
      return {
        shape: dims.map((dim) => self.shape[dim] as number),
        strides: dims.map((dim) => self.strides[dim] as number),
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  transpose: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      if (self.shape.length < 2) return self;
      const [a, b] = [
        wrapDim(int(attributes, "dim0", 0), self.shape.length),
        wrapDim(int(attributes, "dim1", 1), self.shape.length),
      ];
      return { shape: swapped(self.shape, a, b), strides: swapped(self.strides, a, b), dtype: self.dtype };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  expand: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => expanded(self, ints(attributes, "size", [])),
    backward: { self: [] },
    aliases: "self",
  }),
  /** Each tensor at the shape all of them broadcast to. */
  broadcastTensors: op({
    inputs: ["tensors*"],
    outputs: ["result"],
    infer: ({ tensors }) => {
      const list = tensors as unknown as readonly TensorSpec[];
      const shape = broadcastAll(list);
      return list.map((spec) => expanded(spec, shape));
    },
    backward: { tensors: [] },
  }),
  /** One view per tensor over the grid of all. */
  meshgrid: op({
    inputs: ["tensors*"],
    outputs: ["result"],
    infer: ({ tensors }, attributes) => {
      const list = tensors as unknown as readonly TensorSpec[];
      const sizes = list.map(({ shape }) => shape[0] ?? 1);
      const swapped = attributes.indexing === "xy" && sizes.length > 1;
      const shape = swapped ? [sizes[1] as number, sizes[0] as number, ...sizes.slice(2)] : sizes;
      return list.map(({ strides, dtype }, i) => {
        const along = swapped && i < 2 ? 1 - i : i;
        return { shape, strides: shape.map((_, dim) => (dim === along ? (strides[0] ?? 1) : 0)), dtype };
      });
    },
    backward: { tensors: [] },
  }),
  slice: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dim = wrapDim(int(attributes, "dim", 0), self.shape.length);
      const size = self.shape[dim] as number;
      const step = int(attributes, "step", 1);
      const clip = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
      const start = clip(int(attributes, "start", 0));
      const end = Math.max(clip(int(attributes, "end", size)), start);
      const shape = self.shape.map((s, i) => (i === dim ? Math.ceil((end - start) / step) : s));
      return { shape, strides: self.strides.map((s, i) => (i === dim ? s * step : s)), dtype: self.dtype };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  narrow: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dim = wrapDim(int(attributes, "dim", 0), self.shape.length);
      return {
        shape: self.shape.map((s, i) => (i === dim ? int(attributes, "length", s) : s)),
        strides: self.strides,
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  movedim: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dims = movedDims(self.shape.length, attributes);
      return {
        shape: dims.map((dim) => self.shape[dim] as number),
        strides: dims.map((dim) => self.strides[dim] as number),
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  select: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => without(self, wrapDim(int(attributes, "dim", 0), self.shape.length)),
    backward: { self: [] },
    aliases: "self",
  }),
  squeeze: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const asked = ints(attributes, "dim", []).map((dim) => wrapDim(dim, self.shape.length));
      const all = attributes.dim === undefined || attributes.dim === null;
      const keep = self.shape.map((size, dim) => size !== 1 || !(all || asked.includes(dim)));
      return {
        shape: self.shape.filter((_, i) => keep[i]),
        strides: self.strides.filter((_, i) => keep[i]),
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  unsqueeze: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dim = wrapDim(int(attributes, "dim", 0), self.shape.length + 1);
      const stride =
        dim < self.shape.length ? (self.shape[dim] as number) * (self.strides[dim] as number) : 1;
      return {
        shape: inserted(self.shape, dim, 1),
        strides: inserted(self.strides, dim, stride),
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  split: inPieces,
  /** `split` by number of pieces, made of slices. */
  tensorSplit: inPieces,
  unbind: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dim = wrapDim(int(attributes, "dim", 0), self.shape.length);
      return Array.from({ length: self.shape[dim] as number }, () => without(self, dim));
    },
    backward: { self: [] },
    aliases: "self",
  }),
  diagonal: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const rank = self.shape.length;
      const [a, b] = [wrapDim(int(attributes, "dim1", 0), rank), wrapDim(int(attributes, "dim2", 1), rank)];
      const offset = int(attributes, "offset", 0);
      const rows = (self.shape[a] as number) - Math.max(-offset, 0);
      const columns = (self.shape[b] as number) - Math.max(offset, 0);
      const rest = self.shape.map((_, dim) => dim).filter((dim) => dim !== a && dim !== b);
      return {
        shape: [...rest.map((dim) => self.shape[dim] as number), Math.max(Math.min(rows, columns), 0)],
        strides: [
          ...rest.map((dim) => self.strides[dim] as number),
          (self.strides[a] as number) + (self.strides[b] as number),
        ],
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  /** `x.unfold(dim, size, step)`: overlapping windows. */
  windows: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const dim = wrapDim(int(attributes, "dimension", 0), self.shape.length);
      const [size, step] = [int(attributes, "size", 1), int(attributes, "step", 1)];
      const count = Math.floor(((self.shape[dim] as number) - size) / step) + 1;
      return {
        shape: [...self.shape.map((s, i) => (i === dim ? count : s)), size],
        strides: [...self.strides.map((s, i) => (i === dim ? s * step : s)), self.strides[dim] as number],
        dtype: self.dtype,
      };
    },
    backward: { self: [] },
    aliases: "self",
  }),
  alias: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [] },
    aliases: "self",
  }),
  /** What every rank of a group has; its gradient is the sum of theirs. */
  toAllRanks: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [] },
    aliases: "self",
  }),
  /** The sum over the ranks of a group; every rank gets its gradient. */
  allReduce: op({ inputs: ["self"], outputs: ["result"], infer: ({ self }) => self, backward: { self: [] } }),
  /** A module's argument, passed through a node whose gradient tells that the module's backward is over. */
  moduleEntry: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [] },
    aliases: "self",
  }),
  /** `tensor.requires_grad_()`: the same tensor, with a gradient of its own. */
  requireGrad: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => self,
    backward: { self: [] },
    aliases: "self",
  }),
  /** Cuts the history: same storage, no gradient. */
  detach: op({ inputs: ["self"], outputs: ["result"], infer: ({ self }) => self, aliases: "self" }),
  contiguous: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => inFormat(self, text(attributes, "memory_format", "contiguous")),
    backward: { self: [] },
    aliases: "self",
    aliasesWhen: ({ self }, attributes) =>
      sameStrides(inFormat(self, text(attributes, "memory_format", "contiguous")), self),
  }),
  clone: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => inFormat(self, text(attributes, "memory_format", "preserve")),
    backward: { self: [] },
  }),
} satisfies OpTable;

/** `spec` as `torch.empty_like(memory_format=…)` would lay it out. */
export function inFormat(spec: TensorSpec, format: string): TensorSpec {
  if (format === "channels_last") return channelsLast(spec.shape, spec.dtype);
  if (format !== "preserve") return isContiguous(spec) ? spec : dense(spec.shape, spec.dtype);
  if (isNonOverlappingAndDense(spec)) return spec;
  return dense(spec.shape, spec.dtype);
}

export function sameStrides(a: TensorSpec, b: TensorSpec): boolean {
  return a.strides.every((stride, dim) => stride === b.strides[dim] || a.shape[dim] === 1);
}

/** The permutation that `movedim` makes. */
export function movedDims(rank: number, attributes: Parameters<typeof ints>[0]): number[] {
  const from = ints(attributes, "source", []).map((dim) => wrapDim(dim, rank));
  const to = ints(attributes, "destination", []).map((dim) => wrapDim(dim, rank));
  const out = new Array<number>(rank).fill(-1);
  to.forEach((dim, i) => {
    out[dim] = from[i] as number;
  });
  const rest = Array.from({ length: rank }, (_, dim) => dim).filter((dim) => !from.includes(dim));
  return out.map((dim) => (dim < 0 ? (rest.shift() as number) : dim));
}

/** Sizes of the pieces `split`, `split_with_sizes` and `chunk` make of `size`. */
export function pieces(size: number, attributes: Parameters<typeof ints>[0]): readonly number[] {
  const sizes = attributes.split_sizes;
  if (Array.isArray(sizes)) return sizes as readonly number[];
  const sections = attributes.sections;
  if (typeof sections === "number")
    return Array.from(
      { length: sections },
      (_, i) => Math.floor(size / sections) + (i < size % sections ? 1 : 0),
    );
  const chunks = attributes.chunks;
  const each =
    typeof chunks === "number" ? Math.max(Math.ceil(size / chunks), 1) : int(attributes, "split_size", size);
  const out: number[] = [];
  for (let start = 0; start < size; start += each) out.push(Math.min(each, size - start));
  return out.length > 0 ? out : [0];
}

export function expanded(self: TensorSpec, sizes: Shape): TensorSpec {
  const offset = sizes.length - self.shape.length;
  const shape = sizes.map((size, dim) => (size === -1 ? (self.shape[dim - offset] as number) : size));
  const strides = shape.map((size, dim) => {
    if (dim < offset) return 0;
    const own = self.shape[dim - offset] as number;
    if (own !== size && own !== 1)
      throw new ShapeError(`a tensor that expands to [${shape}]`, `[${self.shape}]`);
    return own === 1 && size !== 1 ? 0 : (self.strides[dim - offset] as number);
  });
  return { shape, strides, dtype: self.dtype };
}

function without(self: TensorSpec, dim: number): TensorSpec {
  return {
    shape: self.shape.filter((_, i) => i !== dim),
    strides: self.strides.filter((_, i) => i !== dim),
    dtype: self.dtype,
  };
}

function swapped(list: readonly number[], a: number, b: number): number[] {
  const out = [...list];
  [out[a], out[b]] = [list[b] as number, list[a] as number];
  return out;
}

/** `list` with `item` before place `at`. */
export function inserted(list: readonly number[], at: number, item: number): number[] {
  return [...list.slice(0, at), item, ...list.slice(at)];
}
