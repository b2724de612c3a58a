/**
 * BERT and encoders like it: learned positions, norms behind each residual sum. Most families are one row.
 *
 * Source  transformers 5.18, models/{bert,roberta,xlm_roberta,camembert,electra}/modeling_*.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation, namedActivation } from "./blocks/activation.js";
import type { Attended } from "./blocks/attention.js";
import { headsAttention } from "./blocks/encoder-attention.js";
import { encoderEmbeddings } from "./blocks/encoder-embeddings.js";
import { linear } from "./blocks/linear.js";
import { replacedLoss } from "./blocks/loss.js";
import { bidirectionalMask } from "./blocks/masks.js";
import { normedOutput, postNormFeed } from "./blocks/post-norm.js";
import type { Config } from "./config.js";
import {
  firstTokenClassifier,
  pooledClassifier,
  spanClassifier,
  tokenClassifier,
} from "./encoder-classifiers.js";
import type { Encoder, EncoderHead, EncoderModel, Shared } from "./encoder-family.js";
import {
  bertPredictions,
  robertaPredictions,
  transform,
  vocabularyHead,
  wordEmbedding,
} from "./encoder-predictions.js";
import type { Task } from "./family.js";
import type { Layer, Module } from "./module.js";

interface EncoderRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** The base model's name inside a head. */
  readonly prefix: string;
  /** A buffer's first places, or counted behind the padding. */
  readonly positions: "buffer" | "counted";
  /** Embeddings have a width of their own and are projected to the model's. */
  readonly ownEmbeddingWidth?: boolean;
  /** Classes whose base model has a pooler. */
  readonly pooled: readonly Task[];
  readonly heads: EncoderModel["heads"];
  readonly losses?: NonNullable<EncoderModel["losses"]>;
  /** Heads are defined before the base model. */
  readonly headFirst?: boolean;
}

const DROPOUTS = ["classifier_dropout", "hidden_dropout_prob"];
const TOKENS = { "token-classification": tokenClassifier(DROPOUTS), "question-answering": spanClassifier };

/** Rows of RoBERTa's kind differ in what they define first. */
const ROBERTA = {
  prefix: "roberta",
  positions: "counted",
  pooled: ["base"],
  heads: {
    "masked-lm": robertaPredictions,
    "sequence-classification": firstTokenClassifier("Roberta", DROPOUTS, "tanh"),
    ...TOKENS,
  },
} as const;

export const ENCODERS = {
  bert: {
    kind: "Bert",
    prefix: "bert",
    positions: "buffer",
    pooled: ["base", "sequence-classification"],
    heads: {
      "masked-lm": bertPredictions("LayerNorm"),
      "sequence-classification": pooledClassifier(DROPOUTS),
      ...TOKENS,
    },
  },
  roberta: { kind: "Roberta", ...ROBERTA },
  "xlm-roberta": { kind: "XLMRoberta", ...ROBERTA, headFirst: true },
  camembert: { kind: "Camembert", ...ROBERTA, headFirst: true },
  electra: {
    kind: "Electra",
    prefix: "electra",
    positions: "buffer",
    ownEmbeddingWidth: true,
    pooled: [],
    losses: { pretraining: replacedLoss },
    heads: {
      "masked-lm": electraPredictions,
      pretraining: replacedTokens,
      "sequence-classification": firstTokenClassifier("Electra", DROPOUTS, "gelu"),
      ...TOKENS,
    },
  },
} as const satisfies Record<string, EncoderRow>;

export function encoder(row: EncoderRow): EncoderModel {
  return { ...row, construct: (m, config, shared) => constructEncoder(m, config, row, shared) };
}

function constructEncoder(m: Module, config: Config, row: EncoderRow, shared: Shared): Encoder {
  const { kind } = row;
  const { width } = shared;
  const narrow = row.ownEmbeddingWidth ? config.count("embedding_size") : width;
  const embed = encoderEmbeddings(m.child("embeddings"), config, {
    kind,
    width: narrow,
    positions: row.positions,
    words: (child) => wordEmbedding(child, config, shared, narrow),
  });
  const project = narrow === width ? null : linear(m.child("embeddings_project"), narrow, width);
  const stack = m.child("encoder");
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(stack.child(`layer.${i}`), config, kind));
  const encode = stack.layer(`${kind}Encoder`, (f, given: ValueId, mask: ValueId | null) => {
    let states = given;
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask));
    return states;
  });
  const pool = shared.pooler ? poolerOf(m.child("pooler"), width, `${kind}Pooler`) : null;
  return m.layer(`${kind}Model`, (f, ids: ValueId, padding: ValueId | null) => {
    let embedded = f.set("embedding_output", embed(f, ids));
    if (project) embedded = f.set("embedding_output", project(f, embedded));
    const mask = bidirectionalMask(f, { states: embedded, padding });
    if (mask !== null) f.set("attention_mask", mask);
    const states = f.set("sequence_output", encode(f, embedded, mask));
    return { states, pooled: pool && f.set("pooled_output", pool(f, states)) };
  });
}

function block(m: Module, config: Config, kind: string): Layer<[ValueId, ValueId | null]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  config.share(width, heads, "num_attention_heads", "hidden_size");
  const outer = m.child("attention");
  const own = outer.child("self");
  const attention = headsAttention(own, {
    width,
    heads,
    dropout: config.number("attention_probs_dropout_prob"),
    names: ["query", "key", "value"],
  });
  const attend = own.layer(`${kind}SelfAttention`, attention);
  const output = normedOutput(outer.child("output"), config, width, `${kind}SelfOutput`);
  const attended: Layer<[ValueId, ValueId | null], Attended> = outer.layer(
    `${kind}Attention`,
    (f, x: ValueId, mask: ValueId | null) => {
      const result = attend(f, x, mask);
      if (result.weights !== null) f.set("attn_weights", result.weights);
      f.set("attention_output", result.output);
      return { ...result, output: f.set("attention_output", output(f, result.output, x)) };
    },
  );
  const feed = postNormFeed(m, config, kind);
  return m.layer(
    `${kind}Layer`,
    (f, x: ValueId, mask: ValueId | null) => {
      const result = attended(f, x, mask);
      if (result.weights !== null) f.set("_", result.weights);
      return f.set("layer_output", feed(f, f.set("attention_output", result.output)));
    },
    { block: true },
  );
}

/** tanh(dense(first token)) */
export function poolerOf(m: Module, width: number, name: string): Layer {
  const dense = linear(m.child("dense"), width, width);
  return m.layer(name, (f, states: ValueId) => {
    const first = f.set("first_token_tensor", f.apply("select", states, { dim: 1, index: 0 }));
    const pooled = f.set("pooled_output", dense(f, first));
    return f.set("pooled_output", f.apply("tanh", pooled));
  });
}

/** ElectraGeneratorPredictions, then a head on the embeddings' width. */
function electraPredictions(root: Module, config: Config, shared: Shared): ReturnType<EncoderHead> {
  const m = root.child("generator_predictions");
  const width = config.count("embedding_size");
  const change = m.layer(
    "ElectraGeneratorPredictions",
    transform(shared.width, {
      dense: m.child("dense"),
      norm: m.child("LayerNorm"),
      normFirst: true,
      width,
      act: namedActivation(m.child("activation"), config, "hidden_act", "gelu"),
    }),
  );
  const decode = vocabularyHead(root.child("generator_lm_head"), config, shared, { width });
  return (f, { states }) => decode(f, f.set("prediction_scores", change(f, states)));
}

/** ElectraDiscriminatorPredictions: a score for each token, of whether another model replaced it. */
function replacedTokens(root: Module, config: Config, { width }: Shared): ReturnType<EncoderHead> {
  const m = root.child("discriminator_predictions");
  const dense = linear(m.child("dense"), width, width);
  const act = activation(m.child("activation"), config, "hidden_act");
  const predict = linear(m.child("dense_prediction"), width, 1);
  const layer = m.layer("ElectraDiscriminatorPredictions", (f, x: ValueId) => {
    let states = f.set("hidden_states", dense(f, x));
    states = f.set("hidden_states", act(f, states));
    return f.set("logits", f.op("squeeze", { self: predict(f, states) }, { dim: -1 }));
  });
  return (f, { states }) => layer(f, f.set("discriminator_sequence_output", states));
}
