/**
 * Attention without a fused kernel: PyTorch's own composition, and what models write by hand.
 *
 * Source  aten/src/ATen/native/transformers/attention.cpp (_scaled_dot_product_attention_math,
 *         convert_boolean_attn_mask)
 */
import { flag } from "../../../ops/rule.js";
import type { Lowering, Traced, Tracer } from "../kernel.js";
import { isHalf, last } from "./backend.js";

const scalar = (trace: Tracer, dtype: Traced["spec"]["dtype"]) =>
  trace.call("create", {}, { size: [], dtype });

/** What models wrote before there was a fused operator: scaled query times keys, softmax, dropout, times values. */
export function eagerAttention(
  trace: Tracer,
  query: Traced,
  key: Traced,
  value: Traced,
  mask: Traced | null,
  attributes: Parameters<Lowering>[2],
  dropout: number,
): Traced {
  const scaled = trace.call("mul", { self: query }, { other: 1 / Math.sqrt(last(query.spec)) });
  const columns = trace.call("transpose", { self: key }, { dim0: -2, dim1: -1 });
  let scores = trace.call("matmul", { self: scaled, other: columns });
  const replace = (next: Traced) => {
    trace.drop(scores);
    scores = next;
  };
  if (mask?.spec.dtype === "bool") replace(trace.call("maskedFill", { self: scores, mask }));
  else if (mask) replace(trace.call("add", { self: scores, other: mask }));
  if (flag(attributes, "is_causal")) {
    const hidden = trace.call("create", {}, { size: scores.spec.shape.slice(-2), dtype: "bool" });
    replace(trace.call("maskedFill", { self: scores, mask: hidden }));
  }
  replace(trace.call("softmax", { self: scores }, { dim: -1 }));
  if (dropout > 0) replace(trace.call("dropout", { input: scores }, { p: dropout, train: true }));
  return trace.call("matmul", { self: scores, other: value });
}

/**
 * _scaled_dot_product_attention_math: both operands scaled by the square root, softmax, dropout, product. 16-bit
 * operands are computed in float32 unless the user allows less, and the weights are cast back along with the result.
 */
export function mathAttention(
  trace: Tracer,
  query: Traced,
  key: Traced,
  value: Traced,
  given: Traced | null,
  attributes: Parameters<Lowering>[2],
  dropout: number,
): Traced {
  const half = isHalf(query.spec);
  const wide = (tensor: Traced) =>
    half ? trace.call("cast", { self: tensor }, { dtype: "float32" }) : tensor;
  let mask = given?.spec.dtype === "bool" ? asBias(trace, given, query.spec.dtype) : given;
  const wideQuery = wide(query);
  let [wideKey, wideValue] = [wide(key), wide(value)];
  const locals = half ? [wideQuery, wideKey, wideValue] : [];
  const scale = Math.sqrt(1 / Math.sqrt(last(query.spec)));
  const q = trace.call("mul", { self: wideQuery }, { other: scale });
  locals.push(q);
  if (flag(attributes, "is_causal")) {
    mask = causalBias(trace, wideQuery, wideKey);
    locals.push(mask); // one that was given is the caller's
  }
  const groups = (query.spec.shape[1] as number) / (key.spec.shape[1] as number);
  if (groups > 1) {
    const repeated = (self: Traced) => trace.call("repeatInterleave", { self }, { repeats: groups, dim: -3 });
    [wideKey, wideValue] = [repeated(wideKey), repeated(wideValue)];
    locals.push(wideKey, wideValue);
  }
  const k = trace.call(
    "mul",
    { self: trace.call("transpose", { self: wideKey }, { dim0: -2, dim1: -1 }) },
    { other: scale },
  );
  let scores = trace.call("matmul", { self: q, other: k });
  trace.drop(k); // the scaled key is part of that expression; the scaled query is a local of the function
  if (mask) scores = trace.call("add", { self: scores, other: mask }, { inPlace: true });
  let weights = trace.call("safeSoftmax", { self: scores }, { dim: -1 });
  trace.drop(scores);
  if (dropout > 0) {
    const dropped = trace.call("dropout", { input: weights }, { p: dropout, train: true });
    trace.drop(weights);
    weights = dropped;
  }
  if (half) {
    trace.call("cast", { self: weights }, { dtype: query.spec.dtype }); // a result too: it dies later
    locals.push(weights);
  }
  let out = trace.call("matmul", { self: weights, other: wideValue });
  if (half) {
    const narrow = trace.call("cast", { self: out }, { dtype: query.spec.dtype });
    trace.drop(out);
    out = narrow;
  }
  for (const local of locals.reverse()) trace.drop(local);
  return out;
}

/** Minus infinity where the mask is false. attention.cpp convert_boolean_attn_mask */
export function asBias(trace: Tracer, mask: Traced, dtype: Traced["spec"]["dtype"]): Traced {
  const [zero, minusInfinity] = [scalar(trace, dtype), scalar(trace, dtype)];
  const bias = trace.call("where", { condition: mask, self: zero, other: minusInfinity });
  trace.drop(minusInfinity);
  trace.drop(zero);
  return bias;
}

function causalBias(trace: Tracer, query: Traced, key: Traced): Traced {
  const size = [query.spec.shape.at(-2) as number, key.spec.shape.at(-2) as number];
  const ones = trace.call("create", {}, { size, dtype: "bool" });
  const lower = trace.call("tril", { self: ones });
  trace.drop(ones);
  const bias = asBias(trace, lower, query.spec.dtype);
  trace.drop(lower);
  return bias;
}
