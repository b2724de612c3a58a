/**
 * `torch.nn.MultiheadAttention(batch_first=True)` that looks from one sequence at another, with its weights asked for.
 *
 * Source  torch 2.14, nn/modules/activation.py MultiheadAttention; nn/functional.py multi_head_attention_forward,
 *         _in_projection_packed
 * `B` batch, `L` query length, `S` key length, `E` width, `A` heads.
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { linearWith } from "./linear.js";

/** Takes queries [B, L, E] and keys [B, S, E]. */
export function multiheadAttention(m: Module, width: number, heads: number): Layer<[ValueId, ValueId]> {
  const weight = m.parameter("in_proj_weight", [3 * width, width]);
  const bias = m.parameter("in_proj_bias", [3 * width]);
  const out = m.child("out_proj");
  const toOut = linearWith(out, out.parameter("weight", [width, width]), width);
  const packed = { weight, bias, width };
  return m.layer("MultiheadAttention", (f, queries: ValueId, keys: ValueId) => {
    const from = f.set("query", f.transpose(queries, 1, 0));
    const to = f.set("key", f.transpose(keys, 1, 0));
    const result = f.call([from, to], (g) => {
      const [L, B] = g.shape(from) as readonly [number, number, number];
      const S = g.shape(to)[0] as number;
      const [q, k, v] = projected(g, from, to, packed);
      const split = (x: ValueId, length: number) =>
        g.transpose(g.view(x, [length, B * heads, width / heads]), 0, 1);
      const query = g.set("q", split(q, L));
      const [key, value] = [split(k, S), split(v, S)];
      const scaled = g.scale(query, 1);
      const turned = g.transpose(key, -2, -1);
      let weights = g.set("attn_output_weights", g.op("bmm", { self: scaled, mat2: turned }));
      weights = g.set("attn_output_weights", g.apply("softmax", weights, { dim: -1 }));
      let states = g.set("attn_output", g.op("bmm", { self: weights, mat2: value }));
      states = g.set("attn_output", g.reshape(g.transpose(states, 0, 1), [L * B, width]));
      states = g.set("attn_output", toOut(g, states));
      states = g.set("attn_output", g.view(states, [L, B, width]));
      weights = g.set("attn_output_weights", g.view(weights, [B, heads, L, S]));
      g.set("attn_output_weights", g.apply("mean", weights, { dim: [1] }));
      return states;
    });
    f.set("attn_output", result);
    return f.set("attn_output", f.transpose(result, 1, 0));
  });
}

interface Packed {
  readonly weight: ValueId;
  readonly bias: ValueId;
  readonly width: number;
}

/** Queries by the first third of the packed weight; keys and values by the rest, in one product. */
function projected(
  f: Frame,
  query: ValueId,
  key: ValueId,
  { weight, bias, width }: Packed,
): readonly [ValueId, ValueId, ValueId] {
  return f.call([query, key], (g) => {
    const parts = { split_sizes: [width, 2 * width], dim: 0 };
    const [queryWeight, restWeight] = g.ops("split", { self: weight }, parts) as [ValueId, ValueId];
    const [queryBias, restBias] = g.ops("split", { self: bias }, parts) as [ValueId, ValueId];
    const q = g.set("q_proj", g.op("linear", { input: query, weight: queryWeight, bias: queryBias }));
    let kv = g.set("kv_proj", g.op("linear", { input: key, weight: restWeight, bias: restBias }));
    kv = g.unsqueeze(g.op("unflatten", { self: kv }, { dim: -1, sizes: [2, width] }), 0);
    kv = g.op("squeeze", { self: g.transpose(kv, 0, -2) }, { dim: -2 });
    kv = g.set("kv_proj", g.contiguous(kv));
    const part = (index: number) => g.op("select", { self: kv }, { dim: 0, index });
    return [q, part(0), part(1)];
  });
}
