/**
 * Recurrent layers of eager PyTorch: one cuDNN call forward and two backward, with all weights of a module in one flat
 * buffer.
 *
 * Source   aten/src/ATen/native/cudnn/RNN.cpp; order and sizes recorded in oracle/recorded/ops-rnn.json
 * Untrue   the reserve and workspace are what the gates need to be kept (the recorder's stand-in says the same):
 *          cuDNN's own sizes need a GPU to be asked. Projections are not told apart
 */
import { sizeOf } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { Attributes } from "../../ir/graph.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { recurrentSizes, type RecurrentSizes } from "../../ops/recurrent.js";
import { dtypeOf, flag, type OpRule, type OpTable } from "../../ops/rule.js";
import {
  type BackwardCall,
  contiguous,
  fresh,
  given,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  list,
  seen,
  type Traced,
  transposed,
} from "./kernel.js";

/** Gates of a cell, and values per step and unit that training keeps: gates, cell and output. */
const CELLS: Readonly<Record<string, { readonly gates: number; readonly kept: number }>> = {
  lstm: { gates: 4, kept: 6 },
  gru: { gates: 3, kept: 5 },
  rnnTanh: { gates: 1, kept: 1 },
  rnnRelu: { gates: 1, kept: 1 },
};

/** Types whose weights a module keeps in one buffer: cudnn.is_acceptable knows no bfloat16, so they are joined in every call. */
const joinsWeights = ({ dtype }: TensorSpec): boolean => dtype === "bfloat16";

/** Numbers of the buffer that cuDNN has for weights: with room for two biases per gate, whether there are any or not. */
function bufferSize(
  weights: readonly TensorSpec[],
  { H, L, D }: RecurrentSizes,
  attributes: Attributes,
): number {
  const given = weights.reduce((total, { shape }) => total + elements(shape), 0);
  const hasBiases = weights.some(({ shape }) => shape.length === 1);
  return hasBiases ? given : given + 2 * L * D * H * cellOf(attributes).gates;
}

const cellOf = (attributes: Attributes) => CELLS[String(attributes.cell)] ?? { gates: 4, kept: 6 };

function workspace({ T, B, H, D }: RecurrentSizes, attributes: Attributes, input: TensorSpec): number {
  return sizeOf(T * B * H * D * cellOf(attributes).gates, input.dtype);
}

/** The order cuDNN reads: steps first. */
function stepsFirst(kernel: Kernel, tensor: Held, attributes: Attributes): Held {
  return contiguous(kernel, flag(attributes, "batch_first") ? transposed(tensor, 0, 1) : tensor);
}

const weightsOf = (tensors: Readonly<Record<string, unknown>>): Held[] =>
  Object.entries(tensors)
    .filter(([name]) => name.startsWith("params"))
    .map(([, tensor]) => tensor as Held);

/** Dropout between layers draws from a state that cuDNN keeps. */
const drops = (attributes: Attributes) =>
  flag(attributes, "train") && typeof attributes.dropout === "number" && attributes.dropout > 0;

/** Bytes of random state per thread of the device. cudnnDropoutGetStatesSize, as recorded on 8.0 and 8.6 */
const STATE = 16;
/** Resident threads of a multiprocessor. CUDA C++ Programming Guide, technical specifications per compute capability */
const THREADS: Readonly<Record<string, number>> = {
  "7.5": 1024,
  "8.6": 1536,
  "8.7": 1536,
  "8.9": 1536,
  "12.0": 1536,
};
const MOST_THREADS = 2048;

function dropoutState(kernel: Kernel): Held {
  const { computeCapability, multiprocessors } = kernel.device;
  const threads = THREADS[computeCapability.join(".")] ?? MOST_THREADS;
  return kernel.kept("dropout state", multiprocessors * threads * STATE);
}

export const recurrentKernels = {
  /** Every weight in its place of one buffer of the lower type; gradients are cast back one by one, the last weight's first. */
  castFlat: {
    forward: (kernel, { outputs }) => {
      const total = outputs.reduce((sum, { shape }) => sum + elements(shape), 0);
      const flat = fresh(kernel, [total], (outputs[0] as TensorSpec).dtype);
      return outputs.map((spec) => seen(flat, spec));
    },
    backward: (kernel, call) => {
      const gradients = new Array<Held | null>(call.needs.length).fill(null);
      for (let i = call.needs.length - 1; i >= 0; i--)
        if (call.needs[i]) gradients[i] = kernel.empty(call.inputs[i] as TensorSpec);
      return gradients;
    },
  },
  cudnnRnn: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const input = inputs.input as Held;
      const sizes = recurrentSizes(
        input.spec,
        (inputs.params as readonly Held[]).map(({ spec }) => spec),
        attributes,
      );
      const [output, ...rest] = outputs as [TensorSpec, ...TensorSpec[]];
      const states = rest.slice(0, 2);
      const x = stepsFirst(kernel, input, attributes);
      const steps = fresh(kernel, [sizes.T, sizes.B, ...output.shape.slice(2)], output.dtype);
      const made = states.map((spec) => kernel.empty(spec));
      const [, , kept, joined] = rest as [TensorSpec, TensorSpec, TensorSpec, TensorSpec];
      const buffer = kernel.empty(joined);
      const scratch = kernel.scratch(workspace(sizes, attributes, input.spec));
      const reserve = kernel.empty(kept);
      kernel.free(scratch);
      if (x !== input) kernel.free(x);
      const results = [{ spec: output, storage: steps.storage }, ...made, reserve, buffer];
      return drops(attributes) ? [...results, dropoutState(kernel)] : results;
    },
    backward: (kernel, call) => {
      const input = call.saved.input as Held;
      const weights = weightsOf(call.saved);
      const sizes = recurrentSizes(
        input.spec,
        weights.map(({ spec }) => spec),
        call.attributes,
      );
      const ports = call.ports;
      const wants = (port: string) => ports.some((name, i) => name === port && call.needs[i]);
      const states = call.outputs.slice(1, 3);
      const { shape, dtype } = call.outputs[0] as TensorSpec;
      const grad = call.grads[0] ?? fresh(kernel, shape, dtype);
      const zeros = states.map((spec, i) => (call.grads[i + 1] ? null : kernel.empty(spec)));
      const data = dataGradients(kernel, call, { input, grad, sizes });
      const flat = wants("params") ? weightGradients(kernel, call, { input, weights, sizes }) : null;
      for (const zero of zeros.reverse()) if (zero) kernel.free(zero);
      if (!call.grads[0]) kernel.free(grad);
      let weight = 0;
      let state = 0;
      return ports.map((port, i) => {
        if (port === "input") {
          if (!call.needs[i]) kernel.free(data.input);
          return call.needs[i] ? data.input : null;
        }
        if (port === "hx" || port === "cx") {
          const made = data.states[state++] as Held;
          if (!call.needs[i]) kernel.free(made);
          return call.needs[i] ? made : null;
        }
        const { spec } = weights[weight++] as Held;
        const own = flat?.apart[weight - 1] ?? flat?.whole;
        return own && call.needs[i] ? seen(own, spec) : null;
      });
    },
  },
} satisfies Record<string, KernelRule>;

/** cudnnRNNBackwardData: gradients of the input and of the first states, wanted or not. */
function dataGradients(
  kernel: Kernel,
  { attributes, outputs }: BackwardCall,
  { input, grad, sizes }: { input: Held; grad: Held; sizes: RecurrentSizes },
): { input: Held; states: Held[] } {
  const copies = [stepsFirst(kernel, input, attributes), stepsFirst(kernel, grad, attributes)];
  const out = fresh(kernel, [sizes.T, sizes.B, ...input.spec.shape.slice(2)], input.spec.dtype);
  const states = outputs.slice(1, 3).map((spec) => kernel.empty(spec));
  kernel.free(kernel.scratch(workspace(sizes, attributes, input.spec)));
  for (const copy of copies.reverse()) kernel.free(copy);
  return {
    input: flag(attributes, "batch_first") ? { ...transposed(out, 0, 1), storage: out.storage } : out,
    states,
  };
}

/** cudnnRNNBackwardWeights: one flat gradient that every weight shows a part of; without biases each part is copied out. */
function weightGradients(
  kernel: Kernel,
  { attributes }: BackwardCall,
  { input, weights, sizes }: { input: Held; weights: readonly Held[]; sizes: RecurrentSizes },
): { readonly whole: Held; readonly apart: readonly Held[] } {
  const x = stepsFirst(kernel, input, attributes);
  const specs = weights.map(({ spec }) => spec);
  const whole = fresh(kernel, [bufferSize(specs, sizes, attributes)], input.spec.dtype);
  const scratch = kernel.scratch(workspace(sizes, attributes, input.spec));
  const copies = specs.every(({ shape }) => shape.length > 1);
  const apart = copies ? specs.map(({ shape, dtype }) => fresh(kernel, shape, dtype)) : [];
  kernel.free(scratch);
  if (copies) kernel.free(whole);
  if (x !== input) kernel.free(x);
  return { whole, apart };
}

/** The dispatcher's operator: states and weights in, the reserve as its last output. */
export const recurrentPrimitives = {
  castFlat: {
    inputs: ["params*"],
    outputs: ["weights"],
    infer: ({ params }, attributes) =>
      (params as readonly TensorSpec[]).map(({ shape }) =>
        dense(shape, dtypeOf(attributes, "dtype", "float16")),
      ),
    backward: { params: [] },
  } satisfies OpRule,
  cudnnRnn: {
    inputs: ["input", "hx", "cx?", "params*"],
    outputs: ["output", "hy", "cy", "reserve", "weight_buf", "dropout_state"],
    infer: (inputs, attributes) => {
      const input = inputs.input as TensorSpec;
      const sizes = recurrentSizes(input, inputs.params as readonly TensorSpec[], attributes);
      const { T, B, H, P, L, D, rows } = sizes;
      const width = D * P;
      const output: TensorSpec = flag(attributes, "batch_first")
        ? { shape: [B, T, width], strides: [width, B * width, 1], dtype: input.dtype }
        : dense([...rows, width], input.dtype);
      const state = dense([L * D, B, P], input.dtype);
      const kept = flag(attributes, "train")
        ? sizeOf(T * B * H * D * L * cellOf(attributes).kept, input.dtype)
        : 0;
      const cells = dense(attributes.cell === "lstm" ? [L * D, B, H] : [0], input.dtype);
      const weights = inputs.params as readonly TensorSpec[];
      const joined =
        joinsWeights(input) && !flag(attributes, "autocast") ? bufferSize(weights, sizes, attributes) : 0;
      return [output, state, cells, dense([kept], "uint8"), dense([joined], input.dtype)];
    },
    backward: {
      input: ["input", "hx", "cx", "params", "output", "reserve", "weight_buf", "dropout_state"],
      hx: ["input", "hx", "cx", "params", "output", "reserve", "weight_buf", "dropout_state"],
      cx: ["input", "hx", "cx", "params", "output", "reserve", "weight_buf", "dropout_state"],
      params: ["input", "hx", "cx", "params", "output", "reserve", "weight_buf", "dropout_state"],
    },
  } satisfies OpRule,
} satisfies OpTable;

/** One cuDNN call for all layers; autocast casts all weights into one buffer. cudnn/RNN.cpp, autocast RNN.cpp. An input without batch gets one. */
export const lowerRecurrent =
  (cell: string): Lowering =>
  (trace, inputs, attributes) => {
    const states = inputs.hx && "storage" in inputs.hx ? [given(inputs, "hx")] : list(inputs, "hx");
    const dtype = trace.autocast;
    const params = dtype
      ? trace.calls("castFlat", { params: list(inputs, "params") }, { dtype })
      : list(inputs, "params");
    // arguments are evaluated from the last to the first
    const lowered = (tensor: Traced | null | undefined) =>
      tensor && dtype && tensor.spec.dtype === "float32"
        ? trace.call("cast", { self: tensor }, { dtype })
        : (tensor ?? null);
    const [hx, cx] = states;
    const cells = lowered(cx);
    const state = lowered(hx);
    const input = lowered(given(inputs, "input"));
    return trace
      .calls(
        "cudnnRnn",
        { input, hx: state, cx: cells, params },
        { ...attributes, cell, autocast: dtype !== null },
      )
      .slice(0, 3);
  };
