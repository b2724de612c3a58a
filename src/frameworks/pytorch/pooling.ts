/** Pooling, resampling and padding of eager PyTorch on CUDA: the gradient is one kernel into a fresh tensor. */
import {
  channelsLast,
  dense,
  isChannelsLast,
  isContiguous,
  suggestsChannelsLast,
  type TensorSpec,
} from "../../ir/tensor.js";
import {
  fresh,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  inOwnFormat,
  type KernelRule,
  type Lowering,
  transposed,
} from "./kernel.js";

/** The gradient of the input, in the input's layout. */
const intoInput: KernelRule = {
  backward: gradients({
    self: (kernel, call) => {
      const input = call.inputs[0] as TensorSpec;
      const last = suggestsChannelsLast(input);
      const out = last ? kernel.empty(input) : fresh(kernel, input.shape, input.dtype);
      const { spec } = gradOf(call);
      if (last ? !isChannelsLast(spec) : !isContiguous(spec))
        kernel.free(
          kernel.empty(last ? channelsLast(spec.shape, spec.dtype) : dense(spec.shape, spec.dtype)),
        );
      return out;
    },
  }),
};

/** As `intoInput`; a strided input is copied for the time of the forward kernel. UpSample*.cu */
const resampled: KernelRule = {
  ...intoInput,
  forward: (kernel, { inputs, outputs }) => {
    const out = outputs.map((spec) => kernel.empty(spec));
    inOwnFormat(kernel, inputs.self as Held);
    return out;
  },
};

export const poolingKernels = {
  maxPool2d: intoInput,
  maxPool3d: intoInput,
  avgPool2d: intoInput,
  avgPool3d: intoInput,
  adaptiveAvgPool2d: intoInput,
  adaptiveAvgPool3d: intoInput,
  adaptiveMaxPool2d: intoInput,
  adaptiveMaxPool3d: intoInput,
  upsampleNearest1d: resampled,
  upsampleNearest2d: resampled,
  upsampleNearest3d: resampled,
  upsampleLinear1d: resampled,
  upsampleBilinear2d: resampled,
  upsampleBicubic2d: resampled,
  upsampleTrilinear3d: resampled,
  reflectionPad1d: intoInput,
  reflectionPad2d: intoInput,
  reflectionPad3d: intoInput,
  replicationPad1d: intoInput,
  replicationPad2d: intoInput,
  replicationPad3d: intoInput,
  maxUnpool2d: intoInput,
  maxUnpool3d: intoInput,
  fractionalMaxPool2d: intoInput,
  /** The grid of the identity is made again in backward. AffineGridGenerator.cpp */
  affineGrid: {
    forward: (kernel, { outputs }) => {
      const out = outputs[0] as TensorSpec;
      const base = baseGrid(kernel, out);
      const result = kernel.empty(out);
      kernel.free(base);
      return [result];
    },
    backward: gradients({
      theta: (kernel, call) => {
        const { shape, dtype } = call.inputs[0] as TensorSpec;
        const base = baseGrid(kernel, gradOf(call).spec);
        const [N, rows, columns] = shape as [number, number, number];
        const product = fresh(kernel, [N, columns, rows], dtype);
        kernel.free(base);
        return transposed(product, 1, 2);
      },
    }),
  },
  gridSampler: {
    backward: (kernel, call) => {
      const { input, grid } = call.saved as { input: Held; grid: Held };
      return [call.needs[0] ? kernel.empty(input.spec) : null, kernel.empty(grid.spec)].map((tensor, i) =>
        call.needs[i] ? tensor : null,
      );
    },
  },
} satisfies Record<string, KernelRule>;

/** Homogeneous coordinates of every place; each axis is a line that is scaled twice. */
function baseGrid(kernel: Kernel, { shape, dtype }: TensorSpec): Held {
  const sizes = shape.slice(1, -1);
  const base = fresh(kernel, [shape[0] as number, ...sizes, sizes.length + 1], dtype);
  for (const size of [...sizes].reverse()) {
    const lines = [0, 1, 2].map(() => fresh(kernel, [size], dtype));
    for (const line of lines) kernel.free(line);
  }
  return base;
}

/** Pooling to one value is a mean. Pooling.cpp, AdaptiveAveragePooling.cpp. */
export const lowerAdaptiveAvg =
  (rank: number): Lowering =>
  (trace, inputs, attributes, outputs) => {
    const self = given(inputs, "self");
    const out = (outputs[0] as TensorSpec).shape.slice(-rank);
    if (out.every((size) => size === 1)) {
      const mean = trace.call(
        "mean",
        { self },
        { dim: Array.from({ length: rank }, (_, i) => -1 - i), keepdim: true },
      );
      const last = rank > 1 && suggestsChannelsLast(self.spec);
      if (!last) return mean;
      return trace.call(
        "asStrided",
        { self: mean },
        { stride: channelsLast(mean.spec.shape, mean.spec.dtype).strides },
      ); // the result gets channels-last strides in place
    }
    if (rank > 1) return trace.call(`adaptiveAvgPool${rank}d`, inputs, attributes);
    const wide = trace.call("unsqueeze", { self }, { dim: -2 });
    const pooled = trace.call("adaptiveAvgPool2d", { self: wide }, { output_size: [1, ...out] });
    return trace.call("squeeze", { self: pooled }, { dim: -2 });
  };

/** A 1-d pool is a 2-d pool over one row. */
export const lowerPool1d =
  (name: string): Lowering =>
  (trace, inputs, attributes) => {
    const wide = trace.call("unsqueeze", { self: given(inputs, "self") }, { dim: -2 });
    const row = (key: string, one: number) => {
      const value = attributes[key];
      const list = Array.isArray(value)
        ? (value as readonly number[])
        : typeof value === "number"
          ? [value]
          : [];
      return list.length > 0 ? { [key]: [one, ...list] } : {};
    };
    const settings = {
      ...attributes,
      ...row("kernel_size", 1),
      ...row("stride", 1),
      ...row("padding", 0),
      ...row("dilation", 1),
      ...row("output_size", 1),
    };
    return trace
      .calls(name, { self: wide }, settings)
      .map((tensor) => trace.call("squeeze", { self: tensor }, { dim: -2 }));
  };
