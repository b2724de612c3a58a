/** Convolutions over channels-last data. keras/src/layers/convolutional/, Keras 3.15 */
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import { notComputed } from "../complaints.js";
import { activate } from "./activations.js";
import { addBias } from "./dense.js";
import type { LayerRow } from "./row.js";

const OPS = ["", "Conv2D", "Conv2D", "Conv3D"];

/** Size of a window's result along one dim. */
export function windowed(size: number, window: number, stride: number, same: boolean): number {
  return same ? Math.ceil(size / stride) : Math.floor((size - window) / stride) + 1;
}

export function channelsLast(call: LayerCall, rank: number): readonly number[] {
  const shape = call.shape();
  if (shape.length !== rank + 2) throw call.refuse(`[batch, ${"size, ".repeat(rank)}channels]`, `[${shape}]`);
  if (call.settings.values.data_format === "channels_first")
    throw notComputed(
      call.settings.at,
      "data_format channels_first",
      "TensorFlow's own layout is channels_last; convert the model, its sizes stay",
    );
  return shape;
}

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilation: readonly number[];
  readonly sizes: readonly number[];
}

function windowOf(call: LayerCall, rank: number, shape: readonly number[]): Window {
  const { settings } = call;
  const kernel = settings.dims("kernel_size", rank);
  const strides = settings.dims("strides", rank, 1);
  const dilation = settings.dims("dilation_rate", rank, 1);
  const padding = settings.text("padding", ["valid", "same", "causal"], "valid");
  const sizes = kernel.map((size, i) => {
    const span = (size - 1) * (dilation[i] as number) + 1;
    return windowed(shape[i + 1] as number, span, strides[i] as number, padding !== "valid");
  });
  return { kernel, strides, dilation, sizes };
}

/** One-dimensional convolutions run as two-dimensional ones over a height of one. */
function run(call: LayerCall, op: string, x: ValueId, kernel: ValueId, out: readonly number[]): ValueId {
  if (out.length !== 3) return call.op(op, [x, kernel], { shape: out });
  const flat = [out[0] as number, 1, out[1] as number, out[2] as number];
  const tall = call.op("ExpandDims", [x], { axis: 1 });
  const wide = call.op("ExpandDims", [kernel], { axis: 0 });
  return call.op("Squeeze", [call.op(op, [tall, wide], { shape: flat })], { axes: [1] });
}

/** Dilated windows are cut into a batch of plain ones around the kernel, except by kernels that know dilation. */
const convolution =
  (rank: number): LayerRow =>
  (call) => {
    const shape = channelsLast(call, rank);
    const { settings } = call;
    const filters = settings.count("filters");
    const groups = settings.count("groups", 1);
    const channels = shape.at(-1) as number;
    if (channels % groups !== 0) throw call.refuse(`channels divisible by ${groups} groups`, `${channels}`);
    const { kernel, sizes, dilation } = windowOf(call, rank, shape);
    let { input } = call;
    const weights = call.weight("kernel", [...kernel, channels / groups, filters]);
    if (settings.values.padding === "causal") {
      const left = (dilation[0] as number) * ((kernel[0] as number) - 1);
      input = call.op("Pad", [input], { before: [0, left, 0], after: [0, 0, 0] });
    }
    const out = [shape[0] as number, ...sizes, filters];
    // grouped convolutions are a function compiled on its own. nn.py conv
    const op = groups > 1 ? "GroupedConv2D" : (OPS[rank] as string);
    const result = run(call, op, input, weights, out);
    const biased = settings.flag("use_bias", true) ? addBias(call, result, filters, true) : result;
    return activate(call, biased);
  };

const depthwise =
  (rank: number): LayerRow =>
  (call) => {
    const shape = channelsLast(call, rank);
    const channels = (shape.at(-1) as number) * call.settings.count("depth_multiplier", 1);
    const { kernel, sizes } = windowOf(call, rank, shape);
    const weights = call.weight("kernel", [
      ...kernel,
      shape.at(-1) as number,
      channels / (shape.at(-1) as number),
    ]);
    const out = [shape[0] as number, ...sizes, channels];
    const result = run(call, "DepthwiseConv2dNative", call.input, weights, out);
    const biased = call.settings.flag("use_bias", true) ? addBias(call, result, channels, true) : result;
    return activate(call, biased);
  };

const separable =
  (rank: number): LayerRow =>
  (call) => {
    const shape = channelsLast(call, rank);
    const { settings } = call;
    const filters = settings.count("filters");
    const multiplier = settings.count("depth_multiplier", 1);
    const channels = shape.at(-1) as number;
    const { kernel, sizes } = windowOf(call, rank, shape);
    const deep = call.weight("depthwise_kernel", [...kernel, channels, multiplier]);
    const ones = new Array<number>(rank).fill(1);
    const point = call.weight("pointwise_kernel", [...ones, channels * multiplier, filters]);
    const middle = [shape[0] as number, ...sizes, channels * multiplier];
    const between = run(call, "DepthwiseConv2dNative", call.input, deep, middle);
    const result = run(call, "Conv2D", between, point, [shape[0] as number, ...sizes, filters]);
    const biased = settings.flag("use_bias", true) ? addBias(call, result, filters, true) : result;
    return activate(call, biased);
  };

/** The gradient of a convolution, run forwards. */
const transposed =
  (rank: number): LayerRow =>
  (call) => {
    const shape = channelsLast(call, rank);
    const { settings } = call;
    const filters = settings.count("filters");
    const kernel = settings.dims("kernel_size", rank);
    const strides = settings.dims("strides", rank, 1);
    const same = settings.text("padding", ["valid", "same"], "valid") === "same";
    const sizes = kernel.map((size, i) => {
      const [length, stride] = [shape[i + 1] as number, strides[i] as number];
      return same ? length * stride : length * stride + Math.max(size - stride, 0);
    });
    const weights = call.weight("kernel", [...kernel, filters, shape.at(-1) as number]);
    const out = [shape[0] as number, ...sizes, filters];
    const result = call.op("Conv2DBackpropInput", [weights, call.input], { shape: out });
    const biased = settings.flag("use_bias", true) ? addBias(call, result, filters, true) : result;
    return activate(call, biased);
  };

export const convolutionLayers: Readonly<Record<string, LayerRow>> = {
  Conv1D: convolution(1),
  Conv2D: convolution(2),
  Conv3D: convolution(3),
  Convolution2D: convolution(2),
  DepthwiseConv1D: depthwise(1),
  DepthwiseConv2D: depthwise(2),
  SeparableConv1D: separable(1),
  SeparableConv2D: separable(2),
  Conv2DTranspose: transposed(2),
};
