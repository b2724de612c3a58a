/**
 * MPT: linear biases on scores that are written out, norms without bias, one product for queries, keys and values.
 *
 * Source  transformers 5.18, models/mpt/modeling_mpt.py; it has no fused attention
 * `B` batch, `S` sequence, `H` heads, `D` head size, `P` positions.
 */
import type { ValueId } from "../ir/graph.js";
import { checkLength } from "./blocks/encoder-embeddings.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { eagerCausalMask } from "./blocks/masks.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const mpt: LanguageModel = { kind: "Mpt", prefix: "transformer", construct };

function construct(m: Module, config: Config): Base {
  const width = config.count("d_model");
  const heads = config.count("n_heads");
  const most = config.count("max_seq_len");
  const embed = embedding(m.child("wte"), config.count("vocab_size"), width);
  const count = config.layers("n_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`blocks.${i}`), config));
  const last = layerNorm(m.child("norm_f"), width, false);
  const layer = m.layer("MptModel", (f, ids: ValueId, padding: ValueId | null) => {
    checkLength(config, f.shape(ids)[1] as number, most, "max_seq_len");
    const embeds = f.set("inputs_embeds", embed(f, ids));
    let states = f.set("hidden_states", embeds);
    const biases = f.set("alibi", alibi(f, heads, most));
    const request = { states: embeds, padding, asNumbers: true };
    const drawn = f.call([], (g) => eagerCausalMask(g, request));
    const mask = f.set("causal_mask", f.to(drawn, "bool"));
    for (const each of blocks) {
      const made = each(f, states, biases, mask);
      f.set("outputs", made.states);
      f.set("outputs.weights", made.weights);
      states = f.set("hidden_states", made.states);
    }
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

/** A slope for each head times the distance to the last of all positions. [H, 1, P] */
function alibi(f: Frame, heads: number, most: number): ValueId {
  return f.call([], (g) => {
    const whole = 2 ** Math.ceil(Math.log2(heads));
    const range = g.op("arange", {}, { start: 1 - most, end: 1, dtype: "int32" });
    const distances = g.set("alibi", g.view(range, [1, 1, 1, most]));
    const counted = g.op("arange", {}, { start: 1, end: whole + 1, dtype: "int64" });
    let base = g.set("base", g.to(counted, "float32"));
    base = g.set("base", g.scale(base, 1));
    const powers = g.op("pow", { self: base }, { exponent: 2 });
    let slopes = g.set("slopes", g.view(g.apply("reciprocal", powers), [1, whole, 1, 1]));
    if (whole !== heads) {
      const every = (start: number) =>
        g.op("slice", { self: slopes }, { dim: 1, start, end: whole, step: 2 });
      slopes = g.set("slopes", g.slice(g.cat([every(1), every(0)], 1), 1, 0, heads));
    }
    const biases = g.set("alibi", g.mul(distances, slopes));
    return g.op("squeeze", { self: biases }, { dim: 0 });
  });
}

interface BlockResult {
  readonly states: ValueId;
  /** [B, H, S, S] */
  readonly weights: ValueId;
}

type BlockLayer = Layer<[ValueId, ValueId, ValueId], BlockResult>;

/** Settings of attention, in a map of their own. */
function attentionConfig(config: Config): Config {
  return config.inner("attn_config", { attn_pdrop: 0 });
}

function block(m: Module, config: Config): BlockLayer {
  const width = config.count("d_model");
  const p = attentionConfig(config).number("attn_pdrop");
  const first = layerNorm(m.child("norm_1"), width, false);
  const attend = selfAttention(m.child("attn"), config);
  const second = layerNorm(m.child("norm_2"), width, false);
  const feed = mlp(m.child("ffn"), width, p);
  const drop = dropout(m.child("resid_attn_dropout"), p);
  return m.layer(
    "MptBlock",
    (f, x, biases, mask) => {
      let normed = f.set("layernorm_output", first(f, x));
      const attended = attend(f, normed, biases, mask);
      f.set("attn_outputs", attended.states);
      f.set("attn_weights", attended.weights);
      const states = f.set("hidden_states", f.add(drop(f, attended.states), x));
      normed = f.set("layernorm_output", second(f, states));
      return { states: f.set("output", feed(f, normed, states)), weights: attended.weights };
    },
    { block: true },
  );
}

function mlp(m: Module, width: number, p: number): Layer<[ValueId, ValueId]> {
  const widen = linear(m.child("up_proj"), width, 4 * width, false);
  const gelu = m.child("act").layer("GELU", (f, x: ValueId) => f.apply("gelu", x));
  const narrow = linear(m.child("down_proj"), 4 * width, width, false);
  return m.layer("MptMLP", (f, x: ValueId, residual: ValueId) => {
    const states = f.set("hidden_states", gelu(f, widen(f, x)));
    const out = f.set("intermediate_output", narrow(f, states));
    const dropped = f.set("output", f.dropout(out, p));
    return f.set("output", f.add(dropped, residual));
  });
}

function selfAttention(m: Module, config: Config): BlockLayer {
  const width = config.count("d_model");
  const heads = config.count("n_heads");
  const head = config.share(width, heads, "n_heads", "d_model");
  const settings = attentionConfig(config);
  const project = linear(m.child("Wqkv"), width, 3 * width, false);
  const out = linear(m.child("out_proj"), width, width, false);
  return m.layer("MptAttention", (f, x, biases, mask) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const most = f.shape(biases)[2] as number;
    let mixed = f.set("mixed_qkv", project(f, x));
    if (settings.has("clip_qkv")) mixed = f.set("mixed_qkv", f.apply("clamp", mixed, { min: -1, max: 1 }));
    const parts = f.ops("split", { self: mixed }, { split_size: width, dim: 2 });
    const [query, key, value] = parts.map((part) =>
      f.transpose(f.reshape(part, [B, S, heads, head]), 1, 2),
    ) as unknown as readonly [ValueId, ValueId, ValueId]; // as: three parts
    let scores = f.set("attention_scores", f.scale(f.matmul(query, f.transpose(key, -1, -2)), 1));
    scores = f.set("attention_scores", f.add(scores, f.slice(biases, 2, most - S, most)));
    scores = f.set("attention_scores", f.op("maskedFill", { self: scores, mask }, { value: -1 }));
    const wide = f.apply("softmax", f.to(scores, "float32"), { dim: -1 });
    let weights = f.set("attn_weights", f.toTypeOf(wide, value));
    weights = f.set("attn_weights", f.dropout(weights, settings.number("attn_pdrop")));
    let states = f.set("context_states", f.matmul(weights, value));
    states = f.set("context_states", f.view(f.contiguous(f.permute(states, [0, 2, 1, 3])), [B, S, width]));
    return { states: f.set("attn_output", out(f, states)), weights };
  });
}
