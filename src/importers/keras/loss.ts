/** The loss that stands behind a model's first output. keras/src/losses/losses.py, Keras 3.15 */
import { elements } from "../../base/shape.js";
import type { ValueId } from "../../ir/graph.js";
import { dense } from "../../ir/tensor.js";
import { type Drawing, Instance, LayerCall } from "./call.js";
import type { LayerConfig } from "./schema.js";

const ROOT = 0;

/** SparseCategoricalCrossentropy over the last dim, targets beside the inputs; the mean over all rows. */
export function drawLoss(drawing: Drawing, outputs: readonly ValueId[], where: string): ValueId {
  const { builder } = drawing;
  const [first] = outputs;
  if (first === undefined)
    throw drawing.complaints.notComputed(where, "a model without outputs", "--loss none");
  const layer: LayerConfig = {
    name: "loss",
    kind: "SparseCategoricalCrossentropy",
    isOperation: false,
    config: {},
    at: where,
    calls: [],
    inner: null,
  };
  const instance = new Instance(layer, "loss", { compute: "float32", variable: "float32" }, true);
  const scope = builder.scope("loss", layer.kind, ROOT);
  const call = new LayerCall(drawing, instance, scope, outputs);
  const shape = call.shape(first);
  if (shape.length < 2)
    throw drawing.complaints.notComputed(where, `a loss of [${shape}]`, "--loss none trains on no loss");
  const target = builder.value("target", "target", dense(shape.slice(0, -1), "int32"));
  const maker = builder.makerOf(first);
  // probabilities of a float32 softmax are traced back to its logits; a cast in between hides it. nn.py _get_logits
  const found = maker?.op === "Softmax" ? ((maker.inputs.inputs as readonly ValueId[])[0] as ValueId) : null;
  const isHidden = found !== null && call.spec(found).dtype !== "float32";
  let logits = call.cast(found === null || isHidden ? first : found, "float32");
  const labels = call.op("Cast", [call.op("Cast", [target], { dtype: "float32" })], { dtype: "int64" });
  if (isHidden) logits = clipped(call, logits);
  const rows = elements(shape.slice(0, -1));
  const flat = shape.length > 2;
  if (flat) logits = call.reshape(logits, [rows, shape.at(-1) as number]);
  const ids = flat ? call.reshape(labels, [rows]) : labels;
  const losses = call.op("SparseSoftmaxCrossEntropyWithLogits", [logits, ids]);
  const shaped = flat ? call.reshape(losses, shape.slice(0, -1)) : losses;
  const axes = shape.slice(0, -1).map((_, dim) => dim);
  return call.op("DivNoNan", [call.op("Sum", [shaped], { axes, keep: false }), null]);
}

/** log of probabilities kept away from 0 and 1. */
function clipped(call: LayerCall, probabilities: ValueId): ValueId {
  const below = call.op("Minimum", [probabilities, null]);
  return call.op("Log", [call.op("Maximum", [below, null])]);
}
