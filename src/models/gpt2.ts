/**
 * GPT-2: learned positions, queries, keys and values in one `Conv1D`.
 *
 * Source  transformers 5.18, models/gpt2/modeling_gpt2.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { attention } from "./blocks/attention.js";
import { conv1d } from "./blocks/conv1d.js";
import { dropout, embedding, layerNorm } from "./blocks/linear.js";
import { causalMask } from "./blocks/masks.js";
import { positions } from "./blocks/rotary.js";
import { sequenceTooLong } from "./complaints.js";
import type { Config } from "./config.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const gpt2: LanguageModel = {
  kind: "GPT2",
  causal: "LMHeadModel",
  prefix: "transformer",
  construct,
};

function construct(m: Module, config: Config): Base {
  const width = config.count("n_embd");
  const tokens = embedding(m.child("wte"), config.count("vocab_size"), width);
  const most = config.count("n_positions");
  const places = embedding(m.child("wpe"), most, width);
  const drop = dropout(m.child("drop"), config.number("embd_pdrop"));
  const count = config.layers("n_layer");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`h.${i}`), config));
  const last = layerNorm(m.child("ln_f"), width);
  const layer = m.layer("GPT2Model", (f, ids: ValueId, padding: ValueId | null) => {
    const [batch, length] = f.shape(ids) as readonly [number, number];
    if (length > most) throw sequenceTooLong(config.source, length, most, "n_positions");
    const embeds = f.set("inputs_embeds", tokens(f, f.view(ids, [-1, length])));
    const at = f.set("position_ids", positions(f, length));
    const placed = f.set("position_embeds", places(f, at));
    let states = f.set("hidden_states", f.add(embeds, placed));
    const mask = causalMask(f, {
      states: embeds,
      padding: padding && f.view(padding, [batch, -1]),
      positions: at,
    });
    if (mask !== null) f.set("causal_mask", mask);
    states = f.set("hidden_states", drop(f, states));
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask));
    states = f.set("hidden_states", last(f, states));
    return f.set("hidden_states", f.view(states, [-1, length, width]));
  });
  return { layer, embeddings: tokens.weight, width };
}

function block(m: Module, config: Config): Layer<[ValueId, ValueId | null]> {
  const width = config.count("n_embd");
  const inner = config.count("n_inner", 4 * width);
  const before = layerNorm(m.child("ln_1"), width);
  const attend = selfAttention(m.child("attn"), config);
  const between = layerNorm(m.child("ln_2"), width);
  const feed = mlp(m.child("mlp"), config, inner);
  return m.layer(
    "GPT2Block",
    (f, x: ValueId, mask: ValueId | null) => {
      const normed = f.set("hidden_states", before(f, x));
      const attended = f.set("attn_output", attend(f, normed, mask));
      const residual = f.set("residual", f.set("hidden_states", f.add(attended, x)));
      const states = f.set("hidden_states", between(f, residual));
      const fed = f.set("feed_forward_hidden_states", feed(f, states));
      return f.set("hidden_states", f.add(residual, fed));
    },
    { block: true },
  );
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, ValueId | null]> {
  const width = config.count("n_embd");
  const heads = config.count("n_head");
  const head = config.share(width, heads, "n_head", "n_embd");
  const project = conv1d(m.child("c_attn"), width, 3 * width);
  const out = conv1d(m.child("c_proj"), width, width);
  const drop = dropout(m.child("resid_dropout"), config.number("resid_pdrop"));
  return m.layer("GPT2Attention", (f, x: ValueId, mask: ValueId | null) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const parts = f.ops("split", { self: project(f, x) }, { split_size: width, dim: 2 });
    const split = (i: number, name: string) =>
      f.set(name, f.transpose(f.view(parts[i] as ValueId, [B, S, -1, head]), 1, 2));
    const [key, value] = [split(1, "key_states"), split(2, "value_states")];
    const query = split(0, "query_states");
    const states = attention(f, {
      query,
      key,
      value,
      mask,
      causal: true,
      dropout: config.number("attn_pdrop"),
      eager: { softmax: "own", out: "view" },
    });
    let result = f.set("attn_output", f.contiguous(f.reshape(states, [B, S, width])));
    result = f.set("attn_output", out(f, result));
    return f.set("attn_output", drop(f, result));
  });
}

function mlp(m: Module, config: Config, inner: number): Layer {
  const width = config.count("n_embd");
  const widen = conv1d(m.child("c_fc"), width, inner);
  const narrow = conv1d(m.child("c_proj"), inner, width);
  const act = activation(m.child("act"), config, "activation_function");
  const drop = dropout(m.child("dropout"), config.number("resid_pdrop"));
  return m.layer("GPT2MLP", (f, x: ValueId) => {
    let states = f.set("hidden_states", widen(f, x));
    for (const each of [act, narrow, drop]) states = f.set("hidden_states", each(f, states));
    return states;
  });
}
