/**
 * Nomic BERT: rotary positions and gated feed-forwards; norms follow each residual sum.
 *
 * Source  transformers 5.18, models/nomic_bert/modeling_nomic_bert.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { attend } from "./blocks/attention.js";
import { checkLength } from "./blocks/encoder-embeddings.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { bidirectionalMask } from "./blocks/masks.js";
import { gatedMlp } from "./blocks/mlp.js";
import { type Angles, applyRotary, rotaryEmbedding } from "./blocks/rotary.js";
import type { Attended } from "./blocks/attention.js";
import type { Config } from "./config.js";
import { pooledClassifier, tokenClassifier } from "./encoder-classifiers.js";
import type { Encoder, EncoderModel, Shared } from "./encoder-family.js";
import { bertPredictions, wordEmbedding } from "./encoder-predictions.js";
import { poolerOf } from "./encoders.js";
import type { Layer, Module } from "./module.js";

const DROPOUTS = ["classifier_dropout", "hidden_dropout_prob"];

export const nomicBert: EncoderModel = {
  kind: "NomicBert",
  prefix: "nomic_bert",
  construct,
  pooled: ["sequence-classification"],
  heads: {
    "masked-lm": bertPredictions("layer_norm"),
    "sequence-classification": pooledClassifier(DROPOUTS),
    "token-classification": tokenClassifier(DROPOUTS),
  },
};

/** Takes the states, angles and a mask. */
type Turned<R = ValueId> = Layer<[ValueId, Angles, ValueId | null], R>;

function construct(m: Module, config: Config, shared: Shared): Encoder {
  const { width } = shared;
  const embed = embeddings(m.child("embeddings"), config, shared);
  const pool = shared.pooler ? poolerOf(m.child("pooler"), width, "NomicBertPooler") : null;
  const rotary = rotaryEmbedding(m.child("rotary_emb"), headOf(config), "NomicBertRotaryEmbedding");
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config));
  const most = config.count("max_position_embeddings");
  return m.layer("NomicBertModel", (f, ids: ValueId, padding: ValueId | null) => {
    const [, length] = f.shape(ids) as readonly [number, number];
    checkLength(config, length, most);
    const places = f.set("position_ids", f.unsqueeze(f.arange(length), 0));
    const embedded = f.set("embedding_output", embed(f, ids));
    const mask = bidirectionalMask(f, { states: embedded, padding });
    if (mask !== null) f.set("attention_mask", mask);
    const angles = rotary(f, embedded, places);
    f.set("cos", angles.cos);
    f.set("sin", angles.sin);
    let states = embedded;
    for (const each of blocks) states = f.set("hidden_states", each(f, states, angles, mask));
    return { states, pooled: pool && f.set("pooled_output", pool(f, states)) };
  });
}

function headOf(config: Config): number {
  const [width, heads] = [config.count("hidden_size"), config.count("num_attention_heads")];
  return config.has("head_dim")
    ? config.count("head_dim")
    : config.share(width, heads, "num_attention_heads", "hidden_size");
}

function embeddings(m: Module, config: Config, shared: Shared): Layer {
  const { width } = shared;
  const most = config.count("max_position_embeddings");
  const words = wordEmbedding(m.child("word_embeddings"), config, shared);
  const types = embedding(m.child("token_type_embeddings"), config.count("type_vocab_size"), width);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  m.buffer("position_ids", [1, most], "int64");
  m.buffer("token_type_ids", [1, most], "int64");
  return m.layer("NomicBertEmbeddings", (f, tokens: ValueId) => {
    let sum = f.set("embeddings", words(f, tokens));
    const typeIds = f.set("token_type_ids", f.create(f.shape(tokens), "int64"));
    const typed = f.set("token_type_embeddings", types(f, typeIds));
    sum = f.set("embeddings", f.add(sum, typed));
    sum = f.set("embeddings", norm(f, sum));
    return f.set("embeddings", drop(f, sum));
  });
}

function block(m: Module, config: Config): Turned {
  const width = config.count("hidden_size");
  const inner = config.count("intermediate_size");
  const p = config.number("hidden_dropout_prob");
  const afterAttention = layerNorm(m.child("post_attention_layernorm"), width);
  const dropAttended = dropout(m.child("post_attention_dropout"), p);
  const dropFed = dropout(m.child("post_mlp_dropout"), p);
  const act = (child: Module) => activation(child, config, "hidden_act");
  const mlp = gatedMlp(m.child("mlp"), { width, inner, bias: false }, act, "NomicBertMLP");
  const attention = selfAttention(m.child("self_attn"), config);
  const afterMlp = layerNorm(m.child("post_mlp_layernorm"), width);
  return m.layer(
    "NomicBertLayer",
    (f, x: ValueId, angles: Angles, mask: ValueId | null) => {
      const { output, weights } = attention(f, x, angles, mask);
      if (weights !== null) f.set("_", weights);
      f.set("attention_output", output);
      let states = f.set("hidden_states", f.add(x, dropAttended(f, output)));
      states = f.set("hidden_states", afterAttention(f, states));
      const residual = f.set("residual", states);
      states = f.set("hidden_states", mlp(f, states));
      states = f.set("hidden_states", f.add(residual, dropFed(f, states)));
      return f.set("hidden_states", afterMlp(f, states));
    },
    { block: true },
  );
}

function selfAttention(m: Module, config: Config): Turned<Attended> {
  const width = config.count("hidden_size");
  const head = headOf(config);
  const all = config.count("num_attention_heads") * head;
  const dropped = config.number("attention_probs_dropout_prob");
  const q = linear(m.child("q_proj"), width, all, false);
  const k = linear(m.child("k_proj"), width, all, false);
  const v = linear(m.child("v_proj"), width, all, false);
  const out = linear(m.child("o_proj"), all, width, false);
  return m.layer("NomicBertAttention", (f, x: ValueId, angles: Angles, mask: ValueId | null) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const split = (name: string, project: Layer) =>
      f.set(name, f.transpose(f.view(project(f, x), [B, S, -1, head]), 1, 2));
    let [query, key] = [split("query_states", q), split("key_states", k)];
    const value = split("value_states", v);
    [query, key] = applyRotary(f, [query, key], angles);
    f.set("query_states", query);
    f.set("key_states", key);
    const call = {
      query,
      key,
      value,
      mask,
      causal: false,
      dropout: dropped,
      eager: { softmax: "plain" },
    } as const;
    const { output, weights } = attend(f, call);
    if (weights !== null) f.set("attn_weights", weights);
    f.set("attn_output", output);
    const joined = f.set("attn_output", f.contiguous(f.reshape(output, [B, S, all])));
    return { output: f.set("attn_output", out(f, joined)), weights };
  });
}
