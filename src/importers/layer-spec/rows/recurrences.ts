/**
 * Recurrent layers as torch.nn's modules with `batch_first=True`. `B` batch, `S` steps, `F` features, `H` hidden.
 *
 * Untrue   the last step of a bidirectional layer is `output[:, -1]`; Keras takes the first step of the way back
 */
import type { ValueId } from "../../../ir/graph.js";
import { choice, count, flag } from "../kinds.js";
import { type LayerCall, type LayerRow, type LayerTable, may, need, type OptionRow } from "../row.js";

interface Cell {
  /** Class in torch.nn. */
  readonly kind: string;
  readonly op: (call: LayerCall) => string;
  readonly gates: number;
  /** Tensors the state of a layer is made of. */
  readonly states: 1 | 2;
}

const shared: Readonly<Record<string, OptionRow>> = {
  units: need(count, "hidden size", "hidden_size"),
  layers: may(count, "layers on top of each other in one module (default 1)", "num_layers"),
  bidirectional: may(flag, "a second direction; its result is joined to the first's (default false)"),
  return_sequences: may(
    flag,
    "the result of every step, as torch.nn returns it; else the last step's (default false)",
  ),
  bias: may(flag, "adds biases (default true)", "use_bias"),
};

/** [B, S, F] → [B, S, H] or [B, H]; twice H in two directions. */
function run(call: LayerCall, cell: Cell): ValueId {
  const { shape, dtype } = call.spec(call.input);
  if (shape.length !== 3)
    call.refuse(
      "[batch, steps, features]; a recurrent layer before it needs return_sequences: true",
      `[${shape}]`,
    );
  const [B, , features] = shape as [number, number, number]; // as: just checked
  const H = call.options.number("units", 1);
  const layers = call.options.number("layers", 1);
  const bidirectional = call.options.flag("bidirectional", false);
  const bias = call.options.flag("bias", true);
  const directions = bidirectional ? ["", "_reverse"] : [""];
  const params: ValueId[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const width = layer === 0 ? features : H * directions.length;
    for (const direction of directions) {
      const end = `l${layer}${direction}`;
      const rows = cell.gates * H;
      params.push(
        call.parameter(`weight_ih_${end}`, [rows, width]),
        call.parameter(`weight_hh_${end}`, [rows, H]),
      );
      if (bias)
        params.push(call.parameter(`bias_ih_${end}`, [rows]), call.parameter(`bias_hh_${end}`, [rows]));
    }
  }
  call.flatten(params);
  const states = Array.from({ length: cell.states }, () =>
    call.op("create", {}, { size: [layers * directions.length, B, H], dtype }),
  );
  for (const state of states) call.hold(state); // h_zeros = …
  const [output] = call.ops(
    cell.op(call),
    { input: call.input, hx: cell.states === 1 ? (states[0] as ValueId) : states, params },
    { has_biases: bias, num_layers: layers, dropout: 0, train: true, bidirectional, batch_first: true },
    cell.states + 1,
  ) as [ValueId]; // as: every such operator has results
  if (call.options.flag("return_sequences", false)) return output;
  return call.op("select", { self: output }, { dim: 1, index: -1 });
}

function recurrent(cell: Cell, words: readonly string[], options: LayerRow["options"] = {}): LayerRow {
  return {
    kind: cell.kind,
    help: `torch.nn.${cell.kind} over [batch, steps, features]`,
    words,
    main: "units",
    options: { ...shared, ...options },
    stacks: "layers",
    build: (call) => run(call, cell),
  };
}

export const recurrences = {
  lstm: recurrent({ kind: "LSTM", op: () => "lstm", gates: 4, states: 2 }, []),
  gru: recurrent({ kind: "GRU", op: () => "gru", gates: 3, states: 1 }, []),
  rnn: recurrent(
    {
      kind: "RNN",
      op: (call) => (call.options.text("activation", "tanh") === "relu" ? "rnnRelu" : "rnnTanh"),
      gates: 1,
      states: 1,
    },
    ["simple_rnn"],
    { activation: may(choice("tanh", "relu"), "tanh (default) or relu", "nonlinearity") },
  ),
} satisfies LayerTable;
