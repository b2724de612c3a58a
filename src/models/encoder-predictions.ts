/**
 * What encoders predict hidden tokens with: a transform, and scores of the whole vocabulary.
 *
 * Source  transformers 5.18: models/bert/modeling_bert.py BertLMPredictionHead; roberta/modeling_roberta.py RobertaLMHead
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import {
  embedding,
  embeddingWith,
  layerNorm,
  type LinearLayer,
  linear,
  linearWith,
} from "./blocks/linear.js";
import type { Config } from "./config.js";
import type { EncoderHead, Shared } from "./encoder-family.js";
import type { Layer, Module } from "./module.js";

/** Embeddings of the tokens. */
export function wordEmbedding(m: Module, config: Config, shared: Shared, width = shared.width): LinearLayer {
  if (shared.words !== null) return embeddingWith(m, m.shares(shared.words));
  const words = embedding(m, config.count("vocab_size"), width);
  shared.words = words.weight;
  return words;
}

/** `cls.predictions` of BERT and others; its bias is the decoder's. `widthOf`: of embeddings, where it is not the model's. */
export function bertPredictions(norm: string, widthOf?: (config: Config) => number): EncoderHead {
  return (root, config, shared) => {
    const m = root.child("cls").child("predictions");
    const inner = m.child("transform");
    const width = widthOf?.(config) ?? shared.width;
    const change = inner.layer(
      "PredictionHeadTransform",
      transform(shared.width, {
        dense: inner.child("dense"),
        norm: inner.child(norm),
        width,
        act: activation(inner.child("transform_act_fn"), config, "hidden_act"),
      }),
    );
    const decode = vocabularyHead(m.child("decoder"), config, shared, { width, biasOf: m });
    const predict = m.layer("LMPredictionHead", (f, states: ValueId) =>
      decode(f, f.set("hidden_states", change(f, states))),
    );
    return (f, { states }) => predict(f, states);
  };
}

/** `lm_head` of RoBERTa and others; its bias is the decoder's. */
export function robertaPredictions(root: Module, config: Config, shared: Shared): ReturnType<EncoderHead> {
  const m = root.child("lm_head");
  const change = transform(shared.width, {
    dense: m.child("dense"),
    norm: m.child("layer_norm"),
    act: (f, x) => f.apply("gelu", x),
  });
  const decode = vocabularyHead(m.child("decoder"), config, shared, { biasOf: m });
  const predict = m.layer("LMHead", (f, states: ValueId) =>
    f.set("hidden_states", decode(f, change(f, states))),
  );
  return (f, { states }) => predict(f, states);
}

export interface Prediction {
  /** Modules by their names; `norm` first where it is defined first. */
  readonly dense: Module;
  readonly norm: Module;
  readonly normFirst?: boolean;
  /** Width of the result, where it is not the input's. */
  readonly width?: number;
  readonly act: Layer;
}

/** norm(act(dense(x))), each bound to one variable. */
export function transform(input: number, { dense, norm, normFirst, width = input, act }: Prediction): Layer {
  const early = normFirst ? layerNorm(norm, width) : null;
  const project = linear(dense, input, width);
  const normed = early ?? layerNorm(norm, width);
  return (f, x) => {
    let states = f.set("hidden_states", project(f, x));
    states = f.set("hidden_states", act(f, states));
    return f.set("hidden_states", normed(f, states));
  };
}

export interface Vocabulary {
  /** Width of what comes in, where it is not the hidden states'. */
  readonly width?: number;
  /** Whether a number per token is added; true where it is not said. */
  readonly bias?: boolean;
  /** The module whose `bias` is the head's, as long as the head is tied. */
  readonly biasOf?: Module;
}

/** Scores of every token: the weight is the embeddings' unless the configuration unties it. */
export function vocabularyHead(
  m: Module,
  config: Config,
  shared: Shared,
  { width = shared.width, bias = true, biasOf }: Vocabulary = {},
): Layer {
  const vocabulary = config.count("vocab_size");
  if (!config.flag("tie_word_embeddings", true)) {
    biasOf?.parameter("bias", [vocabulary]);
    return linear(m, width, vocabulary, bias);
  }
  if (shared.words !== null) return linearWith(m, m.shares(shared.words), bias ? vocabulary : null);
  const head = linear(m, width, vocabulary, bias);
  shared.words = head.weight;
  return head;
}
