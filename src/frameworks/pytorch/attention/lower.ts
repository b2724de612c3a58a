/** `scaled_dot_product_attention` as eager PyTorch takes it apart: masks and paddings around the chosen kernel. */
import { flag } from "../../../ops/rule.js";
import { given, type Lowering, optional, type Traced, type Tracer } from "../kernel.js";
import { type Attention, chooseBackend, isTakenBy, last } from "./backend.js";
import { notTaken } from "./complaints.js";
import { asBias, eagerAttention, mathAttention } from "./unfused.js";

/** Whole 16-byte loads of 2-byte elements. */
const LOAD = 8;
const up = (size: number, to: number) => Math.ceil(size / to) * to;

export const lowerAttention: Lowering = (trace, inputs, attributes) => {
  const [query, key, value] = [given(inputs, "query"), given(inputs, "key"), given(inputs, "value")];
  const mask = optional(inputs, "attn_mask");
  if (query.spec.shape.length === 3) {
    const open = (tensor: Traced) => trace.call("unsqueeze", { self: tensor }, { dim: 0 });
    const wide = trace.call(
      "scaledDotProductAttention",
      {
        query: open(query),
        key: open(key),
        value: open(value),
        attn_mask: mask && mask.spec.shape.length === 3 ? open(mask) : mask,
      },
      attributes,
    );
    return trace.call("squeeze", { self: wide }, { dim: 0 });
  }
  const dropout = typeof attributes.dropout_p === "number" ? attributes.dropout_p : 0;
  if (trace.device.attention === "eager")
    return eagerAttention(trace, query, key, value, mask, attributes, dropout);
  const training = query.edge !== null || key.edge !== null || value.edge !== null;
  const call: Attention = {
    query: query.spec,
    key: key.spec,
    value: value.spec,
    mask: mask?.spec ?? null,
    causal: flag(attributes, "is_causal"),
    dropout,
    training,
  };
  const { attention = "sdpa", computeCapability } = trace.device;
  if (attention !== "sdpa" && !isTakenBy(attention, call, computeCapability))
    throw notTaken(attention, call, computeCapability);
  const backend = attention === "sdpa" ? chooseBackend(call, computeCapability) : attention;
  if (backend === "math") return mathAttention(trace, query, key, value, mask, attributes, dropout);
  if (backend === "flash") return flashAttention(trace, query, key, value, dropout);
  const bias = mask ? preparedMask(trace, mask, query, key) : null;
  return trace.call(
    backend === "cudnn" ? "cudnnAttention" : "efficientAttention",
    { query, key, value, attn_mask: bias },
    { dropout_p: dropout, compute_log_sumexp: training },
  );
};

/** Head sizes are padded to whole 16-byte loads and the result is cut back. attention.cpp pad_last_dim<8> */
function flashAttention(trace: Tracer, query: Traced, key: Traced, value: Traced, dropout: number): Traced {
  const E = last(query.spec);
  const missing = up(E, LOAD) - E;
  const padded = (tensor: Traced) =>
    missing === 0 ? tensor : trace.call("pad", { self: tensor }, { pad: [0, missing] });
  const [q, k, v] = [padded(query), padded(key), padded(value)];
  const out = trace.call("flashAttention", { query: q, key: k, value: v }, { dropout_p: dropout });
  return missing === 0 ? out : trace.call("slice", { self: out }, { dim: -1, start: 0, end: E });
}

/** A mask becomes a float bias, with rows padded to eight elements and cut back, and is expanded over batch and heads. */
function preparedMask(trace: Tracer, mask: Traced, query: Traced, key: Traced): Traced {
  let bias = mask;
  if (mask.spec.dtype === "bool") bias = asBias(trace, mask, query.spec.dtype);
  const S = bias.spec.shape[bias.spec.shape.length - 1] as number;
  if (S % 8 !== 0) {
    const padded = trace.call("pad", { self: bias }, { pad: [0, 8 - (S % 8)] });
    if (bias !== mask) trace.drop(bias);
    bias = trace.call("slice", { self: padded }, { dim: -1, start: 0, end: S });
  }
  const [B, H, L] = query.spec.shape as [number, number, number];
  return trace.call("expand", { self: bias }, { size: [B, H, L, key.spec.shape[2] as number] });
}
