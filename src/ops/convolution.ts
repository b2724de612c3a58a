/** Convolutions. `N` batch, `C` channels, `O` filters, spatial dims last. One kernel computes all gradients. */
import { channelsLast, dense, suggestsChannelsLast, type TensorSpec } from "../ir/tensor.js";
import type { Attributes } from "../ir/graph.js";
import { flag, int, joint, type OpTable, op, perDim, ShapeError } from "./rule.js";

export const convolutions = {
  convolution: op({
    inputs: ["input", "weight", "bias?"],
    outputs: ["result"],
    infer: ({ input, weight }, attributes) => convolved(input, weight, attributes),
    backward: joint(["input", "weight", "bias"], ["input", "weight"]),
  }),
  /** torchvision's: every tap of the kernel looks at a place of its own, and may be weighed by a mask. */
  deformConv2d: op({
    inputs: ["input", "weight", "offset", "mask", "bias"],
    outputs: ["result"],
    infer: ({ input, weight, offset }) =>
      dense([input.shape[0] as number, weight.shape[0] as number, ...offset.shape.slice(2)], input.dtype),
    backward: joint(
      ["input", "weight", "offset", "mask", "bias"],
      ["input", "weight", "offset", "mask", "bias"],
    ),
  }),
} satisfies OpTable;

/** Padding of one spatial dim: what is added before and after. */
export function paddingOf(
  attributes: Attributes,
  dim: number,
  kernel: number,
  dilation: number,
): readonly [number, number] {
  if (attributes.padding === "valid") return [0, 0];
  if (attributes.padding === "same") {
    const total = dilation * (kernel - 1);
    return [Math.floor(total / 2), total - Math.floor(total / 2)];
  }
  const given = perDim(attributes, "padding", dim + 1, 0)[dim] ?? 0;
  return [given, given];
}

/** Whether `same` padding is uneven, which frameworks do by padding a copy of the input first. */
export function isUneven(attributes: Attributes, weight: TensorSpec): boolean {
  if (attributes.padding !== "same") return false;
  const rank = weight.shape.length - 2;
  const dilation = perDim(attributes, "dilation", rank, 1);
  return weight.shape.slice(2).some((kernel, dim) => ((dilation[dim] as number) * (kernel - 1)) % 2 === 1);
}

function convolved(input: TensorSpec, weight: TensorSpec, attributes: Attributes): TensorSpec {
  const rank = weight.shape.length - 2;
  if (input.shape.length !== rank + 2 && input.shape.length !== rank + 1) {
    throw new ShapeError(`an input of rank ${rank + 2}`, `[${input.shape}]`);
  }
  const batched = input.shape.length === rank + 2;
  const spatial = input.shape.slice(-rank);
  const channels = input.shape[batched ? 1 : 0] as number;
  const groups = int(attributes, "groups", 1);
  const transposed = flag(attributes, "transposed");
  const wanted = transposed ? (weight.shape[0] as number) : (weight.shape[1] as number) * groups;
  if (channels !== wanted)
    throw new ShapeError(`${wanted} input channels`, `${channels} in [${input.shape}]`);
  const stride = perDim(attributes, "stride", rank, 1);
  const dilation = perDim(attributes, "dilation", rank, 1);
  const extra = perDim(attributes, "output_padding", rank, 0);
  const paddings =
    Array.isArray(attributes.padding) && attributes.padding.length === rank
      ? (attributes.padding as readonly number[])
      : undefined;
  const out = spatial.map((size, dim) => {
    const kernel = weight.shape[dim + 2] as number;
    const [before, after] = paddings
      ? [paddings[dim] as number, paddings[dim] as number]
      : paddingOf(attributes, dim, kernel, dilation[dim] as number);
    const reach = (dilation[dim] as number) * (kernel - 1) + 1;
    if (transposed)
      return (size - 1) * (stride[dim] as number) - before - after + reach + (extra[dim] as number);
    return Math.floor((size + before + after - reach) / (stride[dim] as number)) + 1;
  });
  if (out.some((size) => size <= 0))
    throw new ShapeError("an input at least as large as the kernel", `[${input.shape}]`);
  const filters = transposed ? (weight.shape[1] as number) * groups : (weight.shape[0] as number);
  const shape = [...(batched ? [input.shape[0] as number] : []), filters, ...out];
  return formatOf(input, weight) === "channels_last"
    ? channelsLast(shape, input.dtype)
    : dense(shape, input.dtype);
}

/** The memory format cuDNN runs in: channels last as soon as one operand is. ATen/native/ConvUtils.h cudnn_conv_suggest_memory_format. */
export function formatOf(input: TensorSpec, weight: TensorSpec): "contiguous" | "channels_last" {
  return suggestsChannelsLast(input) || suggestsChannelsLast(weight) ? "channels_last" : "contiguous";
}
