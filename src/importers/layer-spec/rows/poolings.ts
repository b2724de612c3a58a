/** Pooling and resampling over the spatial dims. */
import { border, choice, count, flag, padding, sizes, window } from "../kinds.js";
import { type LayerCall, type LayerRow, type LayerTable, may, need } from "../row.js";
import { channelsOf, perDim, spatialRank } from "./dims.js";

/** Padding numbers, and whether the last window may reach beyond the end. */
function poolPadding(
  call: LayerCall,
  kernel: readonly number[],
  stride: readonly number[],
): { padding: readonly number[]; ceil: boolean } {
  const ceil = call.options.flag("ceil_mode", false);
  const given = call.options.text("padding", "");
  if (given !== "same") {
    const sides = given === "valid" ? kernel.map(() => 0) : perDim(call, "padding", kernel.length, 0);
    // torch: "pad should be at most half of effective kernel size"
    if (sides.some((side, dim) => side * 2 > (kernel[dim] as number)))
      call.refuse("padding of at most half the window", `[${sides}]`);
    return { padding: sides, ceil };
  }
  // ceil(size / stride) results, as in Keras: symmetric for odd windows, cut at the end for windows of one stride
  if (kernel.every((size) => size % 2 === 1)) return { padding: kernel.map((size) => (size - 1) / 2), ceil };
  if (!kernel.every((size, dim) => size === stride[dim]))
    call.refuse("an odd window, or one as long as its stride, with padding same", `[${kernel}]`);
  return { padding: kernel.map(() => 0), ceil: true };
}

function pool(kind: "Max" | "Avg", rank: number | undefined, ...words: readonly string[]): LayerRow {
  const lower = kind.toLowerCase();
  return {
    kind: `${kind}Pool${rank ?? "#"}d`,
    help: `${kind === "Max" ? "largest" : "mean"} of each window${kind === "Max" ? "; keeps the indices for backward" : ""}`,
    words,
    main: "kernel",
    options: {
      kernel: need(window, "size of the window", "kernel_size", "pool_size"),
      stride: may(window, "step of the window (default the window)", "strides"),
      padding: may(padding, "valid (default, none), same, or N on each side"),
      ceil_mode: may(flag, "lets the last window reach beyond the end (default false)"),
      ...(kind === "Max" && { dilation: may(window, "distance of the window's points (default 1)") }),
    },
    build: (call) => {
      const dims = rank ?? spatialRank(call);
      channelsOf(call, call.input, dims);
      const kernel_size = perDim(call, "kernel", dims, 1);
      const stride = call.options.has("stride") ? perDim(call, "stride", dims, 1) : kernel_size;
      const { padding, ceil } = poolPadding(call, kernel_size, stride);
      const dilation = kind === "Max" ? { dilation: perDim(call, "dilation", dims, 1) } : {};
      return call.op(
        `${lower}Pool${dims}d`,
        { self: call.input },
        { kernel_size, stride, padding, ...dilation, ceil_mode: ceil },
      );
    },
  };
}

function adaptive(kind: "Max" | "Avg", ...words: readonly string[]): LayerRow {
  return {
    kind: `Adaptive${kind}Pool#d`,
    help: "pools to a given size, whatever the input's",
    words,
    main: "size",
    options: { size: need(window, "size of the result", "output_size") },
    build: (call) => {
      const rank = spatialRank(call);
      return call.op(
        `adaptive${kind}Pool${rank}d`,
        { self: call.input },
        { output_size: perDim(call, "size", rank, 1) },
      );
    },
  };
}

/** [B, C, …] → [B, C]. */
function global(kind: "Max" | "Avg", ...words: readonly string[]): LayerRow {
  return {
    kind: `Global${kind}Pool#d`,
    help: "pools all spatial dims away: [batch, channels]",
    words,
    options: { keepdim: may(flag, "keeps spatial dims of size 1 (default false)", "keepdims") },
    build: (call) => {
      const rank = spatialRank(call);
      const pooled = call.op(
        `adaptive${kind}Pool${rank}d`,
        { self: call.input },
        { output_size: new Array<number>(rank).fill(1) },
      );
      return call.options.flag("keepdim", false)
        ? pooled
        : call.op("flatten", { self: pooled }, { start_dim: 1, end_dim: -1 });
    },
  };
}

/** Interpolation modes of torch.nn.Upsample, by spatial rank. */
const UPSAMPLING: Readonly<Record<string, readonly (string | undefined)[]>> = {
  nearest: [undefined, "upsampleNearest1d", "upsampleNearest2d", "upsampleNearest3d"],
  linear: [undefined, "upsampleLinear1d"],
  bilinear: [undefined, undefined, "upsampleBilinear2d"],
  bicubic: [undefined, undefined, "upsampleBicubic2d"],
  trilinear: [undefined, undefined, undefined, "upsampleTrilinear3d"],
};

const PADDING_MODES = { constant: "pad", reflect: "reflectionPad", replicate: "replicationPad" } as const;

/** Pairs, last dim first, as torch.nn.functional.pad takes them: one number, one a dim, or all pairs. */
function padPairs(call: LayerCall, rank: number): readonly number[] {
  const given = call.options.numbers("sides") ?? [0];
  if (given.length === 2 * rank) return given;
  return [...perDim(call, "sides", rank, 0)].reverse().flatMap((side) => [side, side]);
}

export const poolings = {
  maxpool: pool("Max", undefined, "max_pool", "maxpooling", "max_pooling"),
  max_pool1d: pool("Max", 1, "maxpool1d", "max_pooling1d"),
  max_pool2d: pool("Max", 2, "maxpool2d", "max_pooling2d"),
  max_pool3d: pool("Max", 3, "maxpool3d", "max_pooling3d"),
  avgpool: pool("Avg", undefined, "avg_pool", "average_pooling"),
  avg_pool1d: pool("Avg", 1, "avgpool1d", "average_pooling1d"),
  avg_pool2d: pool("Avg", 2, "avgpool2d", "average_pooling2d"),
  avg_pool3d: pool("Avg", 3, "avgpool3d", "average_pooling3d"),
  adaptive_avg_pool: adaptive(
    "Avg",
    "adaptive_avgpool",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
  ),
  adaptive_max_pool: adaptive(
    "Max",
    "adaptive_maxpool",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
  ),
  global_avg_pool: global(
    "Avg",
    "global_avgpool",
    "global_average_pooling",
    "global_average_pooling1d",
    "global_average_pooling2d",
  ),
  global_max_pool: global(
    "Max",
    "global_maxpool",
    "global_max_pooling",
    "global_max_pooling1d",
    "global_max_pooling2d",
  ),
  upsample: {
    kind: "Upsample",
    help: "enlarges the spatial dims by a whole factor, or to a size",
    words: ["upsampling", "upsampling1d", "upsampling2d", "upsampling3d", "interpolate"],
    main: "scale",
    options: {
      scale: may(count, "factor (default 2)", "scale_factor", "factor"),
      size: may(sizes, "size of the result instead"),
      mode: may(
        choice(...Object.keys(UPSAMPLING)),
        "nearest (default), linear, bilinear, bicubic or trilinear",
        "interpolation",
      ),
    },
    build: (call) => {
      const rank = spatialRank(call);
      const mode = call.options.text("mode", "nearest");
      const op = UPSAMPLING[mode]?.[rank] ?? call.refuse(`a mode for ${rank} spatial dims`, mode);
      if (call.options.has("size"))
        return call.op(op, { self: call.input }, { output_size: perDim(call, "size", rank, 1) });
      return call.op(
        op,
        { self: call.input },
        { scale_factors: new Array<number>(rank).fill(call.options.number("scale", 2)) },
      );
    },
  },
  pad: {
    kind: "Pad#d",
    help: "adds rows around the spatial dims",
    words: ["zero_pad", "zero_padding2d", "zeropad2d"],
    main: "sides",
    options: {
      sides: need(
        { ...border, expected: "N, one for each spatial dim, or all pairs with the last dim first" },
        "rows added",
        "padding",
        "pad",
      ),
      mode: may(choice(...Object.keys(PADDING_MODES)), "constant (default, zeros), reflect or replicate"),
    },
    build: (call) => {
      const rank = spatialRank(call);
      const mode = call.options.text("mode", "constant") as keyof typeof PADDING_MODES; // as: the option is a choice of these
      const pairs = padPairs(call, rank);
      if (mode === "constant") return call.op("pad", { self: call.input }, { pad: pairs, mode });
      return call.op(`${PADDING_MODES[mode]}${rank}d`, { self: call.input }, { padding: pairs });
    },
  },
  pixel_shuffle: {
    kind: "PixelShuffle",
    help: "turns channels into a finer grid: [C x factor², H, W] → [C, H x factor, W x factor]",
    words: ["pixelshuffle", "depth_to_space"],
    main: "factor",
    options: { factor: need(count, "factor", "upscale_factor") },
    build: (call) => {
      const channels = channelsOf(call, call.input, 2);
      const factor = call.options.number("factor", 1);
      if (channels % factor ** 2 !== 0)
        call.refuse(`channels that ${factor ** 2} divides`, `${channels} channels`);
      return call.op("pixelShuffle", { self: call.input }, { upscale_factor: factor });
    },
  },
  pixel_unshuffle: {
    kind: "PixelUnshuffle",
    help: "turns a finer grid into channels: [C, H x factor, W x factor] → [C x factor², H, W]",
    words: ["pixelunshuffle", "space_to_depth"],
    main: "factor",
    options: { factor: need(count, "factor", "downscale_factor") },
    build: (call) => {
      channelsOf(call, call.input, 2);
      const factor = call.options.number("factor", 1);
      const { shape } = call.spec(call.input);
      if (shape.slice(2).some((size) => size % factor !== 0))
        call.refuse(`height and width that ${factor} divides`, `[${shape}]`);
      return call.op("pixelUnshuffle", { self: call.input }, { downscale_factor: factor });
    },
  },
} satisfies LayerTable;
