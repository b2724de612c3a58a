/** `torch.nn.Conv1d`, `Conv2d`, `BatchNorm2d` and `Sequential` as modules. `C` channels in, `O` channels out, `K` kernel size. */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";

export interface ConvolutionSizes {
  readonly input: number;
  readonly output: number;
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly padding?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

export function conv2d(m: Module, sizes: ConvolutionSizes): Layer {
  const { input: C, output: O, kernel, stride = [1, 1], padding = 0, groups = 1, bias = true } = sizes;
  const weight = m.parameter("weight", [O, C / groups, ...kernel]);
  const shift = bias ? m.parameter("bias", [O]) : null;
  const attributes = { stride, padding: [padding, padding], groups };
  return m.layer("Conv2d", (f, x: ValueId) =>
    f.op("convolution", { input: x, weight, bias: shift }, attributes),
  );
}

export interface Convolution1dSizes {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
  readonly bias?: boolean;
}

export function conv1d(m: Module, sizes: Convolution1dSizes): Layer {
  const { input: C, output: O, kernel, stride = 1, padding = 0, bias = true } = sizes;
  const weight = m.parameter("weight", [O, C, kernel]);
  const shift = bias ? m.parameter("bias", [O]) : null;
  const attributes = { stride: [stride], padding: [padding] };
  return m.layer("Conv1d", (f, x: ValueId) =>
    f.op("convolution", { input: x, weight, bias: shift }, attributes),
  );
}

/** Running statistics are buffers, and so is the number of batches seen, which counts up in training. */
export function batchNorm2d(m: Module, channels: number): Layer {
  return batchNorm(m, channels, "BatchNorm2d");
}

/** `kind`: the class for the dims that the channels have. */
export function batchNorm(m: Module, channels: number, kind: string): Layer {
  const weight = m.parameter("weight", [channels]);
  const bias = m.parameter("bias", [channels]);
  const running_mean = m.buffer("running_mean", [channels]);
  const running_var = m.buffer("running_var", [channels]);
  const tracked = m.buffer("num_batches_tracked", [], "int64");
  return m.layer(kind, (f, input: ValueId) => {
    const { training } = f.run;
    if (training) f.op("add", { self: tracked }, { other: 1, inPlace: true });
    return f.op("batchNorm", { input, weight, bias, running_mean, running_var }, { training });
  });
}

export function sequential(m: Module, layers: readonly Layer[]): Layer {
  return m.layer("Sequential", (f, x: ValueId) =>
    layers.reduce((states, each) => f.set("input", each(f, states)), x),
  );
}
