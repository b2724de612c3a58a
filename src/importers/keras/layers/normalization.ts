/** Normalization as Keras 3 composes it, in float32 whatever the policy. keras/src/layers/normalization/, Keras 3.15 */
import { wrapDim } from "../../../base/shape.js";
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import type { LayerRow } from "./row.js";

/** tf.nn.moments with the dims kept. */
function moments(call: LayerCall, x: ValueId, axes: readonly number[]): readonly [ValueId, ValueId] {
  const mean = call.op("Mean", [x], { axes, keep: true });
  const still = call.op("StopGradient", [mean]);
  const squares = call.op("SquaredDifference", [x, still]);
  return [mean, call.op("Mean", [squares], { axes, keep: true })];
}

const FLOAT32 = { autocast: false } as const;

/** moving = moving * momentum + batch * (1 - momentum) */
function update(call: LayerCall, moving: ValueId, batch: ValueId): void {
  const kept = call.op("Mul", [moving, null]);
  const added = call.op("Mul", [batch, null]);
  call.ops("AssignVariableOp", [call.op("AddV2", [kept, added])]);
}

/** Mean and variance of a mini-batch, and what they leave behind in the moving ones. */
export function batchMoments(
  call: LayerCall,
  x: ValueId,
  axis: number,
  [movingMean, movingVariance]: readonly [ValueId, ValueId],
): [ValueId, ValueId] {
  const axes = call.shape(x).flatMap((_, dim) => (dim === axis ? [] : [dim]));
  const [m, v] = moments(call, x, axes);
  const mean = call.op("Squeeze", [m], { axes });
  const variance = call.op("Squeeze", [v], { axes });
  update(call, movingMean, mean);
  update(call, movingVariance, variance);
  return [mean, variance];
}

const batchNormalization: LayerRow = (call) => {
  const { settings } = call;
  const shape = call.shape();
  const rank = shape.length;
  const axis = wrapDim(settings.integers("axis", [-1])[0] as number, rank);
  const size = shape[axis];
  if (size === undefined) throw call.refuse(`dim ${axis}`, `[${shape}]`);
  const x = call.cast(call.input, "float32");
  const gamma = settings.flag("scale", true) ? call.variable("gamma", [size], FLOAT32) : null;
  const beta = settings.flag("center", true) ? call.variable("beta", [size], FLOAT32) : null;
  const still = { ...FLOAT32, trainable: false };
  const movingMean = call.variable("moving_mean", [size], still);
  const movingVariance = call.variable("moving_variance", [size], still);
  let [mean, variance] = [movingMean, movingVariance];
  if (call.training && call.instance.trainable) {
    [mean, variance] = batchMoments(call, x, axis, [movingMean, movingVariance]);
  }
  // an axis that is given as 3 is reshaped although it is the last. nn.py batch_normalization
  const written = settings.integers("axis", [-1])[0] as number;
  const seen = (id: ValueId | null) => {
    if (id === null || written === -1) return id;
    return call.reshape(
      id,
      shape.map((own, dim) => (dim === axis ? own : 1)),
    );
  };
  return call.cast(
    normalized(call, x, seen(mean) as ValueId, seen(variance) as ValueId, seen(beta), seen(gamma)),
    call.compute,
  );
};

/** tf.nn.batch_normalization */
function normalized(
  call: LayerCall,
  x: ValueId,
  mean: ValueId,
  variance: ValueId,
  beta: ValueId | null,
  gamma: ValueId | null,
): ValueId {
  let inverse = call.op("Rsqrt", [call.op("AddV2", [variance, null])]);
  if (gamma !== null) inverse = call.op("Mul", [inverse, gamma]);
  const scaled = call.op("Mul", [x, inverse]);
  const shifted = call.op("Mul", [mean, inverse]);
  const offset = beta === null ? call.op("Neg", [shifted]) : call.op("Sub", [beta, shifted]);
  return call.op("AddV2", [scaled, offset]);
}

function axesOf(call: LayerCall): readonly number[] {
  const rank = call.shape().length;
  return call.settings.integers("axis", [-1]).map((axis) => wrapDim(axis, rank));
}

/** x * inverse + (beta - mean * inverse), each row on its own. nn.py _layer_normalization, group_normalization.py */
function affine(
  call: LayerCall,
  x: ValueId,
  axes: readonly number[],
  gamma: ValueId | null,
  beta: ValueId | null,
  read: (id: ValueId) => ValueId,
): ValueId {
  const [mean, variance] = moments(call, x, axes);
  const scale = gamma === null ? null : read(gamma);
  const shift = beta === null ? null : read(beta);
  let inverse = call.op("Rsqrt", [call.op("AddV2", [variance, null])]);
  if (scale !== null) inverse = call.op("Mul", [inverse, scale]);
  let rest = call.op("Mul", [call.op("Neg", [mean]), inverse]);
  if (shift !== null) rest = call.op("AddV2", [rest, shift]);
  return call.op("AddV2", [call.op("Mul", [x, inverse]), rest]);
}

const layerNormalization: LayerRow = (call) => {
  const { settings } = call;
  const shape = call.shape();
  const axes = axesOf(call);
  const own = axes.map((axis) => shape[axis] as number);
  const x = call.cast(call.input, "float32");
  const gamma = settings.flag("scale", true) ? call.variable("gamma", own, FLOAT32) : null;
  const beta = settings.flag("center", true) ? call.variable("beta", own, FLOAT32) : null;
  const wide = shape.map((size, dim) => (axes.includes(dim) ? size : 1));
  const read = (id: ValueId) => call.reshape(id, wide);
  return call.cast(affine(call, x, axes, gamma, beta, read), call.compute);
};

const groupNormalization: LayerRow = (call) => {
  const { settings } = call;
  const shape = call.shape();
  const axis = wrapDim(settings.integers("axis", [-1])[0] as number, shape.length);
  const size = shape[axis] as number;
  const asked = settings.integers("groups", [32])[0] as number;
  const groups = asked === -1 ? size : asked;
  if (groups < 1 || size % groups !== 0)
    throw call.refuse(`channels divisible by ${groups} groups`, `${size}`);
  const grouped = [...shape];
  grouped.splice(axis, 1, groups, size / groups);
  const x = call.cast(call.reshape(call.input, grouped), "float32");
  const axes = grouped.flatMap((_, dim) => (dim === 0 || dim === axis ? [] : [dim]));
  const wide = grouped.map((own, dim) => (dim === axis || dim === axis + 1 ? own : 1));
  const gamma = settings.flag("scale", true) ? call.variable("gamma", [size]) : null;
  const beta = settings.flag("center", true) ? call.variable("beta", [size]) : null;
  const read = (id: ValueId) => call.cast(call.reshape(call.cast(id, call.compute), wide), "float32");
  const result = affine(call, x, axes, gamma, beta, read);
  return call.cast(call.reshape(call.cast(result, call.compute), shape), call.compute);
};

const rmsNormalization: LayerRow = (call) => {
  const shape = call.shape();
  const axes = axesOf(call);
  const x = call.cast(call.input, "float32");
  const scale = call.weight(
    "scale",
    axes.map((axis) => shape[axis] as number),
  );
  const gain = call.cast(scale, "float32");
  const squares = call.op("Mean", [call.op("Square", [x])], { axes, keep: true });
  const inverse = call.op("Rsqrt", [call.op("AddV2", [squares, null])]);
  return call.cast(call.op("Mul", [call.op("Mul", [x, inverse]), gain]), call.compute);
};

/** (x - mean) / std of data, given in the file or adapted: three weights that do not train. */
const normalization: LayerRow = (call) => {
  const { settings } = call;
  const shape = call.shape();
  const given = settings.values.mean !== null && settings.values.mean !== undefined;
  const axes = settings.values.axis == null ? [] : axesOf(call);
  const x = call.cast(call.input, call.compute);
  if (!given) {
    const own = axes.map((axis) => shape[axis] as number);
    const still = { trainable: false, autocast: false } as const;
    call.variable("mean", own, still);
    call.variable("variance", own, still);
    call.variable("count", [], { ...still, dtype: "int32" });
  }
  // either way they are constants of the graph. normalization.py finalize_state
  return call.op("RealDiv", [call.op("Sub", [x, null]), null]);
};

export const normalizationLayers: Readonly<Record<string, LayerRow>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
  RMSNormalization: rmsNormalization,
  Normalization: normalization,
};
