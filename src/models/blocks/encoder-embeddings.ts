/**
 * Embeddings of encoders: tokens, positions and token types, summed and normed.
 *
 * Source  transformers 5.18: models/bert/modeling_bert.py BertEmbeddings; roberta/modeling_roberta.py RobertaEmbeddings
 */
import type { ValueId } from "../../ir/graph.js";
import { sequenceTooLong } from "../complaints.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { dropout, embedding, layerNorm } from "./linear.js";

export interface EmbeddingStyle {
  readonly kind: string;
  readonly width: number;
  /** A buffer's first places, or counted in the batch behind its padding: these start after the padding's id. */
  readonly positions: "buffer" | "counted";
  /** Constructs the embeddings of tokens. */
  readonly words: (m: Module) => Layer;
}

export function encoderEmbeddings(m: Module, config: Config, style: EmbeddingStyle): Layer {
  const { width, kind } = style;
  const most = config.count("max_position_embeddings");
  const words = style.words(m.child("word_embeddings"));
  const places = embedding(m.child("position_embeddings"), most, width);
  const types = embedding(m.child("token_type_embeddings"), config.count("type_vocab_size"), width);
  const norm = layerNorm(m.child("LayerNorm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  const ids = m.buffer("position_ids", [1, most], "int64");
  const zeros = m.buffer("token_type_ids", [1, most], "int64");
  const counted = style.positions === "counted";
  return m.layer(`${kind}Embeddings`, (f, tokens: ValueId) => {
    const [batch, length] = f.shape(tokens) as readonly [number, number];
    checkLength(config, length, counted ? most - config.number("pad_token_id") - 1 : most);
    const at = f.set("position_ids", counted ? countedPositions(f, tokens) : f.slice(ids, 1, 0, length));
    const wide = f.set("buffered_token_type_ids", f.expand(zeros, [f.shape(at)[0] as number, -1]));
    const gathered = f.set("buffered_token_type_ids", f.op("gather", { self: wide, index: at }, { dim: 1 }));
    const typeIds = f.set("token_type_ids", f.expand(gathered, [batch, length]));
    const embeds = f.set("inputs_embeds", words(f, tokens));
    const typed = f.set("token_type_embeddings", types(f, typeIds));
    let sum = f.set("embeddings", f.add(embeds, typed));
    const placed = f.set("position_embeddings", places(f, at));
    sum = f.set("embeddings", f.add(sum, placed));
    sum = f.set("embeddings", norm(f, sum));
    return f.set("embeddings", drop(f, sum));
  });
}

/** Complains about more tokens than there are positions, whose number `key` says. */
export function checkLength(
  config: Config,
  length: number,
  most: number,
  key = "max_position_embeddings",
): void {
  if (length > most) throw sequenceTooLong(config.source, length, most, key);
}

/** `create_position_ids_from_input_ids`: each token's place among those that are no padding. [B, S] */
export function countedPositions(f: Frame, tokens: ValueId): ValueId {
  return f.call([tokens], (g) => {
    const mask = g.set("mask", g.to(g.op("ne", { self: tokens }, { other: 1 }), "int32"));
    const count = g.toTypeOf(g.apply("cumsum", mask, { dim: 1 }), mask);
    const places = g.set("incremental_indices", g.mul(g.op("add", { self: count }, { other: 0 }), mask));
    return g.op("add", { self: g.to(places, "int64") }, { other: 1 });
  });
}
