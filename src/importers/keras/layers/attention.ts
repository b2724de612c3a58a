/** Attention. keras/src/layers/attention/multi_head_attention.py and the TensorFlow backend's einsum, Keras 3.15 */
import { isReference } from "../schema.js";
import type { ValueId } from "../../../ir/graph.js";
import type { LayerCall } from "../call.js";
import { notComputed } from "../complaints.js";
import type { LayerRow } from "./row.js";
import { dropout } from "./shaping.js";

/** [B, T, C] to [B, T, H, D]: "abc,cde->abde" is a product with the kernel seen as a matrix. */
function project(call: LayerCall, name: string, x: ValueId, heads: number, width: number): ValueId {
  const shape = call.shape(x);
  const [batch = 1, length = 1, inner = 1] = shape;
  if (shape.length !== 3) throw call.refuse("[batch, length, features]", `[${shape}]`);
  const part = call.child(name, call.instance.layer.config, [x]);
  const kernel = part.weight("kernel", [inner, heads, width]);
  const matrix = part.reshape(kernel, [inner, heads * width]);
  const product = part.op("BatchMatMulV2", [x, matrix]);
  const result = part.reshape(product, [batch, length, heads, width]);
  if (!call.settings.flag("use_bias", true)) return result;
  return part.op("AddV2", [result, part.weight("bias", [heads, width])]);
}

/** [B, T, H, D] to [B, T, C]: "abcd,cde->abe" */
function output(call: LayerCall, x: ValueId, width: number): ValueId {
  const [batch = 1, length = 1, heads = 1, size = 1] = call.shape(x);
  const part = call.child("attention_output", call.instance.layer.config, [x]);
  const kernel = part.weight("kernel", [heads, size, width]);
  const flat = part.reshape(x, [batch, length, heads * size]);
  const product = part.op("BatchMatMulV2", [flat, part.reshape(kernel, [heads * size, width])]);
  if (!call.settings.flag("use_bias", true)) return product;
  return part.op("BiasAdd", [product, part.weight("bias", [width])]);
}

const SWAPPED = [0, 2, 1, 3];

/** Written out, as it is where scores are dropped. */
function withDropout(
  call: LayerCall,
  q: ValueId,
  k: ValueId,
  v: ValueId,
  masked: boolean,
  rate: number,
): ValueId {
  const query = call.op("Mul", [q, null]);
  const keys = call.op("Transpose", [k], { order: SWAPPED });
  const queries = call.op("Transpose", [query], { order: [0, 2, 3, 1] });
  const product = call.op("BatchMatMulV2", [keys, queries]);
  let scores = call.op("Transpose", [product], { order: [0, 1, 3, 2] });
  if (masked) scores = call.op("SelectV2", [null, scores, null]);
  let weights = call.op("Softmax", [scores]);
  if (masked) weights = call.op("SelectV2", [null, weights, null]);
  const dropped = dropout(call.child("dropout", call.instance.layer.config, []), weights, rate);
  const values = call.op("Transpose", [v], { order: SWAPPED });
  return call.op("Transpose", [call.op("BatchMatMulV2", [dropped, values])], { order: SWAPPED });
}

/** ops.dot_product_attention: einsum, and a softmax in float32. */
function asOne(call: LayerCall, q: ValueId, k: ValueId, v: ValueId, masked: boolean): ValueId {
  const [batch = 1, length = 1, heads = 1] = call.shape(q);
  const source = call.shape(k)[1] as number;
  const scores = [batch, heads, length, source];
  const logits = call.op("Einsum", [q, k], { equation: "BTNH,BSNH->BNTS", shape: scores });
  let scaled = call.op("Mul", [call.cast(logits, "float32"), null]);
  if (masked) scaled = call.op("SelectV2", [null, scaled, null]);
  const weights = call.cast(call.op("Softmax", [scaled]), call.spec(k).dtype);
  const shape = [batch, length, heads, call.shape(v)[3] as number];
  return call.op("Einsum", [weights, v], { equation: "BNTS,BSNH->BTNH", shape });
}

const multiHeadAttention: LayerRow = (call) => {
  const { settings } = call;
  const [query, value = query, key = value] = call.inputs;
  if (query === undefined || value === undefined || key === undefined)
    throw call.refuse("query and value", "none");
  if (settings.values.attention_axes != null && settings.integers("attention_axes").join() !== "1")
    throw notComputed(settings.at, "attention_axes", "attention along the second dim is computed");
  const heads = settings.count("num_heads");
  const width = settings.count("key_dim");
  const valueWidth = settings.values.value_dim == null ? width : settings.count("value_dim");
  const q = project(call, "query", query, heads, width);
  const k = project(call, "key", key, heads, width);
  const v = project(call, "value", value, heads, valueWidth);
  const rate = settings.number("dropout", 0);
  const causal = call.kwargs.use_causal_mask;
  const masked =
    (typeof causal === "object" && !isReference(causal) && "plain" in causal && causal.plain === true) ||
    call.kwargs.attention_mask !== undefined;
  const context = rate > 0 ? withDropout(call, q, k, v, masked, rate) : asOne(call, q, k, v, masked);
  const shape = settings.values.output_shape;
  const out = Array.isArray(shape) ? Number(shape.at(-1)) : (call.shape(query).at(-1) as number);
  return output(call, context, out);
};

export const attentionLayers: Readonly<Record<string, LayerRow>> = {
  MultiHeadAttention: multiHeadAttention,
};
