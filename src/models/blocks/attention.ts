/**
 * Attention as transformers dispatches it: one fused operator, or scores and softmax written out.
 *
 * Source  transformers 5.18: integrations/sdpa_attention.py sdpa_attention_forward;
 *         models/llama/modeling_llama.py eager_attention_forward, repeat_kv
 * `B` batch, `H` heads, `K` key heads, `L` query length, `S` key length, `E` head size.
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

export interface AttentionCall {
  /** [B, H, L, E] */
  readonly query: ValueId;
  /** [B, K, S, E] */
  readonly key: ValueId;
  readonly value: ValueId;
  readonly mask: ValueId | null;
  /** Whether a query sees only earlier keys when there is no mask that says so. */
  readonly causal: boolean;
  readonly dropout: number;
  /** What the family's own eager code does otherwise. */
  readonly eager?: EagerCode;
  /** tanh caps the scores at this value. */
  readonly softcap?: number | null;
  /** Added to the scores: learned from the distance of a query and a key. [1, H, L, S] */
  readonly bias?: ValueId | null;
}

export interface EagerCode {
  /** The softmax's type: float32 and back to the query's; the scores' own, then the values'; or the scores' own for good. */
  readonly softmax?: "float32" | "own" | "plain";
  /** Whether the result is a view of the product, or copied row-major. */
  readonly out?: "view" | "contiguous";
}

/** Head sizes up to which the fused kernels share key heads among query heads themselves. */
const GROUPED_HEAD = 256;

export interface Attended {
  /** [B, L, H, E], contiguous. */
  readonly output: ValueId;
  /** [B, H, L, S] after dropout, where they are written out: code that unpacks both results holds them too. */
  readonly weights: ValueId | null;
}

/** [B, L, H, E], contiguous. */
export function attention(f: Frame, call: AttentionCall): ValueId {
  return attend(f, call).output;
}

/** Both results of transformers' attention functions. */
export function attend(f: Frame, call: AttentionCall): Attended {
  return f.call([call.query, call.key, call.value], (g) =>
    g.run.eager ? eagerAttention(g, call) : { output: fusedAttention(g, call), weights: null },
  );
}

/** `repeat_kv`: key heads repeated for the query heads that share them. */
export function repeatHeads(f: Frame, states: ValueId, groups: number): ValueId {
  if (groups === 1) return states;
  return f.call([states], (g) => {
    const [B, K, S, E] = g.shape(states) as readonly [number, number, number, number];
    const wide = g.set("hidden_states", g.expand(g.unsqueeze(states, 2), [B, K, groups, S, E]));
    return g.reshape(wide, [B, K * groups, S, E]);
  });
}

function groupsOf(f: Frame, { query, key }: AttentionCall): number {
  return (f.shape(query)[1] as number) / (f.shape(key)[1] as number);
}

function fusedAttention(f: Frame, call: AttentionCall): ValueId {
  let { key, value } = call;
  const groups = groupsOf(f, call);
  const [E, V] = [f.shape(key).at(-1) as number, f.shape(value).at(-1) as number];
  if (groups > 1 && !(call.mask === null && E === V && E <= GROUPED_HEAD)) {
    key = f.set("key", repeatHeads(f, key, groups));
    value = f.set("value", repeatHeads(f, value, groups));
  }
  const causal = call.causal && call.mask === null && (f.shape(call.query)[2] as number) > 1;
  const mask = call.bias ? f.set("attention_mask", biasMask(f, call, call.bias, causal)) : call.mask;
  const out = f.set(
    "attn_output",
    f.op(
      "scaledDotProductAttention",
      { query: call.query, key, value, attn_mask: mask },
      { dropout_p: f.run.training ? call.dropout : 0, is_causal: causal && mask === null },
    ),
  );
  return f.set("attn_output", f.contiguous(f.transpose(out, 1, 2)));
}

/** `create_position_bias_mask`: the bias where a query sees a key, the least number elsewhere. */
function biasMask(f: Frame, { query, key, mask }: AttentionCall, bias: ValueId, causal: boolean): ValueId {
  if (mask !== null) return f.op("where", { condition: mask, self: bias }, { other: -1 });
  if (!causal) return bias;
  const [L, S] = [f.shape(query)[2] as number, f.shape(key)[2] as number];
  return f.call([bias, query, key], (g) => {
    const rows = g.unsqueeze(g.arange(L), 1);
    const seen = g.set("causal_mask", g.op("ge", { self: rows, other: g.unsqueeze(g.arange(S), 0) }));
    return g.op("where", { condition: g.view(seen, [1, 1, L, S]), self: bias }, { other: -1 });
  });
}

function eagerAttention(f: Frame, call: AttentionCall): Attended {
  const groups = groupsOf(f, call);
  const key = f.set("key_states", repeatHeads(f, call.key, groups));
  const value = f.set("value_states", repeatHeads(f, call.value, groups));
  const scores = f.matmul(call.query, f.transpose(key, 2, 3));
  let weights = f.set("attn_weights", f.scale(scores, 1));
  if (call.softcap) {
    weights = f.set("attn_weights", f.op("div", { self: weights }, { other: call.softcap }));
    weights = f.set("attn_weights", f.apply("tanh", weights));
    weights = f.set("attn_weights", f.scale(weights, call.softcap));
  }
  if (call.bias) weights = f.set("attn_weights", f.add(weights, call.bias));
  if (call.mask !== null) weights = f.set("attn_weights", f.add(weights, call.mask));
  const softmax = call.eager?.softmax ?? "float32";
  if (softmax !== "float32") {
    weights = f.set("attn_weights", f.apply("softmax", weights, { dim: -1 }));
    if (softmax === "own") weights = f.set("attn_weights", f.toTypeOf(weights, value));
  } else {
    const wide = f.apply("softmax", weights, { dim: -1, dtype: "float32" });
    weights = f.set("attn_weights", f.toTypeOf(wide, call.query));
  }
  weights = f.set("attn_weights", f.dropout(weights, call.dropout));
  const out = f.set("attn_output", f.matmul(weights, value));
  const turned = f.transpose(out, 1, 2);
  const output = f.set("attn_output", call.eager?.out === "view" ? turned : f.contiguous(turned));
  return { output, weights };
}
