/** Convolutions, pooling and resizing over channels-last data. */
import type { Lowering, NodeCall } from "./node-call.js";

/** Size of a window's result along one dim. tensorflow/core/framework/kernel_shape_util.cc */
function windowed(
  size: number,
  window: number,
  stride: number,
  padding: string,
  pads: readonly number[],
): number {
  if (padding === "SAME") return Math.ceil(size / stride);
  const [before = 0, after = 0] = pads;
  return Math.floor((size + before + after - window) / stride) + 1;
}

/** Sizes of a result along the spatial dims. */
function sizesOf(call: NodeCall, shape: readonly number[], window: readonly number[]): number[] {
  const rank = shape.length - 2;
  const strides = listOf(call, "strides", rank + 2, 1);
  const dilation = listOf(call, "dilations", rank + 2, 1);
  const padding = call.text("padding", "VALID");
  const pads = call.ints("explicit_paddings") ?? [];
  return window.map((size, i) => {
    const span = (size - 1) * (dilation[i + 1] as number) + 1;
    return windowed(
      shape[i + 1] as number,
      span,
      strides[i + 1] as number,
      padding,
      pads.slice(2 * i + 2, 2 * i + 4),
    );
  });
}

function listOf(call: NodeCall, name: string, length: number, otherwise: number): readonly number[] {
  const list = call.ints(name);
  if (!list?.length) return new Array<number>(length).fill(otherwise);
  if (list.length !== length || list.some((value) => !Number.isSafeInteger(value) || value < 1))
    throw call.wrong(name, `${length} whole numbers above zero`, list.slice(0, 8));
  return list;
}

function ranked(call: NodeCall, index: number, rank: number): readonly number[] {
  const shape = call.shape(index);
  if (shape.length !== rank) throw call.refuse(`${rank} dims`, `[${shape}]`);
  return shape;
}

const convolution =
  (op: string, rank: number): Lowering =>
  (call) => {
    call.channelsLast();
    const x = ranked(call, 0, rank + 2);
    const kernel = ranked(call, 1, rank + 2);
    const [deep, filters] = kernel.slice(-2) as [number, number];
    const channels = x.at(-1) as number;
    const isDepthwise = op === "DepthwiseConv2dNative";
    if (isDepthwise ? deep !== channels : channels % deep !== 0)
      throw call.refuse(`${channels} channels in the kernel`, `${deep}`);
    const sizes = sizesOf(call, x, kernel.slice(0, rank));
    const shape = [x[0] as number, ...sizes, isDepthwise ? channels * filters : filters];
    return call.one(op, [call.value(0), call.value(1)], { shape });
  };

/** A transposed convolution: sizes, the kernel, and what is spread. */
const transposed: Lowering = (call) => {
  call.channelsLast();
  const kernel = ranked(call, 1, 4);
  const image = ranked(call, 2, 4);
  const known = call.data(0);
  const strides = listOf(call, "strides", 4, 1);
  const shape = known?.length === 4 ? [image[0] as number, ...known.slice(1)] : null;
  const grown = kernel.slice(0, 2).map((size, i) => {
    const [length, stride] = [image[i + 1] as number, strides[i + 1] as number];
    return call.text("padding", "VALID") === "SAME"
      ? length * stride
      : length * stride + Math.max(size - stride, 0);
  });
  const result = shape ?? [image[0] as number, ...grown, kernel[2] as number];
  return call.one("Conv2DBackpropInput", [call.value(1), call.value(2)], { shape: result });
};

const pooling =
  (op: string, rank: number): Lowering =>
  (call) => {
    call.channelsLast();
    const x = ranked(call, 0, rank + 2);
    const window = listOf(call, "ksize", rank + 2, 1);
    const sizes = sizesOf(call, x, window.slice(1, -1));
    return call.one(op, [call.value(0)], { shape: [x[0] as number, ...sizes, x.at(-1) as number] });
  };

const resizing =
  (op: string): Lowering =>
  (call) => {
    const x = ranked(call, 0, 4);
    const [height = 1, width = 1] = call.sizes(1, "the size of a resized image");
    return call.one(op, [call.value(0)], { shape: [x[0] as number, height, width, x[3] as number] });
  };

export const convolutionOps: Readonly<Record<string, Lowering>> = {
  Conv2D: convolution("Conv2D", 2),
  Conv3D: convolution("Conv3D", 3),
  DepthwiseConv2dNative: convolution("DepthwiseConv2dNative", 2),
  Conv2DBackpropInput: transposed,
  MaxPool: pooling("MaxPool", 2),
  MaxPool3D: pooling("MaxPool3D", 3),
  AvgPool: pooling("AvgPool", 2),
  AvgPool3D: pooling("AvgPool3D", 3),
  ResizeBilinear: resizing("ResizeBilinear"),
  ResizeNearestNeighbor: resizing("ResizeNearestNeighbor"),
};
