/**
 * OPT: learned positions counted from the padding mask, scaled queries.
 *
 * Source  transformers 5.18, models/opt/modeling_opt.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { attention } from "./blocks/attention.js";
import { embedding, layerNorm, linear } from "./blocks/linear.js";
import { causalMask } from "./blocks/masks.js";
import { sequenceTooLong } from "./complaints.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const opt: LanguageModel = {
  kind: "OPT",
  prefix: "model",
  construct: (m, config) => {
    const { layer, ...rest } = decoder(m.child("decoder"), config);
    return { ...rest, layer: m.layer("OPTModel", (f, ids: ValueId, padding) => layer(f, ids, padding)) };
  },
};

/** The table of positions begins with two entries for padding. */
const OFFSET = 2;

function decoder(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const narrow = config.count("word_embed_proj_dim", width);
  const embed = embedding(m.child("embed_tokens"), config.count("vocab_size"), narrow);
  const most = config.count("max_position_embeddings");
  const places = embedding(m.child("embed_positions"), most + OFFSET, width, "OPTLearnedPositionalEmbedding");
  const projects = narrow !== width;
  const out = projects ? linear(m.child("project_out"), width, narrow, false) : null;
  const into = projects ? linear(m.child("project_in"), narrow, width, false) : null;
  const normsLast = config.flag("do_layer_norm_before") && !config.flag("_remove_final_layer_norm");
  const last = normsLast ? layerNorm(m.child("final_layer_norm"), width) : null;
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config));
  const layer = m.layer("OPTDecoder", (f, given: ValueId, padding: ValueId | null) => {
    const [batch, length] = f.shape(given) as readonly [number, number];
    if (length > most) throw sequenceTooLong(config.source, length, most, "max_position_embeddings");
    let embeds = f.set("inputs_embeds", embed(f, f.view(given, [-1, length])));
    const seen = padding ?? f.set("position_attention_mask", f.create([batch, length], "float32"));
    const at = f.set("position_ids", countPositions(f, seen, length));
    const mask = causalMask(f, { states: embeds, padding });
    if (mask !== null) f.set("causal_mask", mask);
    const placed = f.set("pos_embeds", places(f, f.op("add", { self: at }, { other: OFFSET })));
    if (into) embeds = f.set("inputs_embeds", into(f, embeds));
    let states = f.set("hidden_states", f.add(embeds, placed));
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask));
    if (last) states = f.set("hidden_states", last(f, states));
    return out ? f.set("hidden_states", out(f, states)) : states;
  });
  return { layer, embeddings: embed.weight, width: narrow };
}

function countPositions(f: Frame, seen: ValueId, length: number): ValueId {
  const counted = f.set("position_ids", f.apply("cumsum", seen, { dim: 1 }));
  const shifted = f.op("sub", { self: f.mul(counted, seen) }, { other: 1 });
  return f.slice(f.to(shifted, "int64"), 1, 0, length);
}

function block(m: Module, config: Config): Layer<[ValueId, ValueId | null]> {
  const width = config.count("hidden_size");
  const bias = config.flag("enable_bias");
  const attend = selfAttention(m.child("self_attn"), config);
  const before = config.flag("do_layer_norm_before");
  const act = activation(m.child("activation_fn"), config, "activation_function");
  const first = layerNorm(m.child("self_attn_layer_norm"), width);
  const widen = linear(m.child("fc1"), width, config.count("ffn_dim"), bias);
  const narrow = linear(m.child("fc2"), config.count("ffn_dim"), width, bias);
  const second = layerNorm(m.child("final_layer_norm"), width);
  const p = config.number("dropout");
  return m.layer(
    "OPTDecoderLayer",
    (f, x: ValueId, mask: ValueId | null) => {
      let states = before ? f.set("hidden_states", first(f, x)) : x;
      states = f.set("hidden_states", attend(f, states, mask));
      states = f.set("hidden_states", f.dropout(states, p));
      states = f.set("hidden_states", f.add(x, states));
      if (!before) states = f.set("hidden_states", first(f, states));
      const shape = f.shape(states);
      const residual = f.set("residual", f.reshape(states, [-1, width]));
      states = f.set("hidden_states", before ? second(f, residual) : residual);
      for (const each of [widen, act, narrow]) states = f.set("hidden_states", each(f, states));
      states = f.set("hidden_states", f.dropout(states, p));
      states = f.set("hidden_states", f.view(f.add(residual, states), shape));
      return before ? states : f.set("hidden_states", second(f, states));
    },
    { block: true },
  );
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, ValueId | null]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const head = config.share(width, heads, "num_attention_heads", "hidden_size");
  const bias = config.flag("enable_bias");
  const [toKey, toValue, toQuery, out] = ["k_proj", "v_proj", "q_proj", "out_proj"].map((name) =>
    linear(m.child(name), width, width, bias),
  ) as unknown as readonly [Layer, Layer, Layer, Layer]; // as: four names
  return m.layer("OPTAttention", (f, x: ValueId, mask: ValueId | null) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const split = (states: ValueId, name: string) =>
      f.set(name, f.transpose(f.view(states, [B, -1, heads, head]), 1, 2));
    const query = split(f.set("query_states", f.scale(toQuery(f, x), 1)), "query_states");
    const keys = f.set("key_states", toKey(f, x));
    const values = f.set("value_states", toValue(f, x));
    const [key, value] = [split(keys, "key_states"), split(values, "value_states")];
    const dropped = config.number("attention_dropout");
    const states = attention(f, { query, key, value, mask, causal: true, dropout: dropped });
    const result = f.set("attn_output", f.contiguous(f.reshape(states, [B, S, width])));
    return f.set("attn_output", out(f, result));
  });
}
