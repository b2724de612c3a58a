/** Pooling and resampling over the trailing spatial dims. */
import type { Attributes } from "../ir/graph.js";
import { channelsLast, dense, suggestsChannelsLast, type TensorSpec } from "../ir/tensor.js";
import { flag, int, ints, type OpRule, type OpTable, op, perDim, ShapeError } from "./rule.js";

/** A result of `sizes` in the input's memory format. */
function like(self: TensorSpec, sizes: readonly number[], dtype = self.dtype): TensorSpec {
  const shape = [...self.shape.slice(0, self.shape.length - sizes.length), ...sizes];
  return suggestsChannelsLast(self) ? channelsLast(shape, dtype) : dense(shape, dtype);
}

function pooled(self: TensorSpec, rank: number, attributes: Attributes): number[] {
  const kernel = perDim(attributes, "kernel_size", rank, 1);
  const given = ints(attributes, "stride", []);
  const stride = given.length === 0 ? kernel : perDim(attributes, "stride", rank, 1);
  const padding = perDim(attributes, "padding", rank, 0);
  const dilation = perDim(attributes, "dilation", rank, 1);
  const up = flag(attributes, "ceil_mode");
  return self.shape.slice(-rank).map((size, dim) => {
    const [k, s, p, d] = [
      kernel[dim] as number,
      stride[dim] as number,
      padding[dim] as number,
      dilation[dim] as number,
    ];
    const span = size + 2 * p - d * (k - 1) - 1;
    let out = (up ? Math.ceil(span / s) : Math.floor(span / s)) + 1;
    if (up && (out - 1) * s >= size + p) out -= 1; // the last window starts inside the input or its left padding
    if (out <= 0) throw new ShapeError("an input at least as large as the window", `[${self.shape}]`);
    return out;
  });
}

function adaptive(self: TensorSpec, rank: number, attributes: Attributes): number[] {
  const asked = attributes.output_size;
  const sizes = Array.isArray(asked) ? asked : new Array(rank).fill(asked);
  return self.shape.slice(-rank).map((size, dim) => {
    const out: unknown = sizes[dim];
    return typeof out === "number" && out >= 0 ? out : size;
  });
}

function resized(self: TensorSpec, rank: number, attributes: Attributes): number[] {
  const size = ints(attributes, "output_size", []);
  if (size.length === rank) return [...size];
  const scale = ints(attributes, "scale_factors", []);
  return self.shape.slice(-rank).map((s, dim) => Math.floor(s * (scale[dim] ?? scale[0] ?? 1)));
}

const maxPool = (rank: number): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result", "indices"],
    infer: ({ self }, attributes) => [
      like(self, pooled(self, rank, attributes)),
      like(self, pooled(self, rank, attributes), "int64"),
    ],
    backward: { self: ["self", "indices"] },
  });

const avgPool = (rank: number): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => like(self, pooled(self, rank, a)),
    backward: { self: ["self"] },
  });

const adaptiveAvg = (rank: number): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => like(self, adaptive(self, rank, a)),
    backward: { self: ["self"] },
  });

const adaptiveMax = (rank: number): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result", "indices"],
    infer: ({ self }, a) => [
      like(self, adaptive(self, rank, a)),
      like(self, adaptive(self, rank, a), "int64"),
    ],
    backward: { self: ["self", "indices"] },
  });

const upsample = (rank: number): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => like(self, resized(self, rank, a)),
    backward: { self: [] },
  });

const padded = (rank: number, saves: readonly "self"[]): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const pad = ints(attributes, "padding", []);
      const sizes = self.shape
        .slice(-rank)
        .map((size, dim) => size + (pad[(rank - 1 - dim) * 2] ?? 0) + (pad[(rank - 1 - dim) * 2 + 1] ?? 0));
      return like(self, sizes);
    },
    backward: { self: saves },
  });

/** Values put back where a pool took them from. */
const maxUnpool = (rank: number): OpRule =>
  op({
    inputs: ["self", "indices"],
    outputs: ["result"],
    infer: ({ self }, attributes) => {
      const sizes = perDim(attributes, "output_size", rank, 1);
      return dense([...self.shape.slice(0, -rank), ...sizes], self.dtype);
    },
    backward: { self: ["indices"] },
  });

export const poolings = {
  maxUnpool2d: maxUnpool(2),
  maxUnpool3d: maxUnpool(3),
  fractionalMaxPool2d: op({
    inputs: ["self", "random_samples"],
    outputs: ["result", "indices"],
    infer: ({ self }, attributes) => {
      const shape = [...self.shape.slice(0, -2), ...perDim(attributes, "output_size", 2, 1)];
      return [dense(shape, self.dtype), dense(shape, "int64")];
    },
    backward: { self: ["self", "indices"] },
  }),
  /** torchvision's: a map of one size for each box. [N, C, H, W], [R, 5] → [R, C, h, w] */
  roiAlign: op({
    inputs: ["input", "rois"],
    outputs: ["result"],
    infer: ({ input, rois }, a) =>
      dense(
        [
          rois.shape[0] as number,
          input.shape[1] as number,
          int(a, "pooled_height", 1),
          int(a, "pooled_width", 1),
        ],
        input.dtype,
      ),
    backward: { input: ["rois"] },
  }),
  /** Where a sampler looks for each place of the result, by an affine map: [N, H, W, 2] or [N, D, H, W, 3]. */
  affineGrid: op({
    inputs: ["theta"],
    outputs: ["result"],
    infer: ({ theta }, attributes) => {
      const size = ints(attributes, "size", []);
      if (size.length < 4) throw new ShapeError("a size of four or five dims", `[${size}]`);
      return dense([size[0] as number, ...size.slice(2), size.length - 2], theta.dtype);
    },
    backward: { theta: [] },
  }),
  maxPool1d: maxPool(1),
  maxPool2d: maxPool(2),
  maxPool3d: maxPool(3),
  avgPool1d: avgPool(1),
  avgPool2d: avgPool(2),
  avgPool3d: avgPool(3),
  adaptiveAvgPool1d: adaptiveAvg(1),
  adaptiveAvgPool2d: adaptiveAvg(2),
  adaptiveAvgPool3d: adaptiveAvg(3),
  adaptiveMaxPool1d: adaptiveMax(1),
  adaptiveMaxPool2d: adaptiveMax(2),
  adaptiveMaxPool3d: adaptiveMax(3),
  upsampleNearest1d: upsample(1),
  upsampleNearest2d: upsample(2),
  upsampleNearest3d: upsample(3),
  upsampleLinear1d: upsample(1),
  upsampleBilinear2d: upsample(2),
  upsampleBicubic2d: upsample(2),
  upsampleTrilinear3d: upsample(3),
  reflectionPad1d: padded(1, ["self"]),
  reflectionPad2d: padded(2, ["self"]),
  reflectionPad3d: padded(3, ["self"]),
  replicationPad1d: padded(1, ["self"]),
  replicationPad2d: padded(2, ["self"]),
  replicationPad3d: padded(3, ["self"]),
  gridSampler: op({
    inputs: ["input", "grid"],
    outputs: ["result"],
    infer: ({ input, grid }) =>
      dense([input.shape[0] as number, input.shape[1] as number, ...grid.shape.slice(1, -1)], input.dtype),
    backward: { input: ["input", "grid"], grid: ["input", "grid"] },
  }),
} satisfies OpTable;
