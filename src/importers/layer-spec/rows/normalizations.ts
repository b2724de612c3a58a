/** Normalizations. Affine parameters are one per channel, or of the normalized shape. */
import type { ValueId } from "../../../ir/graph.js";
import { count, flag, fraction, number, sizes } from "../kinds.js";
import { type LayerCall, type LayerTable, may } from "../row.js";

const affine = may(flag, "learned scale and shift (default true)", "elementwise_affine");
const eps = may(number, "added to the variance; changes no memory", "epsilon");
const momentum = may(fraction, "of the running statistics; changes no memory");

function channels(call: LayerCall): number {
  const { shape } = call.spec(call.input);
  if (shape.length < 2) call.refuse("[batch, channels, …]", `[${shape}]`);
  return shape[1] as number;
}

function scaleAndShift(
  call: LayerCall,
  shape: readonly number[],
  otherwise: boolean,
): Record<string, ValueId> {
  if (!call.options.flag("affine", otherwise)) return {};
  const weight = call.parameter("weight", shape);
  return { weight, ...(call.options.flag("bias", true) && { bias: call.parameter("bias", shape) }) };
}

/** The last dims, which must be as stated; by default the last one. */
function normalizedShape(call: LayerCall): readonly number[] {
  const { shape } = call.spec(call.input);
  const stated = call.options.numbers("shape") ?? shape.slice(-1);
  const own = shape.slice(1).slice(-stated.length);
  if (stated.length > own.length || stated.some((size, dim) => size !== own[dim]))
    call.refuse(`last dims of [${stated}]`, `[${shape}]`);
  return stated;
}

const shape = may(sizes, "the last dims, normalized together (default the last)", "normalized_shape");

export const normalizations = {
  batchnorm: {
    kind: "BatchNorm#d",
    help: "torch.nn.BatchNorm: statistics over the batch, running ones kept as buffers",
    words: ["batch_norm", "batch_normalization", "batchnorm1d", "batchnorm2d", "batchnorm3d"],
    options: {
      affine,
      momentum,
      eps,
      track: may(flag, "keeps running statistics (default true)", "track_running_stats"),
    },
    build: (call) => {
      const C = channels(call);
      const inputs = { input: call.input, ...scaleAndShift(call, [C], true) };
      const attributes = {
        training: true,
        momentum: call.options.number("momentum", 0.1),
        eps: call.options.number("eps", 1e-5),
      };
      if (!call.options.flag("track", true)) return call.op("batchNorm", inputs, attributes);
      const running = {
        running_mean: call.buffer("running_mean", [C]),
        running_var: call.buffer("running_var", [C]),
      };
      call.op("add", { self: call.buffer("num_batches_tracked", [], "int64") }, { other: 1, inPlace: true });
      return call.op("batchNorm", { ...inputs, ...running }, attributes);
    },
  },
  layernorm: {
    kind: "LayerNorm",
    help: "torch.nn.LayerNorm: statistics over the last dims of each sample",
    words: ["layer_norm", "layer_normalization"],
    options: { shape, affine, bias: may(flag, "learned shift (default true)"), eps },
    build: (call) => {
      const normalized_shape = normalizedShape(call);
      const inputs = { input: call.input, ...scaleAndShift(call, normalized_shape, true) };
      return call.op("layerNorm", inputs, { normalized_shape, eps: call.options.number("eps", 1e-5) });
    },
  },
  groupnorm: {
    kind: "GroupNorm",
    help: "torch.nn.GroupNorm: statistics over groups of channels of each sample",
    words: ["group_norm", "group_normalization"],
    main: "groups",
    options: { groups: may(count, "groups of channels (default 32)", "num_groups"), affine, eps },
    build: (call) => {
      const C = channels(call);
      const groups = call.options.number("groups", 32);
      if (C % groups !== 0) call.refuse(`channels that ${groups} groups divide`, `${C} channels`);
      const inputs = { input: call.input, ...scaleAndShift(call, [C], true) };
      return call.op("groupNorm", inputs, { num_groups: groups, eps: call.options.number("eps", 1e-5) });
    },
  },
  instancenorm: {
    kind: "InstanceNorm#d",
    help: "torch.nn.InstanceNorm: statistics over each channel of each sample",
    words: ["instance_norm", "instancenorm1d", "instancenorm2d", "instancenorm3d"],
    options: { affine: { ...affine, help: "learned scale and shift (default false)" }, momentum, eps },
    build: (call) => {
      const C = channels(call);
      if (call.spec(call.input).shape.length < 3)
        call.refuse("[batch, channels, …] with spatial dims", `[${call.spec(call.input).shape}]`);
      const attributes = {
        use_input_stats: true,
        momentum: call.options.number("momentum", 0.1),
        eps: call.options.number("eps", 1e-5),
      };
      return call.op("instanceNorm", { input: call.input, ...scaleAndShift(call, [C], false) }, attributes);
    },
  },
  rmsnorm: {
    kind: "RMSNorm",
    help: "torch.nn.RMSNorm: scaled by the root of the mean square of the last dims",
    words: ["rms_norm", "rms_normalization"],
    options: { shape, affine: { ...affine, help: "learned scale (default true)" }, eps },
    build: (call) => {
      const normalized_shape = normalizedShape(call);
      const scale = call.options.flag("affine", true)
        ? { weight: call.parameter("weight", normalized_shape) }
        : {};
      return call.op(
        "rmsNorm",
        { input: call.input, ...scale },
        { normalized_shape, eps: call.options.number("eps", 1e-5) },
      );
    },
  },
} satisfies LayerTable;
