/**
 * Attention whose scores add up content with content, content with position, and position with content.
 *
 * Source  transformers 5.18, models/deberta_v2/modeling_deberta_v2.py DisentangledSelfAttention
 */
import type { ValueId } from "../../ir/graph.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { dropout, linear } from "./linear.js";

/** What all layers of one forward share. */
export interface Surroundings {
  /** 1 where a query may see a key, in the type of the padding mask. [B, 1, S, S] */
  readonly mask: ValueId;
  /** Buckets of distances. [1, S, S] */
  readonly distances: ValueId | null;
  /** A vector per bucket. */
  readonly buckets: ValueId | null;
}

/** Buckets of distances to one side: a table of vectors has twice as many. */
export function bucketsOf(config: Config): number {
  const [near, far] = [config.number("position_buckets", -1), config.number("max_relative_positions", -1)];
  if (near > 0) return config.count("position_buckets");
  return far < 1 ? config.count("max_position_embeddings") : config.count("max_relative_positions");
}

interface Parts {
  readonly heads: number;
  /** Turn bucket vectors into keys and queries; null: that part of the scores is left out. */
  readonly keys: Layer | null;
  readonly queries: Layer | null;
  /** They are the projections of the content, of which queries come first. */
  readonly shared: boolean;
  /** c2p: of content with position; p2c: of position with content. */
  readonly kinds: readonly unknown[];
  /** All scores are divided by this. */
  readonly scale: number;
  readonly span: number;
}

export function disentangledAttention(m: Module, config: Config): Layer<[ValueId, Surroundings]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const head = config.has("attention_head_size")
    ? config.count("attention_head_size")
    : config.share(width, heads, "num_attention_heads", "hidden_size");
  const project = (name: string) => linear(m.child(name), width, heads * head);
  const [toQuery, toKey, toValue] = [project("query_proj"), project("key_proj"), project("value_proj")];
  const relative = config.flag("relative_attention");
  const kinds = positionKinds(config);
  const dropBuckets = dropout(m.child("pos_dropout"), config.number("hidden_dropout_prob"));
  const shared = config.flag("share_att_key");
  const own = (kind: string, name: string, content: Layer): Layer | null =>
    !relative || (!shared && !kinds.includes(kind)) ? null : shared ? content : project(name);
  const keys = own("c2p", "pos_key_proj", toKey);
  const queries = own("p2c", "pos_query_proj", toQuery);
  const scale = Math.sqrt(head * (1 + kinds.filter((kind) => kind === "c2p" || kind === "p2c").length));
  const parts: Parts = { heads, keys, queries, shared, kinds, scale, span: relative ? bucketsOf(config) : 0 };
  const drop = dropout(m.child("dropout"), config.number("attention_probs_dropout_prob"));
  return m.layer("DisentangledSelfAttention", (f, x: ValueId, { mask, distances, buckets }: Surroundings) => {
    const [, S] = f.shape(x) as readonly [number, number, number];
    const query = f.set("query_layer", split(f, toQuery(f, x), parts));
    const key = f.set("key_layer", split(f, toKey(f, x), parts));
    const value = f.set("value_layer", split(f, toValue(f, x), parts));
    const scaledKey = f.op("div", { self: f.transpose(key, -1, -2) }, { other: scale });
    let scores = f.set("attention_scores", f.op("bmm", { self: query, mat2: scaledKey }));
    if (distances !== null && buckets !== null) {
      const dropped = f.set("rel_embeddings", dropBuckets(f, buckets));
      const bias = positionScores(f, query, key, { distances, vectors: dropped, parts });
      if (bias !== null) scores = f.set("attention_scores", f.add(scores, f.set("rel_att", bias)));
    }
    scores = f.set("attention_scores", f.view(scores, [-1, heads, S, S]));
    const visible = f.set("attention_mask", f.to(mask, "bool"));
    const hidden = f.apply("bitwiseNot", visible);
    scores = f.set("attention_scores", f.op("maskedFill", { self: scores, mask: hidden }, { value: -1 }));
    let weights = f.set("attention_probs", f.apply("softmax", scores, { dim: -1 }));
    weights = f.set("attention_probs", drop(f, weights));
    let context = f.op("bmm", { self: f.view(weights, [-1, S, S]), mat2: value });
    f.set("context_layer", context);
    context = f.permute(f.view(context, [-1, heads, S, head]), [0, 2, 1, 3]);
    context = f.set("context_layer", f.contiguous(context));
    return f.set("context_layer", f.view(context, [...f.shape(context).slice(0, 2), -1]));
  });
}

/** `pos_att_type`: a list, or a text with bars. */
function positionKinds(config: Config): readonly unknown[] {
  const said = config.value("pos_att_type");
  if (typeof said === "string")
    return said
      .toLowerCase()
      .split("|")
      .map((kind) => kind.trim());
  return config.list("pos_att_type") ?? [];
}

/** transpose_for_scores: [B, S, H E] to [B H, S, E], copied. */
function split(f: Frame, states: ValueId, { heads }: Parts): ValueId {
  return f.call([states], (g) => {
    const [B, S] = g.shape(states) as readonly [number, number, number];
    const x = g.set("x", g.view(states, [B, S, heads, -1]));
    const turned = g.contiguous(g.permute(x, [0, 2, 1, 3]));
    return g.view(turned, [B * heads, S, -1]);
  });
}

interface Positions {
  readonly distances: ValueId;
  readonly vectors: ValueId;
  readonly parts: Parts;
}

/** disentangled_attention_bias: scores that know positions; null when the configuration names no kind. [B H, S, S] */
function positionScores(
  f: Frame,
  query: ValueId,
  key: ValueId,
  { distances, vectors, parts }: Positions,
): ValueId | null {
  const { span, heads } = parts;
  return f.call([query, key, vectors], (g) => {
    const rows = g.shape(query)[0] as number;
    const places = g.set("relative_pos", g.unsqueeze(distances, 1));
    const used = g.set("rel_embeddings", g.unsqueeze(g.slice(vectors, 0, 0, 2 * span), 0));
    const repeated = (name: string, project: Layer) => {
      const each = split(g, project(g, used), parts);
      return g.set(name, g.op("repeat", { self: each }, { repeats: [rows / heads, 1, 1] }));
    };
    const keysOf = () => parts.keys && repeated("pos_key_layer", parts.keys);
    const early = parts.shared ? null : keysOf();
    const queries = parts.queries && repeated("pos_query_layer", parts.queries);
    const keys = early ?? keysOf();
    let score: ValueId | null = null;
    if (keys !== null && parts.kinds.includes("c2p")) {
      const scores = g.set("c2p_att", g.op("bmm", { self: query, mat2: g.transpose(keys, -1, -2) }));
      const at = g.set("c2p_pos", shifted(g, places, span));
      const part = g.set("c2p_att", pick(g, scores, at));
      score = g.set("score", g.op("add", { self: scaled(g, part, parts) }, { other: 0 }));
    }
    if (queries !== null && parts.kinds.includes("p2c")) {
      const at = g.set("p2c_pos", shifted(g, g.apply("neg", places), span));
      const scores = g.set("p2c_att", g.op("bmm", { self: key, mat2: g.transpose(queries, -1, -2) }));
      const part = scaled(g, g.set("p2c_att", g.transpose(pick(g, scores, at), -1, -2)), parts);
      score =
        score === null
          ? g.op("add", { self: part }, { other: 0 })
          : g.op("add", { self: score, other: part }, { inPlace: true });
      g.set("score", score);
    }
    return score;
  });
}

const scaled = (f: Frame, part: ValueId, { scale }: Parts): ValueId =>
  f.op("div", { self: part }, { other: scale });

/** Rows of the table of bucket vectors. */
function shifted(f: Frame, places: ValueId, span: number): ValueId {
  const row = f.op("add", { self: places }, { other: span });
  return f.apply("clamp", row, { min: 0, max: 2 * span - 1 });
}

/** Each query's scores at the buckets of its distances. */
function pick(f: Frame, scores: ValueId, at: ValueId): ValueId {
  const [rows, S] = f.shape(scores) as readonly [number, number, number];
  const index = f.expand(f.op("squeeze", { self: at }, { dim: 0 }), [rows, S, S]);
  return f.op("gather", { self: scores, index }, { dim: -1 });
}
