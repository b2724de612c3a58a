/**
 * Heads of ModernBERT: each goes through a dense layer, an activation and a norm first.
 *
 * Source  transformers 5.18, models/modernbert/modeling_modernbert.py ModernBertPredictionHead, ModernBertFor…
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import type { Config } from "./config.js";
import type { EncoderHead, HeadLayer, Shared } from "./encoder-family.js";
import { vocabularyHead } from "./encoder-predictions.js";
import type { Frame } from "./frame.js";
import type { Layer, Module } from "./module.js";

/** norm(act(dense(x))) */
function predictionHead(m: Module, config: Config, width: number): Layer {
  const dense = linear(m.child("dense"), width, width, config.flag("classifier_bias"));
  const act = activation(m.child("act"), config, "classifier_activation");
  const norm = layerNorm(m.child("norm"), width, config.flag("norm_bias"));
  return m.layer("ModernBertPredictionHead", (f, x: ValueId) => norm(f, act(f, dense(f, x))));
}

export function predictions(root: Module, config: Config, shared: Shared): HeadLayer {
  const head = predictionHead(root.child("head"), config, shared.width);
  const decode = vocabularyHead(root.child("decoder"), config, shared, { bias: config.flag("decoder_bias") });
  return (f, { states }) => decode(f, head(f, states));
}

/** A number per token and class. */
export function tokenClassifier(classes: (config: Config) => number): EncoderHead {
  return (root, config, { width }) => {
    const classify = classifier(root, config, width, classes(config));
    return (f, { states }) => classify(f, states);
  };
}

export function sequenceClassifier(root: Module, config: Config, { width }: Shared): HeadLayer {
  const classify = classifier(root, config, width, config.classes());
  const mean = config.text("classifier_pooling") === "mean";
  return (f, { states }, padding) => {
    const pooled = mean ? meanOf(f, states, padding) : f.apply("select", states, { dim: 1, index: 0 });
    return classify(f, f.set("last_hidden_state", pooled));
  };
}

/** classifier(dropout(head(x))) */
function classifier(root: Module, config: Config, width: number, classes: number): Layer {
  const head = predictionHead(root.child("head"), config, width);
  const drop = dropout(root.child("drop"), config.number("classifier_dropout"));
  const classify = linear(root.child("classifier"), width, classes);
  return (f, x) => {
    let pooled = f.set("pooled_output", head(f, x));
    pooled = f.set("pooled_output", drop(f, pooled));
    return classify(f, pooled);
  };
}

/** Mean over the tokens that are no padding. */
function meanOf(f: Frame, states: ValueId, padding: ValueId | null): ValueId {
  const shape = f.shape(states).slice(0, 2);
  const mask = padding ?? f.set("attention_mask", f.create(shape, "bool"));
  const sum = f.apply("sum", f.mul(states, f.unsqueeze(mask, -1)), { dim: [1] });
  return f.binary("div", sum, f.apply("sum", mask, { dim: [1], keepdim: true }));
}
