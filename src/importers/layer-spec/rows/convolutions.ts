/** Convolutions, weight as PyTorch has it: `[filters, channels / groups, kernel…]`; transposed `[channels, filters / groups, kernel…]`. */
import type { ValueId } from "../../../ir/graph.js";
import { border, count, flag, padding, window } from "../kinds.js";
import { type LayerCall, type LayerRow, type LayerTable, may, need, type OptionRow } from "../row.js";
import { activated, activation } from "./activations.js";
import { channelsOf, perDim, spatialRank } from "./dims.js";

const shared: Readonly<Record<string, OptionRow>> = {
  kernel: need(window, "size of the window: N or one for each spatial dim", "kernel_size"),
  stride: may(window, "step of the window (default 1)", "strides"),
  padding: may(padding, "valid (default, none), same, or N zeros on each side"),
  dilation: may(window, "distance of the window's points (default 1)", "dilation_rate"),
  bias: may(flag, "adds a bias (default true)", "use_bias"),
  activation: may(activation, "applied to the result, as in Keras"),
};
const filters = need(count, "channels of the result", "out_channels");
const groups = may(count, "groups of channels that do not mix (default 1)");
const multiplier = may(count, "filters for each channel (default 1)", "depth_multiplier");

interface ConvolveOptions {
  readonly input: ValueId;
  readonly rank: number;
  readonly filters: number;
  readonly groups: number;
  readonly bias: boolean;
  readonly transposed?: boolean;
}

/** Padding as the operator takes it; what a symmetric number cannot say is padded before. */
interface Padding {
  readonly attributes: {
    readonly padding: readonly number[] | string;
    readonly output_padding?: readonly number[];
  };
  /** Pairs of zeros, last dim first. */
  readonly before?: readonly number[];
}

function convolve(
  call: LayerCall,
  { input, rank, filters, groups, bias, transposed = false }: ConvolveOptions,
): ValueId {
  const channels = channelsOf(call, input, rank);
  if (channels % groups !== 0) call.refuse(`channels that ${groups} groups divide`, `${channels} channels`);
  if (filters % groups !== 0) call.refuse(`filters that ${groups} groups divide`, `${filters} filters`);
  const kernel = perDim(call, "kernel", rank, 1);
  const stride = perDim(call, "stride", rank, 1);
  const dilation = perDim(call, "dilation", rank, 1);
  const reach = kernel.map((size, dim) => (dilation[dim] as number) * (size - 1) + 1);
  const { attributes, before } = transposed
    ? transposedPadding(call, reach, stride)
    : plainPadding(call, input, reach, stride);
  const from = before ? call.op("pad", { self: input }, { pad: before, mode: "constant" }) : input;
  const ends = transposed ? [channels, filters / groups] : [filters, channels / groups];
  const weight = call.parameter("weight", [...ends, ...kernel]);
  const inputs = { input: from, weight, ...(bias && { bias: call.parameter("bias", [filters]) }) };
  return call.op("convolution", inputs, {
    stride,
    ...attributes,
    dilation,
    groups,
    ...(transposed && { transposed: true }),
  });
}

function plainPadding(
  call: LayerCall,
  input: ValueId,
  reach: readonly number[],
  stride: readonly number[],
): Padding {
  const given = call.options.text("padding", "");
  if (given !== "same")
    return {
      attributes: {
        padding: given === "valid" ? reach.map(() => 0) : perDim(call, "padding", reach.length, 0),
      },
    };
  if (reach.every((size) => size % 2 === 1))
    return { attributes: { padding: reach.map((size) => (size - 1) / 2) } };
  if (stride.every((step) => step === 1)) return { attributes: { padding: "same" } };
  // ceil(size / stride) results: Keras pads the missing rows, the odd one at the end; PyTorch code does it by hand
  const sizes = call.spec(input).shape.slice(2);
  const totals = sizes.map((size, dim) => {
    const step = stride[dim] as number;
    return Math.max((Math.ceil(size / step) - 1) * step + (reach[dim] as number) - size, 0);
  });
  const before = totals.reverse().flatMap((total) => [Math.floor(total / 2), Math.ceil(total / 2)]);
  return { attributes: { padding: reach.map(() => 0) }, before };
}

/** `same` gives size x stride, as in Keras. */
function transposedPadding(call: LayerCall, reach: readonly number[], stride: readonly number[]): Padding {
  const extra = perDim(call, "output_padding", reach.length, 0);
  const given = call.options.text("padding", "");
  if (given !== "same") {
    const sides = given === "valid" ? reach.map(() => 0) : perDim(call, "padding", reach.length, 0);
    return { attributes: { padding: sides, output_padding: extra } };
  }
  const surplus = reach.map((size, dim) => size - (stride[dim] as number));
  const sides = surplus.map((rows) => Math.max(Math.ceil(rows / 2), 0));
  return {
    attributes: {
      padding: sides,
      output_padding: sides.map((side, dim) => 2 * side - (surplus[dim] as number)),
    },
  };
}

const bias = (call: LayerCall) => call.options.flag("bias", true);

function plain(rank: number | undefined, ...words: readonly string[]): LayerRow {
  return {
    kind: `Conv${rank ?? "#"}d`,
    help: `${rank ?? "1, 2 or 3"}-dimensional convolution of [batch, channels, …]${rank ? "" : ", by the rank of the input"}`,
    words,
    options: { filters, ...shared, groups },
    build: (call) => {
      const [filters, groups] = [call.options.number("filters", 1), call.options.number("groups", 1)];
      return activated(
        call,
        convolve(call, {
          input: call.input,
          rank: rank ?? spatialRank(call),
          filters,
          groups,
          bias: bias(call),
        }),
      );
    },
  };
}

function transposed(rank: number | undefined, ...words: readonly string[]): LayerRow {
  return {
    kind: `ConvTranspose${rank ?? "#"}d`,
    help: "transposed convolution, which enlarges by its stride",
    words,
    options: {
      filters,
      ...shared,
      groups,
      output_padding: may(border, "rows added on one side (default 0)"),
    },
    build: (call) => {
      const [filters, groups] = [call.options.number("filters", 1), call.options.number("groups", 1)];
      const options = {
        input: call.input,
        rank: rank ?? spatialRank(call),
        filters,
        groups,
        bias: bias(call),
        transposed: true,
      };
      return activated(call, convolve(call, options));
    },
  };
}

export const convolutions = {
  conv: plain(undefined, "convolution"),
  conv1d: plain(1),
  conv2d: plain(2),
  conv3d: plain(3),
  convtranspose: transposed(undefined, "conv_transpose", "deconvolution"),
  conv_transpose1d: transposed(1, "conv1d_transpose", "convtranspose1d"),
  conv_transpose2d: transposed(2, "conv2d_transpose", "convtranspose2d"),
  conv_transpose3d: transposed(3, "conv3d_transpose", "convtranspose3d"),
  depthwise_conv: {
    kind: "Conv#d",
    help: "convolution of each channel by itself: as many groups as channels",
    words: ["depthwise", "depthwise_conv1d", "depthwise_conv2d"],
    options: { ...shared, multiplier },
    build: (call) => {
      const rank = spatialRank(call);
      const groups = channelsOf(call, call.input, rank);
      const filters = groups * call.options.number("multiplier", 1);
      return activated(call, convolve(call, { input: call.input, rank, filters, groups, bias: bias(call) }));
    },
  },
  separable_conv: {
    kind: "SeparableConv#d",
    help: "a depthwise convolution and a 1x1 convolution that mixes the channels",
    words: ["separable_conv1d", "separable_conv2d"],
    options: { filters, ...shared, multiplier },
    build: (call) => {
      const rank = spatialRank(call);
      const groups = channelsOf(call, call.input, rank);
      const kind = `Conv${rank}d`;
      const wide = call.module("depthwise", kind, [call.input], (inner) =>
        convolve(inner, {
          input: inner.input,
          rank,
          filters: groups * call.options.number("multiplier", 1),
          groups,
          bias: false,
        }),
      );
      const mixed = call.module("pointwise", kind, [wide], (inner) => {
        const filters = call.options.number("filters", 1);
        const weight = inner.parameter("weight", [
          filters,
          channelsOf(inner, inner.input, rank),
          ...new Array<number>(rank).fill(1),
        ]);
        const ones = new Array<number>(rank).fill(1);
        const inputs = {
          input: inner.input,
          weight,
          ...(bias(call) && { bias: inner.parameter("bias", [filters]) }),
        };
        return inner.op("convolution", inputs, {
          stride: ones,
          padding: ones.map(() => 0),
          dilation: ones,
          groups: 1,
        });
      });
      return activated(call, mixed);
    },
  },
} satisfies LayerTable;
