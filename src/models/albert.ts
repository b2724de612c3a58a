/**
 * ALBERT: narrow embeddings, and blocks whose parameters many layers share.
 *
 * Source  transformers 5.18, models/albert/modeling_albert.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import type { Attended } from "./blocks/attention.js";
import { headsAttention } from "./blocks/encoder-attention.js";
import { encoderEmbeddings } from "./blocks/encoder-embeddings.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import { bidirectionalMask } from "./blocks/masks.js";
import type { Config } from "./config.js";
import { pooledClassifier, spanClassifier, tokenClassifier } from "./encoder-classifiers.js";
import type { Encoder, EncoderHead, EncoderModel, Shared } from "./encoder-family.js";
import { transform, vocabularyHead, wordEmbedding } from "./encoder-predictions.js";
import type { Layer, Module } from "./module.js";

const DROPOUTS = ["classifier_dropout_prob", "hidden_dropout_prob"];

export const albert: EncoderModel = {
  kind: "Albert",
  prefix: "albert",
  construct,
  pooled: ["base", "sequence-classification"],
  heads: {
    "masked-lm": predictions,
    "sequence-classification": pooledClassifier(DROPOUTS),
    "token-classification": tokenClassifier(DROPOUTS),
    "question-answering": spanClassifier,
  },
};

type Block = Layer<[ValueId, ValueId | null]>;

function construct(m: Module, config: Config, shared: Shared): Encoder {
  const { width } = shared;
  const narrow = config.count("embedding_size");
  const embed = encoderEmbeddings(m.child("embeddings"), config, {
    kind: "Albert",
    width: narrow,
    positions: "buffer",
    words: (child) => wordEmbedding(child, config, shared, narrow),
  });
  const encode = transformer(m.child("encoder"), config, narrow, width);
  const pool = shared.pooler ? linear(m.child("pooler"), width, width) : null;
  return m.layer("AlbertModel", (f, ids: ValueId, padding: ValueId | null) => {
    const embedded = f.set("embedding_output", embed(f, ids));
    const mask = bidirectionalMask(f, { states: embedded, padding });
    if (mask !== null) f.set("attention_mask", mask);
    const states = f.set("sequence_output", encode(f, embedded, mask));
    if (!pool) return { states, pooled: null };
    const first = pool(f, f.apply("select", states, { dim: 1, index: 0 }));
    return { states, pooled: f.set("pooled_output", f.apply("tanh", first)) };
  });
}

/** Layers take the groups' blocks in turn: equally many layers for each group. */
function transformer(m: Module, config: Config, narrow: number, width: number): Block {
  const widen = linear(m.child("embedding_hidden_mapping_in"), narrow, width);
  const count = config.layers("num_hidden_layers");
  const groups = Array.from({ length: config.layers("num_hidden_groups") }, (_, i) =>
    group(m.child(`albert_layer_groups.${i}`), config, width),
  );
  return m.layer("AlbertTransformer", (f, given: ValueId, mask: ValueId | null) => {
    let states = f.set("hidden_states", widen(f, given));
    for (let i = 0; i < count; i++) {
      const each = groups[Math.trunc(i / (count / groups.length))] as Block; // as: i < count
      states = f.set("hidden_states", each(f, states, mask));
    }
    return states;
  });
}

function group(m: Module, config: Config, width: number): Block {
  const blocks = Array.from({ length: config.layers("inner_group_num") }, (_, i) =>
    block(m.child(`albert_layers.${i}`), config, width),
  );
  return m.layer("AlbertLayerGroup", (f, given: ValueId, mask: ValueId | null) => {
    let states = given;
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask));
    return states;
  });
}

function block(m: Module, config: Config, width: number): Block {
  const inner = config.count("intermediate_size");
  const last = layerNorm(m.child("full_layer_layer_norm"), width);
  const attend = selfAttention(m.child("attention"), config, width);
  const first = linear(m.child("ffn"), width, inner);
  const second = linear(m.child("ffn_output"), inner, width);
  const act = activation(m.child("activation"), config, "hidden_act");
  return m.layer("AlbertLayer", (f, x: ValueId, mask: ValueId | null) => {
    const { output, weights } = attend(f, x, mask);
    if (weights !== null) f.set("_", weights);
    const attended = f.set("attention_output", output);
    const fed = f.call([attended], (g) => {
      let states = g.set("ffn_output", first(g, attended));
      states = g.set("ffn_output", act(g, states));
      return g.set("ffn_output", second(g, states));
    });
    f.set("ffn_output", fed);
    return f.set("hidden_states", last(f, f.add(fed, attended)));
  });
}

function selfAttention(m: Module, config: Config, width: number): Layer<[ValueId, ValueId | null], Attended> {
  const heads = config.count("num_attention_heads");
  config.share(width, heads, "num_attention_heads", "hidden_size");
  const attention = headsAttention(m, {
    width,
    heads,
    dropout: config.number("attention_probs_dropout_prob"),
    names: ["query", "key", "value"],
  });
  const dense = linear(m.child("dense"), width, width);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("output_dropout"), config.number("hidden_dropout_prob"));
  return m.layer("AlbertAttention", (f, x: ValueId, mask: ValueId | null) => {
    const { output, weights } = attention(f, x, mask);
    let states = f.set("attn_output", dense(f, output));
    states = f.set("attn_output", drop(f, states));
    return { output: f.set("attn_output", norm(f, f.add(x, states))), weights };
  });
}

/** AlbertMLMHead; its bias is the decoder's. */
function predictions(root: Module, config: Config, shared: Shared): ReturnType<EncoderHead> {
  const m = root.child("predictions");
  const width = config.count("embedding_size");
  const change = transform(shared.width, {
    norm: m.child("LayerNorm"),
    normFirst: true,
    dense: m.child("dense"),
    width,
    act: activation(m.child("activation"), config, "hidden_act"),
  });
  const decode = vocabularyHead(m.child("decoder"), config, shared, { width, biasOf: m });
  const predict = m.layer("AlbertMLMHead", (f, states: ValueId) =>
    f.set("hidden_states", decode(f, change(f, states))),
  );
  return (f, { states }) => predict(f, states);
}
