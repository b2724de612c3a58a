/** Layers that move, merge and drop elements. keras/src/layers/reshaping, merging, regularization, Keras 3.15 */
import { elements, wrapDim } from "../../../base/shape.js";
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import { isList, type Json } from "../config.js";
import type { LayerRow } from "./row.js";

/** tf.nn.experimental.stateless_dropout: what is kept of the mask is a byte per element. */
export function dropout(call: LayerCall, x: ValueId, rate: number, noise?: readonly number[]): ValueId {
  if (!call.training || rate === 0) return x;
  const { shape, dtype } = call.spec(x);
  call.variable("seed_generator_state", [2], { dtype: "int64", state: true });
  const scaled = call.op("Mul", [x, null]);
  const random = call.op("StatelessRandomUniformV2", [], { shape: noise ?? shape, dtype });
  const shifted = call.op("AddV2", [call.op("Mul", [random, null]), null]);
  const mask = call.op("GreaterEqual", [shifted, null]);
  return call.op("SelectV2", [mask, scaled, null]);
}

const dropoutLayer: LayerRow = (call) => {
  const given = call.settings.values.noise_shape;
  const shape = call.shape();
  const noise = isList(given as Json)
    ? (given as readonly Json[]).map((size, i) => (typeof size === "number" ? size : (shape[i] as number)))
    : undefined;
  return dropout(call, call.input, call.settings.number("rate", 0), noise);
};

/** Whole channels are dropped. */
const spatialDropout: LayerRow = (call) => {
  const shape = call.shape();
  const noise = shape.map((size, dim) => (dim === 0 || dim === shape.length - 1 ? size : 1));
  return dropout(call, call.input, call.settings.number("rate", 0), noise);
};

/** x + noise, in training. */
const gaussianNoise: LayerRow = (call) => {
  if (!call.training) return call.input;
  const { shape, dtype } = call.spec(call.input);
  call.variable("seed_generator_state", [2], { dtype: "int64", state: true });
  const random = call.op("StatelessRandomUniformV2", [], { shape, dtype });
  return call.op("AddV2", [call.input, call.op("AddV2", [call.op("Mul", [random, null]), null])]);
};

const merged =
  (op: string, after?: (call: LayerCall, x: ValueId) => ValueId): LayerRow =>
  (call) => {
    const [first, ...others] = call.inputs;
    if (first === undefined || others.length === 0)
      throw call.refuse("two tensors or more", `${call.inputs.length}`);
    const sum = others.reduce((x, y) => call.op(op, [x, y]), first);
    return after ? after(call, sum) : sum;
  };

/** keras.ops called on tensors: numbers are constants. */
const binary =
  (op: string): LayerRow =>
  (call) => {
    const [x, y = null] = call.inputs;
    if (x === undefined) throw call.refuse("a tensor", "none");
    return call.op(op, [x, y]);
  };

/** Before and after along each spatial dim. */
function borders(call: LayerCall, key: string, rank: number): { before: number[]; after: number[] } {
  const value = call.settings.values[key] ?? 1;
  const list = isList(value as Json) ? (value as readonly Json[]) : Array.from({ length: rank }, () => value);
  const flat =
    rank === 1 && list.length === 2 && list.every((item) => typeof item === "number") ? [list] : list;
  const pairs = flat.map((item) => (isList(item as Json) ? (item as readonly Json[]) : [item, item]));
  if (
    pairs.length !== rank ||
    pairs.some(
      (pair) => pair.length !== 2 || pair.some((size) => !Number.isSafeInteger(size) || (size as number) < 0),
    )
  )
    throw call.settings.wrong(key, `${rank} pairs of whole numbers`);
  const side = (i: number) => [0, ...pairs.map((pair) => pair[i] as number), 0];
  return { before: side(0), after: side(1) };
}

const padding =
  (rank: number): LayerRow =>
  (call) => {
    if (call.shape().length !== rank + 2)
      throw call.refuse(`a tensor of ${rank + 2} dims`, `[${call.shape()}]`);
    const { before, after } = borders(call, "padding", rank);
    return call.op("Pad", [call.input], { before, after });
  };

const cropping =
  (rank: number): LayerRow =>
  (call) => {
    const shape = call.shape();
    if (shape.length !== rank + 2) throw call.refuse(`a tensor of ${rank + 2} dims`, `[${shape}]`);
    const { before, after } = borders(call, "cropping", rank);
    const left = shape.map((size, dim) => size - (before[dim] as number) - (after[dim] as number));
    return call.op("StridedSlice", [call.input], { shape: left });
  };

/** Nearest: each row is repeated, dim by dim. */
const upSampling: LayerRow = (call) => {
  const shape = call.shape();
  if (shape.length !== 4) throw call.refuse("[batch, height, width, channels]", `[${shape}]`);
  const [height, width] = call.settings.dims("size", 2, 2) as readonly [number, number];
  const [batch = 1, rows = 1, columns = 1, channels = 1] = shape;
  const out = [batch, rows * height, columns * width, channels];
  if (call.settings.text("interpolation", ["nearest", "bilinear"], "nearest") === "nearest") {
    const repeat = (x: ValueId, axis: number, times: number) => {
      const own = call.shape(x);
      const wide = call.op("ExpandDims", [x], { axis: axis + 1 });
      const tiled = own.slice();
      const between = [...own.slice(0, axis + 1), times, ...own.slice(axis + 1)];
      tiled.splice(axis, 1, (own[axis] as number) * times);
      return call.reshape(call.op("BroadcastTo", [wide], { shape: between }), tiled);
    };
    return repeat(repeat(call.input, 1, height), 2, width);
  }
  return call.cast(call.op("ResizeBilinear", [call.input], { shape: out }), call.compute);
};

const flatten: LayerRow = (call) => {
  const shape = call.shape();
  return call.reshape(call.input, [shape[0] as number, elements(shape.slice(1))]);
};

const reshape: LayerRow = (call) => {
  const shape = call.shape();
  const target = call.settings.integers("target_shape");
  const known = target.reduce((product, size) => (size > 0 ? product * size : product), 1);
  const rest = elements(shape.slice(1)) / known;
  return call.reshape(call.input, [shape[0] as number, ...target.map((size) => (size === -1 ? rest : size))]);
};

export const shapingLayers: Readonly<Record<string, LayerRow>> = {
  Dropout: dropoutLayer,
  AlphaDropout: dropoutLayer,
  SpatialDropout1D: spatialDropout,
  SpatialDropout2D: spatialDropout,
  SpatialDropout3D: spatialDropout,
  GaussianNoise: gaussianNoise,
  Flatten: flatten,
  Reshape: reshape,
  Permute: (call) => {
    const dims = call.settings.integers("dims");
    const rank = call.shape().length;
    if ([...dims].sort().join() !== Array.from({ length: rank - 1 }, (_, i) => i + 1).join())
      throw call.settings.wrong("dims", `the dims 1 to ${rank - 1}, each once`);
    return call.op("Transpose", [call.input], { order: [0, ...dims] });
  },
  RepeatVector: (call) => {
    const [batch = 1, width = 1] = call.shape();
    const times = call.settings.count("n");
    return call.op("BroadcastTo", [call.op("ExpandDims", [call.input], { axis: 1 })], {
      shape: [batch, times, width],
    });
  },
  ZeroPadding1D: padding(1),
  ZeroPadding2D: padding(2),
  ZeroPadding3D: padding(3),
  Cropping1D: cropping(1),
  Cropping2D: cropping(2),
  Cropping3D: cropping(3),
  UpSampling2D: upSampling,
  Add: merged("AddV2"),
  Multiply: merged("Mul"),
  Subtract: merged("Sub"),
  Maximum: merged("Maximum"),
  Minimum: merged("Minimum"),
  Average: merged("AddV2", (call, x) => call.op("RealDiv", [x, null])),
  Concatenate: (call) => {
    const axis = wrapDim(call.settings.integers("axis", [-1])[0] as number, call.shape().length);
    return call.op("ConcatV2", call.inputs, { axis });
  },
  ActivityRegularization: (call) => call.input,
  Masking: (call) => call.input,
  Identity: (call) => call.input,
  Rescaling: (call) => call.op("AddV2", [call.op("Mul", [call.cast(call.input, call.compute), null]), null]),
  LayerScale: (call) => {
    const width = call.settings.count("projection_dim");
    return call.op("Mul", [call.input, call.weight("gamma", [width])]);
  },
  StochasticDepth: (call) => {
    const shape = call.shape();
    const noise = shape.map((size, dim) => (dim === 0 ? size : 1));
    return dropout(call, call.input, call.settings.number("drop_path_rate", 0), noise);
  },
};

/** keras.ops in a Functional model. */
export const operationLayers: Readonly<Record<string, LayerRow>> = {
  Add: binary("AddV2"),
  Multiply: binary("Mul"),
  Subtract: binary("Sub"),
  Divide: binary("RealDiv"),
  TrueDivide: binary("RealDiv"),
  Maximum: binary("Maximum"),
  Minimum: binary("Minimum"),
  Relu: (call) => call.op("Relu", [call.input]),
  Sigmoid: (call) => call.op("Sigmoid", [call.input]),
};
