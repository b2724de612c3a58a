/** Recurrent layers. `T` steps, `B` batch, `I` inputs, `H` hidden, `L` layers, `D` directions. */
import { invariant } from "../base/invariant.js";
import type { Attributes } from "../ir/graph.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { flag, int, type OpRule, type OpTable, op } from "./rule.js";

/** `params` hold, per layer and direction, the weights of input and hidden state and, if any, their biases. */
function recurrent(states: 1 | 2): OpRule {
  return op({
    inputs: ["input", "hx*", "params*"],
    outputs: states === 2 ? ["output", "hy", "cy"] : ["output", "hy"],
    infer: ({ input, params }, attributes) => {
      const sizes = recurrentSizes(input, params as unknown as readonly TensorSpec[], attributes);
      const { B, H, P, L, D, rows } = sizes;
      const state = dense([L * D, B, P], input.dtype);
      const output = dense([...rows, D * P], input.dtype);
      return states === 2 ? [output, state, dense([L * D, B, H], input.dtype)] : [output, state];
    },
    backward: { input: ["input", "params"], hx: ["params"], params: ["input", "params"] },
  });
}

export interface RecurrentSizes {
  readonly T: number;
  readonly B: number;
  readonly H: number;
  /** What a step hands on: H, or fewer where an LSTM projects them. */
  readonly P: number;
  readonly L: number;
  readonly D: number;
  /** The first two dims of input and output, as the caller lays them out. */
  readonly rows: readonly [number, number];
}

export function recurrentSizes(
  input: TensorSpec,
  params: readonly TensorSpec[],
  attributes: Attributes,
): RecurrentSizes {
  const [first, second] = input.shape as [number, number];
  const [T, B] = flag(attributes, "batch_first") ? [second, first] : [first, second];
  const hidden = params[1];
  invariant(hidden, "a recurrent layer has weights of its hidden state");
  const [gated, P] = hidden.shape as [number, number];
  const H = gated === P || gated === 3 * P ? P : gated / 4; // one gate, a GRU's three, or an LSTM's four
  return {
    T,
    B,
    H,
    P,
    L: int(attributes, "num_layers", 1),
    D: flag(attributes, "bidirectional") ? 2 : 1,
    rows: [first, second],
  };
}

/** One step of a cell: new states of the old ones' shapes. */
function cell(states: 1 | 2): OpRule {
  return op({
    inputs: ["input", "hx*", "w_ih", "w_hh", "b_ih?", "b_hh?"],
    outputs: states === 2 ? ["hy", "cy"] : ["hy"],
    infer: ({ input, w_hh }) => {
      const state = dense([input.shape[0] as number, w_hh.shape[1] as number], input.dtype);
      return states === 2 ? [state, state] : [state];
    },
    backward: { input: ["w_ih"], hx: ["w_hh"], w_ih: ["input"], w_hh: ["hx"], b_ih: [], b_hh: [] },
  });
}

export const recurrences = {
  lstmCell: cell(2),
  gruCell: cell(1),
  rnnTanhCell: cell(1),
  rnnReluCell: cell(1),
  lstm: recurrent(2),
  gru: recurrent(1),
  rnnTanh: recurrent(1),
  rnnRelu: recurrent(1),
} satisfies OpTable;
