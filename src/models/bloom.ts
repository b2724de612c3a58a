/**
 * BLOOM: linear biases on the scores, a norm behind the embeddings, residuals added inside attention and feed-forward.
 *
 * Source  transformers 5.18, models/bloom/modeling_bloom.py; it has no fused attention
 */
import type { ValueId } from "../ir/graph.js";
import { alibi } from "./blocks/alibi.js";
import { dropAdd } from "./blocks/drop-add.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { eagerCausalMask } from "./blocks/masks.js";
import type { Config } from "./config.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const bloom: LanguageModel = { kind: "Bloom", prefix: "transformer", construct };

function construct(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const heads = config.count("n_head");
  const embed = embedding(m.child("word_embeddings"), config.count("vocab_size"), width);
  const first = layerNorm(m.child("word_embeddings_layernorm"), width);
  const count = config.layers("n_layer");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`h.${i}`), config));
  const last = layerNorm(m.child("ln_f"), width);
  const layer = m.layer("BloomModel", (f, ids: ValueId, given: ValueId | null) => {
    const [batch, length] = f.shape(ids) as readonly [number, number];
    const embeds = f.set("inputs_embeds", embed(f, ids));
    let states = f.set("hidden_states", first(f, embeds));
    const padding = given ?? f.set("attention_mask", f.create([batch, length], "float32"));
    const biases = f.set("alibi", alibi(f, padding, states, heads, false));
    const mask = f.set("causal_mask", eagerCausalMask(f, { states: embeds, padding, asNumbers: true }));
    for (const each of blocks) states = f.set("hidden_states", each(f, states, biases, mask));
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

function block(m: Module, config: Config): Layer<[ValueId, ValueId, ValueId]> {
  const width = config.count("hidden_size");
  const before = layerNorm(m.child("input_layernorm"), width);
  const attend = selfAttention(m.child("self_attention"), config);
  const between = layerNorm(m.child("post_attention_layernorm"), width);
  const feed = mlp(m.child("mlp"), config);
  const fromNorm = config.flag("apply_residual_connection_post_layernorm");
  return m.layer(
    "BloomBlock",
    (f, x: ValueId, biases: ValueId, mask: ValueId) => {
      let normed = f.set("layernorm_output", before(f, x));
      const attended = f.set("attention_output", attend(f, normed, fromNorm ? normed : x, biases, mask));
      normed = f.set("layernorm_output", between(f, attended));
      return f.set("output", feed(f, normed, fromNorm ? normed : attended));
    },
    { block: true },
  );
}

function mlp(m: Module, config: Config): Layer<[ValueId, ValueId]> {
  const width = config.count("hidden_size");
  const widen = linear(m.child("dense_h_to_4h"), width, 4 * width);
  const gelu = m.child("gelu_impl").layer("BloomGelu", (f, x: ValueId) => f.apply("bloomGelu", x));
  const narrow = linear(m.child("dense_4h_to_h"), 4 * width, width);
  const p = config.number("hidden_dropout");
  return m.layer("BloomMLP", (f, x: ValueId, residual: ValueId) => {
    const states = f.set("hidden_states", gelu(f, widen(f, x)));
    const out = f.set("intermediate_output", narrow(f, states));
    return f.set("output", dropAdd(f, out, residual, p));
  });
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, ValueId, ValueId, ValueId]> {
  const width = config.count("hidden_size");
  const heads = config.count("n_head");
  const head = config.share(width, heads, "n_head", "hidden_size");
  const project = linear(m.child("query_key_value"), width, 3 * width);
  const out = linear(m.child("dense"), width, width);
  const drop = dropout(m.child("attention_dropout"), config.number("attention_dropout"));
  const p = config.number("hidden_dropout");
  return m.layer("BloomAttention", (f, x: ValueId, residual: ValueId, biases: ValueId, mask: ValueId) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const fused = f.set("fused_qkv", project(f, x));
    const parts = f.view(fused, [B, S, heads, 3, head]);
    const part = (index: number) => f.transpose(f.op("select", { self: parts }, { dim: 3, index }), 1, 2);
    const rows = (index: number) => f.reshape(part(index), [B * heads, -1, head]);
    const query = f.set("query_layer", rows(0));
    const key = f.set("key_layer", f.transpose(rows(1), -1, -2));
    const value = f.set("value_layer", rows(2));
    const product = f.op("baddbmm", { self: biases, batch1: query, batch2: key }, { alpha: head ** -0.5 });
    f.set("attention_scores", product);
    let weights = f.set("attn_weights", f.view(product, [B, heads, S, -1]));
    weights = f.set("attn_weights", f.add(weights, mask));
    const wide = f.apply("softmax", weights, { dim: -1, dtype: "float32" });
    let probabilities = f.set("attention_probs", f.toTypeOf(wide, query));
    probabilities = f.set("attention_probs", drop(f, probabilities));
    const flat = f.set("attention_probs_reshaped", f.view(probabilities, [B * heads, S, -1]));
    let context = f.set("context_layer", f.op("bmm", { self: flat, mat2: value }));
    const opened = f.permute(f.view(context, [B, heads, S, head]), [0, 2, 1, 3]);
    context = f.set("context_layer", f.reshape(opened, [B, S, width]));
    const result = f.set("output_tensor", out(f, context));
    return f.set("output_tensor", dropAdd(f, result, residual, p));
  });
}
