/**
 * transformers' ACT2FN: activation functions by the names that configurations use.
 *
 * Source  transformers 5.18, activations.py: what is one kernel and what is written out in Python
 */
import type { ValueId } from "../../ir/graph.js";
import { unknownActivation } from "../complaints.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";

type Activation = (f: Frame, x: ValueId) => ValueId;

const kernel =
  (op: string): Activation =>
  (f, x) =>
    f.apply(op, x);

/** 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), operator by operator. */
const newGelu: Activation = (f, x) => {
  const half = f.scale(x, 0.5);
  const cubic = f.scale(f.apply("pow", x, { exponent: 3 }), 0.044715);
  const inner = f.scale(f.add(x, cubic), Math.sqrt(2 / Math.PI));
  return f.mul(half, f.op("add", { self: f.apply("tanh", inner) }, { other: 1 }));
};

const fastGelu: Activation = (f, x) => {
  const half = f.scale(x, 0.5);
  const slope = f.scale(x, 0.7978845608);
  const cubic = f.mul(f.scale(x, 0.044715), x);
  const inner = f.mul(slope, f.op("add", { self: cubic }, { other: 1 }));
  return f.mul(half, f.op("add", { self: f.apply("tanh", inner) }, { other: 1 }));
};

const pythonGelu: Activation = (f, x) => {
  const half = f.scale(x, 0.5);
  const inner = f.op("div", { self: x }, { other: Math.SQRT2 });
  return f.mul(half, f.op("add", { self: f.apply("erf", inner) }, { other: 1 }));
};

/** Class names are those the modules print. */
const ACTIVATIONS: Readonly<Record<string, { readonly kind: string; readonly run: Activation }>> = {
  gelu: { kind: "GELUActivation", run: kernel("gelu") },
  gelu_10: {
    kind: "ClippedGELUActivation",
    run: (f, x) => f.apply("clamp", f.apply("gelu", x), { min: -10, max: 10 }),
  },
  gelu_fast: { kind: "FastGELUActivation", run: fastGelu },
  gelu_new: { kind: "NewGELUActivation", run: newGelu },
  gelu_python: { kind: "GELUActivation", run: pythonGelu },
  gelu_pytorch_tanh: { kind: "GELUTanh", run: kernel("gelu") },
  gelu_python_tanh: { kind: "GELUTanh", run: newGelu },
  gelu_accurate: { kind: "AccurateGELUActivation", run: newGelu },
  hardswish: { kind: "Hardswish", run: kernel("hardswish") },
  leaky_relu: { kind: "LeakyReLU", run: kernel("leakyRelu") },
  linear: { kind: "LinearActivation", run: (_, x) => x },
  mish: { kind: "MishActivation", run: kernel("mish") },
  quick_gelu: {
    kind: "QuickGELUActivation",
    run: (f, x) => f.mul(x, f.apply("sigmoid", f.scale(x, 1.702))),
  },
  relu: { kind: "ReLU", run: kernel("relu") },
  relu2: {
    kind: "ReLUSquaredActivation",
    run: (f, x) => f.apply("square", f.set("relu_applied", f.apply("relu", x))),
  },
  relu6: { kind: "ReLU6", run: kernel("relu6") },
  sigmoid: { kind: "Sigmoid", run: kernel("sigmoid") },
  silu: { kind: "SiLUActivation", run: kernel("silu") },
  swish: { kind: "SiLU", run: kernel("silu") },
  tanh: { kind: "Tanh", run: kernel("tanh") },
};

/** The activation that `key` of the configuration names. */
export function activation(m: Module, config: Config, key: string): Layer {
  return namedActivation(m, config, key, config.text(key));
}

export function namedActivation(m: Module, config: Config, key: string, name: string): Layer {
  const row = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  if (!row) throw unknownActivation(config.source, key, name, Object.keys(ACTIVATIONS));
  return m.layer(row.kind, (f, x: ValueId) => row.run(f, x));
}
