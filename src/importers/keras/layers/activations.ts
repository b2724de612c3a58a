/** Activations by name, and the layers that are one. keras/src/backend/tensorflow/nn.py, Keras 3.15 */
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import { notComputed } from "../complaints.js";
import { nameOf } from "../config.js";
import type { LayerRow } from "./row.js";

export type Activation = (call: LayerCall, x: ValueId) => ValueId;

const kernel =
  (op: string): Activation =>
  (call, x) =>
    call.op(op, [x]);

const hardSigmoid: Activation = (call, x) =>
  call.op("RealDiv", [call.op("Relu6", [call.op("AddV2", [x, null])]), null]);

/** x * sigmoid(x) with a gradient of its own, which computes the sigmoid again. tensorflow/python/ops/nn_impl.py swish */
const silu: Activation = (call, x) => {
  const sigmoid = call.op("Sigmoid", [call.op("Mul", [null, x])]);
  const product = call.op("Mul", [x, sigmoid]);
  return call.op("SwishIdentity", [product, x]);
};

/** 0.5 * x * erfc(-x / sqrt(2)); nn_ops.py gelu */
const gelu: Activation = (call, x) => {
  const half = call.op("Mul", [null, x]);
  const negative = call.op("Neg", [x]);
  return call.op("Mul", [half, call.op("Erfc", [call.op("Mul", [negative, null])])]);
};

/** 0.5 * x * (1 + tanh(c * (x + 0.044715 * x³))) */
const geluTanh: Activation = (call, x) => {
  const half = call.op("Mul", [null, x]);
  const cubed = call.op("Mul", [null, call.op("Pow", [x, null])]);
  const inner = call.op("Tanh", [call.op("Mul", [null, call.op("AddV2", [x, cubed])])]);
  return call.op("Mul", [half, call.op("AddV2", [null, inner])]);
};

const softmax: Activation = (call, x) => call.op("Softmax", [x]);

export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  linear: (_, x) => x,
  relu: kernel("Relu"),
  relu6: kernel("Relu6"),
  elu: kernel("Elu"),
  selu: kernel("Selu"),
  sigmoid: kernel("Sigmoid"),
  tanh: kernel("Tanh"),
  softplus: kernel("Softplus"),
  softsign: kernel("Softsign"),
  exponential: kernel("Exp"),
  leaky_relu: kernel("LeakyRelu"),
  log_softmax: kernel("LogSoftmax"),
  softmax,
  silu,
  swish: silu,
  gelu,
  gelu_tanh: geluTanh,
  hard_sigmoid: hardSigmoid,
  hard_silu: (call, x) => call.op("Mul", [x, hardSigmoid(call, x)]),
  hard_swish: (call, x) => call.op("Mul", [x, hardSigmoid(call, x)]),
  mish: (call, x) => call.op("Mul", [x, call.op("Tanh", [call.op("Softplus", [x])])]),
  squareplus: (call, x) => {
    const root = call.op("Sqrt", [call.op("AddV2", [call.op("Square", [x]), null])]);
    return call.op("RealDiv", [call.op("AddV2", [x, root]), null]);
  },
  tanh_shrink: (call, x) => call.op("Sub", [x, call.op("Tanh", [x])]),
  celu: (call, x) => {
    const positive = call.op("Maximum", [x, null]);
    const scaled = call.op("RealDiv", [call.op("Minimum", [x, null]), null]);
    return call.op("AddV2", [positive, call.op("Mul", [null, call.op("Expm1", [scaled])])]);
  },
};

/** Applies the activation that the configuration names. */
export function activate(call: LayerCall, x: ValueId): ValueId {
  const given = call.settings.values.activation;
  if (given === null || given === undefined) return x;
  const name = nameOf(given) ?? "";
  const lower = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  const key = [name, lower].find((spelling) => Object.hasOwn(ACTIVATIONS, spelling));
  const known = key === undefined ? undefined : ACTIVATIONS[key];
  if (!known)
    throw notComputed(
      call.settings.at,
      `activation ${JSON.stringify(name.slice(0, 40))}`,
      `known are ${Object.keys(ACTIVATIONS).join(", ")}`,
    );
  return known(call, x);
}

export const activationLayers: Readonly<Record<string, LayerRow>> = {
  Activation: (call) => activate(call, call.input),
  ReLU: (call) => {
    const max = call.settings.values.max_value ?? null;
    const slope = call.settings.number("negative_slope", 0);
    if (slope !== 0) return call.op("LeakyRelu", [call.input]);
    if (max === null) return call.op("Relu", [call.input]);
    if (max === 6) return call.op("Relu6", [call.input]);
    return call.op("Minimum", [call.op("Relu", [call.input]), null]);
  },
  LeakyReLU: (call) => call.op("LeakyRelu", [call.input]),
  ELU: (call) => call.op("Elu", [call.input]),
  Softmax: (call) => softmax(call, call.input),
  PReLU: (call) => {
    const shared = call.settings.values.shared_axes == null ? [] : call.settings.integers("shared_axes");
    const shape = call
      .shape()
      .slice(1)
      .map((size, i) => (shared.includes(i + 1) ? 1 : size));
    const positive = call.op("Relu", [call.input]);
    const slope = call.op("Neg", [call.weight("alpha", shape)]);
    const negative = call.op("Relu", [call.op("Neg", [call.input])]);
    return call.op("AddV2", [positive, call.op("Mul", [slope, negative])]);
  },
};
