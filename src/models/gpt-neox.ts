/**
 * GPT-NeoX and Pythia: attention and feed-forward beside each other, queries, keys and values of a head interleaved.
 *
 * Source  transformers 5.18, models/gpt_neox/modeling_gpt_neox.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { attention } from "./blocks/attention.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { causalMask } from "./blocks/masks.js";
import { plainMlp } from "./blocks/mlp.js";
import { type Angles, positions, rotaryEmbedding, rotateHalf } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const gptNeox: LanguageModel = { kind: "GPTNeoX", prefix: "gpt_neox", construct };

/** GPTNeoXConfig: a quarter of each head is rotated unless the file says otherwise. */
const ROTATED = 0.25;

function construct(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const embed = embedding(m.child("embed_in"), config.count("vocab_size"), width);
  const drop = dropout(m.child("emb_dropout"), config.number("hidden_dropout"));
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config));
  const last = layerNorm(m.child("final_layer_norm"), width);
  const head = config.share(width, config.count("num_attention_heads"), "num_attention_heads", "hidden_size");
  const rotated = Math.trunc(head * config.rotatedShare(ROTATED));
  const rotary = rotaryEmbedding(m.child("rotary_emb"), rotated, "GPTNeoXRotaryEmbedding");
  const layer = m.layer("GPTNeoXModel", (f, ids: ValueId, padding: ValueId | null) => {
    const embeds = f.set("inputs_embeds", embed(f, ids));
    const places = f.set("position_ids", positions(f, f.shape(ids)[1] as number));
    const mask = causalMask(f, { states: embeds, padding, positions: places });
    if (mask !== null) f.set("causal_mask", mask);
    let states = f.set("hidden_states", drop(f, embeds));
    const angles = rotary(f, states, places);
    f.set("cos", angles.cos);
    f.set("sin", angles.sin);
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask, angles, places));
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

/** The positions are passed on and not read. */
function block(m: Module, config: Config): Layer<[ValueId, ValueId | null, Angles, ValueId]> {
  const width = config.count("hidden_size");
  const [before, between] = [
    layerNorm(m.child("input_layernorm"), width),
    layerNorm(m.child("post_attention_layernorm"), width),
  ];
  const dropAttention = dropout(m.child("post_attention_dropout"), config.number("hidden_dropout"));
  const dropMlp = dropout(m.child("post_mlp_dropout"), config.number("hidden_dropout"));
  const attend = selfAttention(m.child("attention"), config);
  const feed = plainMlp(
    m.child("mlp"),
    { width, inner: config.count("intermediate_size"), bias: true },
    (child) => activation(child, config, "hidden_act"),
    { first: "dense_h_to_4h", second: "dense_4h_to_h", act: "act" },
    "GPTNeoXMLP",
  );
  const parallel = config.flag("use_parallel_residual");
  return m.layer(
    "GPTNeoXLayer",
    (f, x: ValueId, mask: ValueId | null, angles: Angles) => {
      let attended = f.set("attn_output", attend(f, before(f, x), angles, mask));
      attended = f.set("attn_output", dropAttention(f, attended));
      if (!parallel) attended = f.set("attn_output", f.add(attended, x));
      const fed = f.set("mlp_output", feed(f, between(f, parallel ? x : attended)));
      const dropped = f.set("mlp_output", dropMlp(f, fed));
      const sum = f.add(dropped, attended);
      return f.set("hidden_states", parallel ? f.add(sum, x) : sum);
    },
    { block: true },
  );
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, Angles, ValueId | null]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const head = config.share(width, heads, "num_attention_heads", "hidden_size");
  const bias = config.flag("attention_bias");
  const project = linear(m.child("query_key_value"), width, 3 * width, bias);
  const out = linear(m.child("dense"), width, width, bias);
  return m.layer("GPTNeoXAttention", (f, x: ValueId, angles: Angles, mask: ValueId | null) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const qkv = f.set("qkv", f.transpose(f.view(project(f, x), [B, S, -1, 3 * head]), 1, 2));
    const [query, key, value] = f.ops("split", { self: qkv }, { split_size: head, dim: -1 }) as [
      ValueId,
      ValueId,
      ValueId,
    ];
    const [q, k] = rotate(f, [query, key], angles);
    f.set("query_states", q);
    f.set("key_states", k);
    const dropped = config.number("attention_dropout");
    const states = attention(f, { query: q, key: k, value, mask, causal: true, dropout: dropped });
    const result = f.set("attn_output", f.contiguous(f.reshape(states, [B, S, width])));
    return f.set("attn_output", out(f, result));
  });
}

/** Rotates the first part of each head and joins the rest to it. */
function rotate(f: Frame, pair: readonly [ValueId, ValueId], { cos, sin }: Angles): [ValueId, ValueId] {
  return f.call(pair, (g) => {
    const [c, s] = [g.unsqueeze(cos, 1), g.unsqueeze(sin, 1)];
    const part = g.shape(c).at(-1) as number;
    const cut = pair.map((x, i) => {
      const width = g.shape(x).at(-1) as number;
      return [g.set(`rot ${i}`, g.slice(x, -1, 0, part)), g.set(`pass ${i}`, g.slice(x, -1, part, width))];
    }) as [ValueId, ValueId][];
    const turned = cut.map(([rot], i) =>
      g.set(`embed ${i}`, g.add(g.mul(rot, c), g.mul(rotateHalf(g, rot), s))),
    );
    return cut.map(([, pass], i) => g.set(`embed ${i}`, g.cat([turned[i] as ValueId, pass], -1))) as [
      ValueId,
      ValueId,
    ];
  });
}
