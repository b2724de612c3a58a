/**
 * DistilBERT: BERT's blocks without token types and without dropout behind attention, under names of their own.
 *
 * Source  transformers 5.18, models/distilbert/modeling_distilbert.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { headsAttention } from "./blocks/encoder-attention.js";
import { checkLength } from "./blocks/encoder-embeddings.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { bidirectionalMask } from "./blocks/masks.js";
import type { Config } from "./config.js";
import { tokenClassifier } from "./encoder-classifiers.js";
import type { Encoder, EncoderHead, EncoderModel, Shared } from "./encoder-family.js";
import { transform, vocabularyHead, wordEmbedding } from "./encoder-predictions.js";
import type { Layer, Module } from "./module.js";

export const distilbert: EncoderModel = {
  kind: "DistilBert",
  prefix: "distilbert",
  width: "dim",
  construct,
  pooled: [],
  heads: {
    "masked-lm": predictions,
    "sequence-classification": sequenceClassifier,
    "token-classification": tokenClassifier(["dropout"]),
    "question-answering": spans,
  },
};

function construct(m: Module, config: Config, shared: Shared): Encoder {
  const { width } = shared;
  const embed = embeddingsOf(m.child("embeddings"), config, shared);
  const stack = m.child("transformer");
  const count = config.layers("n_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(stack.child(`layer.${i}`), config, width));
  const encode = stack.layer("Transformer", (f, given: ValueId, mask: ValueId | null) => {
    let states = given;
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask));
    return states;
  });
  return m.layer("DistilBertModel", (f, ids: ValueId, padding: ValueId | null) => {
    const states = f.set("embeddings", embed(f, ids));
    const mask = bidirectionalMask(f, { states, padding });
    if (mask !== null) f.set("attention_mask", mask);
    return { states: encode(f, states, mask), pooled: null };
  });
}

function embeddingsOf(m: Module, config: Config, shared: Shared): Layer {
  const { width } = shared;
  const most = config.count("max_position_embeddings");
  const words = wordEmbedding(m.child("word_embeddings"), config, shared);
  const places = embedding(m.child("position_embeddings"), most, width);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("dropout"));
  const ids = m.buffer("position_ids", [1, most], "int64");
  return m.layer("Embeddings", (f, tokens: ValueId) => {
    const [, length] = f.shape(tokens) as readonly [number, number];
    checkLength(config, length, most);
    const embeds = f.set("inputs_embeds", words(f, tokens));
    const placed = f.set("position_embeddings", places(f, f.slice(ids, 1, 0, length)));
    let sum = f.set("embeddings", f.add(embeds, placed));
    sum = f.set("embeddings", norm(f, sum));
    return f.set("embeddings", drop(f, sum));
  });
}

function block(m: Module, config: Config, width: number): Layer<[ValueId, ValueId | null]> {
  const heads = config.count("n_heads");
  config.share(width, heads, "n_heads", "dim");
  const own = m.child("attention");
  const attention = headsAttention(own, {
    width,
    heads,
    dropout: config.number("attention_dropout"),
    names: ["q_lin", "k_lin", "v_lin"],
  });
  const out = linear(own.child("out_lin"), width, width);
  const attend = own.layer("DistilBertSelfAttention", (f, x: ValueId, mask: ValueId | null) => {
    const { output, weights } = attention(f, x, mask);
    return { output: f.set("attn_output", out(f, output)), weights };
  });
  const afterAttention = layerNorm(m.child("sa_layer_norm"), width);
  const feed = feedForward(m.child("ffn"), config, width);
  const afterFeed = layerNorm(m.child("output_layer_norm"), width);
  return m.layer(
    "TransformerBlock",
    (f, x: ValueId, mask: ValueId | null) => {
      const { output, weights } = attend(f, x, mask);
      if (weights !== null) f.set("_", weights);
      const attended = f.set("attention_output", output);
      const normed = f.set("attention_output", afterAttention(f, f.add(attended, x)));
      const fed = f.set("ffn_output", feed(f, normed));
      return f.set("ffn_output", afterFeed(f, f.add(fed, normed)));
    },
    { block: true },
  );
}

function feedForward(m: Module, config: Config, width: number): Layer {
  const inner = config.count("hidden_dim");
  const drop = dropout(m.child("dropout"), config.number("dropout"));
  const first = linear(m.child("lin1"), width, inner);
  const second = linear(m.child("lin2"), inner, width);
  const act = activation(m.child("activation"), config, "activation");
  return m.layer("FFN", (f, input: ValueId) => {
    let x = f.set("x", first(f, input));
    x = f.set("x", act(f, x));
    x = f.set("x", second(f, x));
    return f.set("x", drop(f, x));
  });
}

function predictions(root: Module, config: Config, shared: Shared): ReturnType<EncoderHead> {
  const change = transform(shared.width, {
    dense: root.child("vocab_transform"),
    norm: root.child("vocab_layer_norm"),
    act: activation(root.child("activation"), config, "activation"),
  });
  const decode = vocabularyHead(root.child("vocab_projector"), config, shared);
  return (f, { states }) => decode(f, change(f, states));
}

function sequenceClassifier(root: Module, config: Config, { width }: Shared): ReturnType<EncoderHead> {
  const before = linear(root.child("pre_classifier"), width, width);
  const classify = linear(root.child("classifier"), width, config.classes());
  const drop = dropout(root.child("dropout"), config.number("seq_classif_dropout"));
  return (f, { states }) => {
    let pooled = f.set("pooled_output", f.apply("select", states, { dim: 1, index: 0 }));
    pooled = f.set("pooled_output", before(f, pooled));
    pooled = f.set("pooled_output", f.apply("relu", pooled));
    pooled = f.set("pooled_output", drop(f, pooled));
    return classify(f, pooled);
  };
}

function spans(root: Module, config: Config, { width }: Shared): ReturnType<EncoderHead> {
  const outputs = linear(root.child("qa_outputs"), width, 2);
  const drop = dropout(root.child("dropout"), config.number("qa_dropout"));
  return (f, { states }) => outputs(f, f.set("hidden_states", drop(f, states)));
}
