/**
 * ONNX file → forward graph.
 *
 * Spec     onnx.proto of ONNX 1.23, opset 7 to 28; operators as docs/Operators.md has them
 * Reads    inputs, initializers (dims and types only), nodes, functions, value_info; values of tensors of a few numbers
 * Ignores  weights, inside or beside the file; training_info, doc strings, quantization annotations
 * Untrue   an export for inference is trained: batch norm uses the batch's statistics again, also where the exporter had
 *          folded it into a convolution; dropout that was removed cannot be known. `If` counts one branch, a loop without
 *          a known end one turn
 */
import type { Source } from "../../base/source.js";
import { readMessage } from "../../decode/protobuf.js";
import type { ImportedModel } from "../model.js";
import { noGraph, oldOpset } from "./complaints.js";
import { declaredInputs, openDims, sizesOf } from "./inputs.js";
import { lowerModel, opsetOf } from "./lower.js";
import { MODEL, type ModelProto } from "./schema.js";

/** Before it broadcasting was an attribute, and batch norm had another form. */
const OLDEST = 7;
/** Tokens of a text when the file leaves them open and the user names none. */
const SEQUENCE = 512;

export async function readOnnx(source: Source): Promise<ImportedModel> {
  const model = (await readMessage(source, MODEL)) as ModelProto; // as: the schema's own types
  const { graph } = model;
  if (!graph?.node?.length) throw noGraph(source.name);
  const opset = opsetOf(model);
  if (opset < OLDEST) throw oldOpset(source.name, opset, OLDEST);
  const name = source.name.replace(/^.*[/\\]/, "").replace(/\.onnx$/i, "");
  const inputs = declaredInputs(graph, source.name);
  const { batch } = sizesOf(inputs, {});
  const { sequence } = openDims(inputs);
  return {
    kind: "model",
    name,
    source: source.name,
    format: "onnx",
    batch,
    ...(sequence && { sequence: SEQUENCE, takes: ["sequence"] as const }),
    bind: (bindings) => {
      const options = { name, source: source.name, bindings };
      const sizes = sizesOf(inputs, bindings);
      const { fixedBatch } = sizes;
      const moved = fixedBatch !== null && fixedBatch !== sizes.batch;
      const before = moved
        ? lowerModel(model, { ...options, bindings: {}, sizes: sizesOf(inputs, {}) }).shapes
        : undefined;
      return lowerModel(model, { ...options, sizes, ...(before && { before }) });
    },
  };
}
