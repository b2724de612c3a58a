/** Recurrent layers, as loops over time. keras/src/layers/rnn/ and backend/tensorflow/rnn.py, Keras 3.15 */
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import { notComputed } from "../complaints.js";
import { isObject, type Json, type JsonObject } from "../config.js";
import type { LayerRow } from "./row.js";

const GATES: Readonly<Record<string, number>> = { lstm: 4, gru: 3, simple: 1 };

const NO_CUDNN =
  "computed as a loop over time steps; on a GPU with its usual options Keras runs cuDNN's kernel instead, whose reserve space is not known";

/** [B, T, features] to [B, T, units], or the last step's [B, units]. */
function loop(call: LayerCall, cell: string): ValueId {
  const { settings, input } = call;
  const shape = call.shape(input);
  const [batch = 1, , features = 1] = shape;
  if (shape.length !== 3) throw call.refuse("[batch, steps, features]", `[${shape}]`);
  for (const key of ["unroll", "stateful", "return_state", "time_major"])
    if (settings.flag(key, false)) throw notComputed(settings.at, key, `leave ${key} out`);
  for (const key of ["dropout", "recurrent_dropout"])
    if (call.training && settings.number(key, 0) > 0)
      throw notComputed(settings.at, key, "a Dropout layer before the recurrent one is computed");
  const units = settings.count("units");
  const gates = GATES[cell] as number;
  const wide = gates * units;
  const twice = cell === "gru" && settings.flag("reset_after", true);
  const variables = [
    call.variable("kernel", [features, wide]),
    call.variable("recurrent_kernel", [units, wide]),
  ];
  if (settings.flag("use_bias", true)) variables.push(call.variable("bias", twice ? [2, wide] : [wide]));
  const all = settings.flag("return_sequences", false);
  const casts = call.spec(variables[0] as ValueId).dtype !== call.compute;
  const steps = call.op("TensorListFromTensor", [call.op("Transpose", [input], { order: [1, 0, 2] })]);
  const list = call.op("RecurrentLoop", [steps, ...variables], { cell, units, all, casts });
  const stacked = call.op("TensorListStack", [list]);
  if (cell !== "simple") call.note("cudnn-rnn", "warning", NO_CUDNN);
  if (all) return call.op("Transpose", [stacked], { order: [1, 0, 2] });
  return call.op("StridedSlice", [stacked], { shape: [batch, units] });
}

const CELLS: Readonly<Record<string, string>> = { LSTM: "lstm", GRU: "gru", SimpleRNN: "simple" };

/** The same layer over the steps backwards, beside the first. */
const bidirectional: LayerRow = (call) => {
  const inner = layerConfig(call, call.settings.values.layer);
  const other = call.settings.values.backward_layer;
  const second = other == null ? inner : layerConfig(call, other);
  const all = inner.config.return_sequences === true;
  const forward = loop(call.child("forward", inner.config, [call.input]), inner.cell);
  const reversed = call.op("ReverseV2", [call.input]);
  const backward = loop(call.child("backward", second.config, [reversed]), second.cell);
  const result = all ? call.op("ReverseV2", [backward]) : backward;
  const merge = call.settings.text("merge_mode", ["concat", "sum", "mul", "ave"], "concat");
  if (merge === "concat") return call.op("ConcatV2", [forward, result], { axis: all ? 2 : 1 });
  if (merge === "mul") return call.op("Mul", [forward, result]);
  const sum = call.op("AddV2", [forward, result]);
  return merge === "ave" ? call.op("RealDiv", [sum, null]) : sum;
};

function layerConfig(call: LayerCall, value: Json | undefined): { cell: string; config: JsonObject } {
  const kind = isObject(value) ? value.class_name : undefined;
  const cell = typeof kind === "string" && Object.hasOwn(CELLS, kind) ? CELLS[kind] : undefined;
  if (cell === undefined || !isObject(value) || !isObject(value.config))
    throw call.settings.wrong("layer", `one of ${Object.keys(CELLS).join(", ")}`);
  return { cell, config: value.config };
}

export const recurrentLayers: Readonly<Record<string, LayerRow>> = {
  LSTM: (call) => loop(call, "lstm"),
  GRU: (call) => loop(call, "gru"),
  SimpleRNN: (call) => loop(call, "simple"),
  Bidirectional: bidirectional,
};
