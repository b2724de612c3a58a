/**
 * DeBERTa v2 and v3: attention over content and relative positions apart, norms behind each residual sum.
 *
 * Source  transformers 5.18, models/deberta_v2/modeling_deberta_v2.py
 */
import type { ValueId } from "../ir/graph.js";
import { disentangledAttention, bucketsOf, type Surroundings } from "./blocks/disentangled.js";
import { distanceBuckets } from "./blocks/distance-buckets.js";
import { checkLength } from "./blocks/encoder-embeddings.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { normedOutput, postNormFeed } from "./blocks/post-norm.js";
import type { Config } from "./config.js";
import { debertaConvolution } from "./deberta-convolution.js";
import { contextClassifier, embeddingWidth, labelledLoss, predictions } from "./deberta-heads.js";
import { spanClassifier, tokenClassifier } from "./encoder-classifiers.js";
import type { Encoder, EncoderModel, Shared } from "./encoder-family.js";
import { wordEmbedding } from "./encoder-predictions.js";
import type { Frame } from "./frame.js";
import type { Layer, Module } from "./module.js";

export const deberta: EncoderModel = {
  kind: "DebertaV2",
  prefix: "deberta",
  construct,
  pooled: [],
  losses: { "sequence-classification": labelledLoss },
  heads: {
    "masked-lm": predictions,
    "sequence-classification": contextClassifier,
    "token-classification": tokenClassifier(["hidden_dropout_prob"]),
    "question-answering": spanClassifier,
  },
};

function construct(m: Module, config: Config, shared: Shared): Encoder {
  const embed = embeddings(m.child("embeddings"), config, shared);
  const encode = stack(m.child("encoder"), config, shared.width);
  return m.layer("DebertaV2Model", (f, ids: ValueId, padding: ValueId | null) => {
    const size = f.shape(ids);
    if (padding === null) lookForPadding(f, ids);
    const mask = f.set("attention_mask", padding ?? f.create(size, "float32"));
    const types = f.set("token_type_ids", f.create(size, "int64"));
    const embedded = f.set("embedding_output", embed(f, ids, types, mask));
    const all = encode(f, embedded, mask);
    all.forEach((states, i) => {
      f.set(`encoded_layers ${i}`, states);
    });
    return { states: all.at(-1) as ValueId, pooled: null }; // as: the embeddings are always there
  });
}

/** warn_if_padding_and_no_attention_mask looks at each sequence's ends. */
function lookForPadding(f: Frame, ids: ValueId): void {
  f.call([ids], (g) => {
    const ends = g.set("self", g.op("index", { self: ids, indices: [null, g.create([2], "int64")] }));
    g.apply("any", g.op("eq", { self: ends }, { other: 0 }));
  });
}

function embeddings(m: Module, config: Config, shared: Shared): Layer<[ValueId, ValueId, ValueId]> {
  const { width } = shared;
  const narrow = embeddingWidth(config);
  const most = config.count("max_position_embeddings");
  const words = wordEmbedding(m.child("word_embeddings"), config, shared, narrow);
  const placed = config.flag("position_biased_input", true);
  const places = placed ? embedding(m.child("position_embeddings"), most, narrow) : null;
  const kinds = config.number("type_vocab_size") > 0 ? config.count("type_vocab_size") : null;
  const types = kinds === null ? null : embedding(m.child("token_type_embeddings"), kinds, narrow);
  const widen = narrow === width ? null : linear(m.child("embed_proj"), narrow, width, false);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  const positions = m.buffer("position_ids", [1, most], "int64");
  return m.layer("DebertaV2Embeddings", (f, ids: ValueId, typeIds: ValueId, given: ValueId) => {
    const length = f.shape(ids)[1] as number;
    if (places) checkLength(config, length, most);
    let sum = f.set("inputs_embeds", words(f, ids));
    const zeros = () => f.op("create", { self: sum }, {});
    const at = f.set("position_embeddings", places ? places(f, f.slice(positions, 1, 0, length)) : zeros());
    if (places) sum = f.set("embeddings", f.add(sum, at));
    if (types) sum = f.set("embeddings", f.add(sum, f.set("token_type_embeddings", types(f, typeIds))));
    if (widen) sum = f.set("embeddings", widen(f, sum));
    sum = f.set("embeddings", norm(f, sum));
    const mask = f.set("mask", f.toTypeOf(f.unsqueeze(given, 2), sum));
    sum = f.set("embeddings", f.mul(sum, mask));
    return f.set("embeddings", drop(f, sum));
  });
}

/** Returns the embeddings and every layer's states: the library holds them all until the model returns. */
function stack(m: Module, config: Config, width: number): Layer<[ValueId, ValueId], readonly ValueId[]> {
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layer.${i}`), config, width));
  const relative = config.flag("relative_attention");
  const table = relative
    ? m.child("rel_embeddings").parameter("weight", [2 * bucketsOf(config), width])
    : null;
  const normed = config.text("norm_rel_ebd", "none").toLowerCase().split("|");
  const norm = normed.some((each) => each.trim() === "layer_norm")
    ? layerNorm(m.child("LayerNorm"), width)
    : null;
  const convolve =
    config.number("conv_kernel_size", 0) > 0 ? debertaConvolution(m.child("conv"), config, width) : null;
  return m.layer("DebertaV2Encoder", (f, given: ValueId, padding: ValueId) => {
    const mask = f.set("attention_mask", pairs(f, padding));
    const bucketed = config.number("position_buckets", -1) > 0;
    const length = f.shape(given)[1] as number;
    const distances = relative ? f.set("relative_pos", distanceBuckets(f, length, bucketed)) : null;
    const buckets = table !== null && norm ? f.set("rel_embeddings", norm(f, table)) : table;
    const around: Surroundings = { mask, distances, buckets };
    const all = [given];
    blocks.forEach((each, i) => {
      let states = f.set("output_states", each(f, all.at(-1) as ValueId, around)); // as: never empty
      if (i === 0 && convolve) states = f.set("output_states", convolve(f, given, states, padding));
      all.push(f.set(`all_hidden_states ${i + 1}`, states));
    });
    return all;
  });
}

/** get_attention_mask: of queries and of keys. [B, 1, S, S] */
function pairs(f: Frame, padding: ValueId): ValueId {
  return f.call([padding], (g) => {
    const wide = g.set("extended_attention_mask", g.unsqueeze(g.unsqueeze(padding, 1), 2));
    return g.mul(wide, g.unsqueeze(g.op("squeeze", { self: wide }, { dim: -2 }), -1));
  });
}

function block(m: Module, config: Config, width: number): Layer<[ValueId, Surroundings]> {
  const outer = m.child("attention");
  const attention = disentangledAttention(outer.child("self"), config);
  const output = normedOutput(outer.child("output"), config, width, "DebertaV2SelfOutput");
  const attend: Layer<[ValueId, Surroundings]> = outer.layer("DebertaV2Attention", (f, x, around) => {
    const own = f.set("self_output", attention(f, x, around));
    return f.set("attention_output", output(f, own, x));
  });
  const feed = postNormFeed(m, config, "DebertaV2");
  return m.layer(
    "DebertaV2Layer",
    (f, x: ValueId, around: Surroundings) => feed(f, f.set("attention_output", attend(f, x, around))),
    { block: true },
  );
}
