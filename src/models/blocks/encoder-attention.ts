/**
 * Self-attention of encoders: every token sees every other.
 *
 * Source  transformers 5.18, models/{bert,roberta,electra,albert,distilbert}/modeling_*.py
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Module } from "../module.js";
import { type Attended, attend } from "./attention.js";
import { linear } from "./linear.js";

export interface EncoderAttention {
  readonly width: number;
  readonly heads: number;
  readonly dropout: number;
  /** What the projections of queries, keys and values are called. */
  readonly names: readonly [string, string, string];
}

/** Runs in the frame of the module that owns the projections. The output is [B, S, W], before any projection of its own. */
export type HeadsAttention = (f: Frame, states: ValueId, mask: ValueId | null) => Attended;

export function headsAttention(m: Module, attention: EncoderAttention): HeadsAttention {
  const { width, heads, dropout, names } = attention;
  const [q, k, v] = names.map((name) => linear(m.child(name), width, width));
  return (f, states, mask) => {
    const [B, S] = f.shape(states) as readonly [number, number, number];
    const split = (project: typeof q, name: string) => {
      const projected = (project as NonNullable<typeof q>)(f, states); // as: three names
      return f.set(name, f.transpose(f.view(projected, [B, S, -1, width / heads]), 1, 2));
    };
    const query = split(q, "query_layer");
    const key = split(k, "key_layer");
    const value = split(v, "value_layer");
    const call = { query, key, value, mask, causal: false, dropout, eager: { softmax: "plain" } } as const;
    const { output, weights } = attend(f, call);
    if (weights !== null) f.set("attn_weights", weights);
    f.set("attn_output", output);
    return { output: f.set("attn_output", f.contiguous(f.reshape(output, [B, S, width]))), weights };
  };
}
