/**
 * Heads of DeBERTa v2 and v3.
 *
 * Source  transformers 5.18, models/deberta_v2/modeling_deberta_v2.py ContextPooler, DebertaV2LMPredictionHead, …
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { dropout, linear } from "./blocks/linear.js";
import { classLoss } from "./blocks/loss.js";
import type { Config } from "./config.js";
import { dropoutOf } from "./encoder-classifiers.js";
import type { HeadLayer, Loss, Shared } from "./encoder-family.js";
import { bertPredictions, transform } from "./encoder-predictions.js";
import type { Module } from "./module.js";

export function embeddingWidth(config: Config): number {
  return config.has("embedding_size") ? config.count("embedding_size") : config.count("hidden_size");
}

/** The `legacy` head is BERT's; the other one multiplies with the embeddings' weight itself. */
export function predictions(root: Module, config: Config, shared: Shared): HeadLayer {
  if (config.flag("legacy", true)) return bertPredictions("LayerNorm", embeddingWidth)(root, config, shared);
  const m = root.child("lm_predictions").child("lm_head");
  const change = transform(shared.width, {
    dense: m.child("dense"),
    norm: m.child("LayerNorm"),
    act: activation(m.child("transform_act_fn"), config, "hidden_act"),
  });
  const bias = m.parameter("bias", [config.count("vocab_size")]);
  const words = shared.words as ValueId; // as: the base model comes first
  const predict = m.layer("DebertaV2LMPredictionHead", (f, x: ValueId) => {
    const states = change(f, x);
    const weight = f.transpose(words, 0, 1);
    return f.set("hidden_states", f.add(f.matmul(states, weight), bias));
  });
  return (f, { states }) => predict(f, states);
}

/** ContextPooler over the first token, then a classifier. */
export function contextClassifier(root: Module, config: Config, { width }: Shared): HeadLayer {
  const m = root.child("pooler");
  const inner = config.count("pooler_hidden_size", width);
  const dense = linear(m.child("dense"), inner, inner);
  const first = dropout(m.child("dropout"), config.number("pooler_dropout"));
  const act = activation(m.child("activation"), config, "pooler_hidden_act");
  const pool = m.layer("ContextPooler", (f, states: ValueId) => {
    let token = f.set("context_token", f.apply("select", states, { dim: 1, index: 0 }));
    token = f.set("context_token", first(f, token));
    const pooled = f.set("pooled_output", dense(f, token));
    return f.set("pooled_output", act(f, pooled));
  });
  const classify = linear(root.child("classifier"), width, config.classes());
  const drop = dropout(root.child("dropout"), dropoutOf(config, "cls_dropout", "hidden_dropout_prob"));
  return (f, { states }) => {
    let pooled = f.set("pooled_output", pool(f, states));
    pooled = f.set("pooled_output", drop(f, pooled));
    return classify(f, pooled);
  };
}

/** Where the configuration names no kind of problem, sequences without a label are left out first. */
export const labelledLoss: Loss = (f, logits, labels, config) => {
  if (config.has("problem_type")) return classLoss(f, logits, labels);
  const [batch, classes] = f.shape(logits) as readonly [number, number];
  const known = f.op("ge", { self: labels }, { other: 0 });
  const at = f.set("label_index", f.op("create", { self: known }, { size: [batch, 1], dtype: "int64" }));
  const rows = f.op("gather", { self: logits, index: f.expand(at, [batch, classes]) }, { dim: 0 });
  f.set("labeled_logits", rows);
  const chosen = f.set("labels", f.op("gather", { self: labels, index: f.view(at, [-1]) }, { dim: 0 }));
  return classLoss(f, f.to(f.view(rows, [-1, classes]), "float32"), chosen);
};
