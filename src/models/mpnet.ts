/**
 * MPNet: BERT's blocks with a bias on relative positions; its attention is always written out.
 *
 * Source  transformers 5.18, models/mpnet/modeling_mpnet.py
 */
import type { ValueId } from "../ir/graph.js";
import { checkLength, countedPositions } from "./blocks/encoder-embeddings.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { bidirectionalMask } from "./blocks/masks.js";
import { postNormFeed } from "./blocks/post-norm.js";
import type { Config } from "./config.js";
import { firstTokenClassifier, spanClassifier, tokenClassifier } from "./encoder-classifiers.js";
import type { Encoder, EncoderModel, Shared } from "./encoder-family.js";
import { robertaPredictions, wordEmbedding } from "./encoder-predictions.js";
import { poolerOf } from "./encoders.js";
import type { Frame } from "./frame.js";
import type { Layer, Module } from "./module.js";

const DROPOUTS = ["hidden_dropout_prob"];

export const mpnet: EncoderModel = {
  kind: "MPNet",
  prefix: "mpnet",
  construct,
  pooled: ["base"],
  heads: {
    "masked-lm": robertaPredictions,
    "sequence-classification": firstTokenClassifier("MPNet", DROPOUTS, "tanh"),
    "token-classification": tokenClassifier(DROPOUTS),
    "question-answering": spanClassifier,
  },
};

/** Takes the states, a mask and the bias. */
type Biased = Layer<[ValueId, ValueId | null, ValueId]>;

function construct(m: Module, config: Config, shared: Shared): Encoder {
  const embed = embeddings(m.child("embeddings"), config, shared);
  const stack = m.child("encoder");
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(stack.child(`layer.${i}`), config));
  const heads = config.count("num_attention_heads");
  const biases = embedding(
    stack.child("relative_attention_bias"),
    config.count("relative_attention_num_buckets"),
    heads,
  );
  const encode = stack.layer("MPNetEncoder", (f, given: ValueId, mask: ValueId | null) => {
    const bias = f.set("position_bias", positionBias(f, given, heads, biases));
    let states = given;
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask, bias));
    return states;
  });
  const pool = shared.pooler ? poolerOf(m.child("pooler"), shared.width, "MPNetPooler") : null;
  return m.layer("MPNetModel", (f, ids: ValueId, padding: ValueId | null) => {
    const embedded = f.set("embedding_output", embed(f, ids));
    const mask = bidirectionalMask(f, { states: embedded, padding });
    const states = f.set("sequence_output", encode(f, embedded, mask));
    return { states, pooled: pool && f.set("pooled_output", pool(f, states)) };
  });
}

function embeddings(m: Module, config: Config, shared: Shared): Layer {
  const { width } = shared;
  const most = config.count("max_position_embeddings");
  const words = wordEmbedding(m.child("word_embeddings"), config, shared);
  const places = embedding(m.child("position_embeddings"), most, width);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  m.buffer("position_ids", [1, most], "int64");
  return m.layer("MPNetEmbeddings", (f, tokens: ValueId) => {
    const [, length] = f.shape(tokens) as readonly [number, number];
    checkLength(config, length, most - 2); // places behind the padding's, which is 1
    const at = f.set("position_ids", countedPositions(f, tokens));
    const embeds = f.set("inputs_embeds", words(f, tokens));
    const placed = f.set("position_embeddings", places(f, at));
    let sum = f.set("embeddings", f.add(embeds, placed));
    sum = f.set("embeddings", norm(f, sum));
    return f.set("embeddings", drop(f, sum));
  });
}

function block(m: Module, config: Config): Biased {
  const width = config.count("hidden_size");
  const outer = m.child("attention");
  const attend = selfAttention(outer.child("attn"), config, width);
  const norm = layerNorm(outer.child("LayerNorm"), width);
  const drop = dropout(outer.child("dropout"), config.number("hidden_dropout_prob"));
  const attended: Biased = outer.layer("MPNetAttention", (f, x, mask, bias) => {
    const output = f.set("self_outputs", attend(f, x, mask, bias));
    return f.set("attention_output", norm(f, f.add(drop(f, output), x)));
  });
  const feed = postNormFeed(m, config, "MPNet");
  return m.layer("MPNetLayer", (f, x: ValueId, mask: ValueId | null, bias: ValueId) => {
    const output = f.set("attention_output", attended(f, x, mask, bias));
    return f.set("layer_output", feed(f, output));
  });
}

function selfAttention(m: Module, config: Config, width: number): Biased {
  const heads = config.count("num_attention_heads");
  const head = config.share(width, heads, "num_attention_heads", "hidden_size");
  const q = linear(m.child("q"), width, width);
  const k = linear(m.child("k"), width, width);
  const v = linear(m.child("v"), width, width);
  const o = linear(m.child("o"), width, width);
  const drop = dropout(m.child("dropout"), config.number("attention_probs_dropout_prob"));
  return m.layer("MPNetSelfAttention", (f, x: ValueId, mask: ValueId | null, bias: ValueId) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const split = (name: string, project: Layer) =>
      f.set(name, f.transpose(f.view(project(f, x), [B, S, -1, head]), 1, 2));
    const [query, key, value] = [split("q", q), split("k", k), split("v", v)] as const;
    let scores = f.set("attention_scores", f.matmul(query, f.transpose(key, -1, -2)));
    scores = f.set("attention_scores", f.op("div", { self: scores }, { other: Math.sqrt(head) }));
    scores = f.set("attention_scores", f.op("add", { self: scores, other: bias }, { inPlace: true }));
    if (mask !== null) scores = f.set("attention_scores", f.add(scores, mask));
    let weights = f.set("attention_probs", f.apply("softmax", scores, { dim: -1 }));
    weights = f.set("attention_probs", drop(f, weights));
    let context = f.set("c", f.matmul(weights, value));
    context = f.set("c", f.contiguous(f.permute(context, [0, 2, 1, 3])));
    context = f.set("c", f.view(context, [B, S, width]));
    return f.set("o", o(f, context));
  });
}

/** A learned number per head and bucket of distances, copied for every sequence of the batch. [B, H, S, S] */
function positionBias(f: Frame, states: ValueId, heads: number, biases: Layer): ValueId {
  return f.call([states], (g) => {
    const [B, S] = g.shape(states) as readonly [number, number, number];
    const row = (dim: 0 | 1) => g.unsqueeze(g.arange(S), dim);
    const context = g.set("context_position", row(1));
    const memory = g.set("memory_position", row(0));
    const distances = g.set("relative_position", g.op("sub", { self: memory, other: context }));
    const bucket = g.set("rp_bucket", buckets(g, distances));
    let values = g.set("values", biases(g, bucket));
    values = g.set("values", g.unsqueeze(g.permute(values, [2, 0, 1]), 0));
    return g.set("values", g.contiguous(g.expand(values, [B, heads, S, S])));
  });
}

/** Near distances have a bucket each, far ones share logarithmically wider ones. */
function buckets(f: Frame, distances: ValueId): ValueId {
  return f.call([distances], (g) => {
    let n = g.set("n", g.apply("neg", distances));
    const after = g.to(g.op("lt", { self: n }, { other: 0 }), "int64");
    let result = g.set("ret", g.op("add", { self: g.scale(after, 1) }, { other: 0 }));
    n = g.set("n", g.apply("abs", n));
    const small = g.set("is_small", g.op("lt", { self: n }, { other: 1 }));
    let far = g.apply("log", g.op("div", { self: g.to(n, "float32") }, { other: 1 }));
    far = g.to(g.scale(g.op("div", { self: far }, { other: 1 }), 1), "int64");
    far = g.set("val_if_large", g.op("add", { self: far }, { other: 1 }));
    const most = g.op("create", { self: far }, {});
    far = g.set("val_if_large", g.op("minimum", { self: far, other: most }));
    const chosen = g.op("where", { condition: small, self: n, other: far });
    result = g.set("ret", g.op("add", { self: result, other: chosen }, { inPlace: true }));
    return result;
  });
}
