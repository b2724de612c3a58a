/**
 * Cells of recurrent layers, one step at a time: two products and one fused kernel.
 *
 * Source  aten/src/ATen/native/RNN.cpp (CellParams, LSTMCell, GRUCell, SimpleCell), native/cuda/RNN.cu; recorded in
 *         oracle/recorded/ops-rnn.json. `B` batch, `H` hidden size.
 */
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { joint, type OpTable, op } from "../../ops/rule.js";
import {
  fresh,
  given,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  list,
  optional,
  type Traced,
  type Tracer,
} from "./kernel.js";

/** Values per unit that the fused GRU kernel keeps. RNN.cu GRU_WORKSPACE_MULTIPLIER */
const GRU_WORKSPACE = 5;

const sizes = (state: TensorSpec) => state.shape as [number, number];

export const cellPrimitives = {
  fusedLstmCell: op({
    inputs: ["input_gates", "hidden_gates", "cx", "input_bias?", "hidden_bias?"],
    outputs: ["hy", "cy", "workspace"],
    infer: ({ input_gates, cx }) => {
      const state = dense(cx.shape, cx.dtype);
      return [state, state, dense(input_gates.shape, input_gates.dtype)];
    },
    backward: joint(
      ["input_gates", "hidden_gates", "cx", "input_bias", "hidden_bias"],
      ["input_gates", "hidden_gates", "cx", "input_bias", "hidden_bias", "cy", "workspace"],
    ),
  }),
  fusedGruCell: op({
    inputs: ["input_gates", "hidden_gates", "hx", "input_bias?", "hidden_bias?"],
    outputs: ["hy", "workspace"],
    infer: ({ hx }) => {
      const [B, H] = sizes(hx);
      return [dense(hx.shape, hx.dtype), dense([B, GRU_WORKSPACE * H], hx.dtype)];
    },
    backward: joint(
      ["input_gates", "hidden_gates", "hx", "input_bias", "hidden_bias"],
      ["input_gates", "hidden_gates", "hx", "input_bias", "hidden_bias", "workspace"],
    ),
  }),
} satisfies OpTable;

/** The workspace comes first, the results after it. */
const workspaceFirst: KernelRule["forward"] = (kernel, { outputs }) => {
  const workspace = kernel.empty(outputs[outputs.length - 1] as TensorSpec);
  return [...outputs.slice(0, -1).map((spec) => kernel.empty(spec)), workspace];
};

function wanted(kernel: Kernel, made: readonly (Held | null)[], needs: readonly boolean[]): (Held | null)[] {
  return made.map((tensor, i) => {
    if (tensor && !needs[i] && !made.some((other, j) => other === tensor && needs[j])) kernel.free(tensor);
    return needs[i] ? tensor : null;
  });
}

export const cellKernels = {
  fusedLstmCell: {
    forward: workspaceFirst,
    backward: (kernel, call) => {
      const [gates, , cx] = call.inputs as [TensorSpec, TensorSpec, TensorSpec];
      const toGates = fresh(kernel, gates.shape, gates.dtype);
      const toCell = fresh(kernel, cx.shape, cx.dtype);
      const biased = call.needs.length > 3;
      // both biases are added to the same sum: one gradient for the two
      const toBias = biased ? fresh(kernel, [gates.shape[1] as number], gates.dtype) : null;
      return wanted(kernel, [toGates, toGates, toCell, ...(biased ? [toBias, toBias] : [])], call.needs);
    },
  },
  fusedGruCell: {
    forward: workspaceFirst,
    backward: (kernel, call) => {
      const made = call.inputs.map(({ shape, dtype }) => fresh(kernel, shape, dtype));
      return wanted(kernel, made, call.needs);
    },
  },
} satisfies Record<string, KernelRule>;

const product = (trace: Tracer, input: Traced, weight: Traced) =>
  trace.call("mm", { self: input, mat2: trace.call("transpose", { self: weight }, { dim0: 0, dim1: 1 }) });

const statesOf = (inputs: Parameters<Lowering>[1]): readonly Traced[] =>
  (inputs.hx && "storage" in inputs.hx ? [given(inputs, "hx")] : list(inputs, "hx")) as readonly Traced[];

export const lowerFusedCell =
  (kernel: "fusedLstmCell" | "fusedGruCell"): Lowering =>
  (trace, inputs) => {
    const [hx, cx] = statesOf(inputs) as [Traced, Traced | undefined];
    const input_gates = product(trace, given(inputs, "input"), given(inputs, "w_ih"));
    const hidden_gates = product(trace, hx, given(inputs, "w_hh"));
    const state = kernel === "fusedLstmCell" ? { cx: cx ?? hx } : { hx };
    const biases = { input_bias: optional(inputs, "b_ih"), hidden_bias: optional(inputs, "b_hh") };
    const made = trace.calls(kernel, { input_gates, hidden_gates, ...state, ...biases });
    return made.slice(0, -1);
  };

export const lowerSimpleCell =
  (activation: "tanh" | "relu"): Lowering =>
  (trace, inputs) => {
    const [hx] = statesOf(inputs) as [Traced];
    const gate = (input: Traced, weight: string, bias: string) =>
      trace.call("linear", { input, weight: given(inputs, weight), bias: optional(inputs, bias) });
    const hidden = gate(hx, "w_hh", "b_hh"); // arguments are evaluated from the last to the first
    const gates = gate(given(inputs, "input"), "w_ih", "b_ih");
    const sum = trace.call("add", { self: gates, other: hidden }, { inPlace: true });
    return trace.call(activation, { self: sum });
  };
