/**
 * One block of a decoder-only model: attention, feed-forward, and the norms and sums around them.
 *
 * Source  transformers 5.18, models/FAMILY/modeling_FAMILY.py …DecoderLayer
 */
import type { ValueId } from "../ir/graph.js";
import type { AttentionLayer } from "./blocks/decoder-attention.js";
import { norm } from "./blocks/norm.js";
import type { Angles } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import type { DecoderRow, Order } from "./decoder-row.js";
import type { Frame } from "./frame.js";
import type { Layer, Module } from "./module.js";

/** States, mask, angles, and positions, which are passed on and not read. */
export type Block = Layer<[ValueId, ValueId | null, Angles, ValueId]>;

/** What a family with blocks of its own puts in place of the table's. */
export interface DecoderParts {
  /** Rotated part of a head. */
  readonly rotated: (config: Config) => number;
  readonly attention: (m: Module, config: Config, i: number) => AttentionLayer;
  readonly feedForward: (m: Module, config: Config, i: number) => Layer;
}

/** Norms before and after attention, before and after the feed-forward block. */
type Norms = readonly [Layer, Layer, Layer, Layer];

/** Names of a block's norms in the order of their definition, each with its place among the four. */
const NORMS: Readonly<Record<Exclude<Order, "parallel" | "beside">, readonly (readonly [string, number])[]>> =
  {
    sequential: [
      ["input_layernorm", 0],
      ["post_attention_layernorm", 2],
    ],
    sandwich: [
      ["input_layernorm", 0],
      ["post_attention_layernorm", 1],
      ["pre_feedforward_layernorm", 2],
      ["post_feedforward_layernorm", 3],
    ],
    "glm-sandwich": [
      ["input_layernorm", 0],
      ["post_attention_layernorm", 2],
      ["post_self_attn_layernorm", 1],
      ["post_mlp_layernorm", 3],
    ],
    post: [
      ["post_attention_layernorm", 1],
      ["post_feedforward_layernorm", 3],
    ],
  };

export function decoderBlock(
  m: Module,
  config: Config,
  row: DecoderRow,
  parts: DecoderParts,
  i: number,
): Block {
  const width = config.count("hidden_size");
  const order = typeof row.order === "function" ? row.order(config) : row.order;
  const attend = parts.attention(m.child("self_attn"), config, i);
  const late = row.mixture?.late;
  const early = late ? null : parts.feedForward(m.child("mlp"), config, i);
  const normAt = (name: string) => norm(m.child(name), width, row.norm);
  const name = `${row.kind}DecoderLayer`;
  if (order === "parallel" || order === "beside") {
    const mlp = early ?? parts.feedForward(m.child("mlp"), config, i);
    return besideBlock(m, config, row, { name, attend, mlp, before: normAt("input_layernorm"), order });
  }
  const norms: Layer[] = Array.from({ length: 4 }, () => (_, x) => x);
  for (const [each, place] of NORMS[order]) norms[place] = normAt(each);
  const mlp = early ?? parts.feedForward(m.child(late?.name ?? "mlp"), config, i);
  return stackedBlock(m, config, row, { name, attend, mlp, norms: norms as unknown as Norms }); // as: four are made
}

interface Halves {
  readonly name: string;
  readonly attend: AttentionLayer;
  readonly mlp: Layer;
}

/** What follows each half before it is added: a dropout where the family has one. */
function branchDropout(config: Config, row: DecoderRow): (f: Frame, x: ValueId) => ValueId {
  const key = row.dropouts?.branch;
  if (key === undefined) return (_, x) => x;
  const p = config.number(key);
  return (f, x) => f.dropout(x, p);
}

/** Both halves read the same norm. */
function besideBlock(
  m: Module,
  config: Config,
  row: DecoderRow,
  { name, attend, mlp, before, order }: Halves & { readonly before: Layer; readonly order: Order },
): Block {
  const drop = branchDropout(config, row);
  return m.layer(
    name,
    (f, x: ValueId, mask: ValueId | null, angles: Angles) => {
      const states = f.set("hidden_states", before(f, x));
      const attended = f.set("attn_outputs", drop(f, attend(f, states, angles, mask)));
      const fed = f.set("feed_forward", drop(f, mlp(f, states)));
      const sum = order === "beside" ? f.add(f.add(x, attended), fed) : f.add(f.add(attended, fed), x);
      return f.set("hidden_states", sum);
    },
    { block: true },
  );
}

/** One half after the other. */
function stackedBlock(
  m: Module,
  config: Config,
  row: DecoderRow,
  { name, attend, mlp, norms }: Halves & { readonly norms: Norms },
): Block {
  const drop = branchDropout(config, row);
  const scaled = (f: Frame, x: ValueId) => (row.scales === "granite" ? f.scale(x, 1) : x);
  const [beforeAttention, afterAttention, beforeMlp, afterMlp] = norms;
  return m.layer(
    name,
    (f, x: ValueId, mask: ValueId | null, angles: Angles) => {
      let states = f.set("hidden_states", beforeAttention(f, x));
      states = f.set("hidden_states", attend(f, states, angles, mask));
      states = f.set("hidden_states", afterAttention(f, states));
      states = f.set("hidden_states", f.add(x, scaled(f, drop(f, states))));
      const residual = f.set("residual", states);
      states = f.set("hidden_states", beforeMlp(f, residual));
      states = f.set("hidden_states", mlp(f, states));
      states = f.set("hidden_states", afterMlp(f, states));
      return f.set("hidden_states", f.add(residual, scaled(f, drop(f, states))));
    },
    { block: true },
  );
}
