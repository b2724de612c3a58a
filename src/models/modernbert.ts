/**
 * ModernBERT: rotary positions, norms before each half, gated feed-forwards; most layers look only nearby.
 *
 * Source  transformers 5.18, models/modernbert/modeling_modernbert.py
 * Untrue  `sparse_prediction`, which predicts labelled tokens only, is read as if every token had a label
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { type Attended, attend } from "./blocks/attention.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import { tokenLoss } from "./blocks/loss.js";
import { bidirectionalMask } from "./blocks/masks.js";
import { type Angles, rotaryAngles, rotateHalf } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import type { Encoder, EncoderModel, Shared } from "./encoder-family.js";
import { wordEmbedding } from "./encoder-predictions.js";
import type { Frame } from "./frame.js";
import { predictions, sequenceClassifier, tokenClassifier } from "./modernbert-heads.js";
import type { Layer, Module } from "./module.js";

export const modernbert: EncoderModel = {
  kind: "ModernBert",
  prefix: "model",
  construct,
  pooled: [],
  losses: { "masked-lm": tokenLoss },
  heads: {
    "masked-lm": predictions,
    "sequence-classification": sequenceClassifier,
    "token-classification": tokenClassifier((config) => config.classes()),
    "question-answering": tokenClassifier(() => 2),
  },
};

/** In the order in which their frequencies lie in memory. */
const KINDS = ["full_attention", "sliding_attention"] as const;
type Kind = (typeof KINDS)[number];

function construct(m: Module, config: Config, shared: Shared): Encoder {
  const { width } = shared;
  const embed = embeddings(m.child("embeddings"), config, shared);
  const count = config.layers("num_hidden_layers");
  const kinds = Array.from({ length: count }, (_, i) => kindOf(config, i));
  const blocks = kinds.map((_, i) => block(m.child(`layers.${i}`), config, width, i));
  const last = layerNorm(m.child("final_norm"), width, config.flag("norm_bias"));
  const rotary = rotaryEmbeddings(m.child("rotary_emb"), config, kinds);
  const window = Math.trunc(config.count("local_attention") / 2);
  return m.layer("ModernBertModel", (f, ids: ValueId, padding: ValueId | null) => {
    const [, length] = f.shape(ids) as readonly [number, number];
    const places = f.set("position_ids", f.unsqueeze(f.arange(length), 0));
    let states = f.set("hidden_states", embed(f, ids));
    f.set("mask_kwargs", states);
    const held = (name: Kind, mask: ValueId | null) => (mask === null ? null : f.set(name, mask));
    const masks = {
      full_attention: held("full_attention", bidirectionalMask(f, { states, padding })),
      sliding_attention: held("sliding_attention", bidirectionalMask(f, { states, padding, window })),
    };
    const turns = new Map<Kind, Angles>();
    for (const [kind, turn] of rotary) {
      const angles = turn(f, states, places);
      f.set(`${kind} cos`, angles.cos);
      f.set(`${kind} sin`, angles.sin);
      turns.set(kind, angles);
    }
    blocks.forEach((each, i) => {
      const kind = kinds[i] as Kind; // as: one per block
      states = f.set("hidden_states", each(f, states, masks[kind], turns.get(kind) as Angles));
    });
    return { states: f.set("hidden_states", last(f, states)), pooled: null };
  });
}

/** `layer_types`, or every n-th layer looks at the whole sequence. */
function kindOf(config: Config, i: number): Kind {
  const types = config.list("layer_types");
  const full = types
    ? types[i] !== "sliding_attention"
    : i % config.count("global_attn_every_n_layers", 3) === 0;
  return full ? "full_attention" : "sliding_attention";
}

function embeddings(m: Module, config: Config, shared: Shared): Layer {
  const words = wordEmbedding(m.child("tok_embeddings"), config, shared);
  const norm = layerNorm(m.child("norm"), shared.width, config.flag("norm_bias"));
  const drop = dropout(m.child("drop"), config.number("embedding_dropout"));
  return m.layer("ModernBertEmbeddings", (f, ids: ValueId) =>
    f.set("hidden_states", drop(f, norm(f, words(f, ids)))),
  );
}

type Rotary = Layer<[ValueId, ValueId], Angles>;

function rotaryEmbeddings(m: Module, config: Config, used: readonly Kind[]): ReadonlyMap<Kind, Rotary> {
  const half = headOf(config) / 2;
  const layers = new Map<Kind, Rotary>();
  for (const kind of KINDS.filter((each) => used.includes(each))) {
    const frequencies = m.buffer(`${kind}_inv_freq`, [half], "float32", true);
    m.buffer(`${kind}_original_inv_freq`, [half], "float32", true);
    const turn: Rotary = m.layer("ModernBertRotaryEmbedding", (f, x, ids) =>
      rotaryAngles(f, frequencies, { x, ids }),
    );
    layers.set(kind, turn);
  }
  return layers;
}

function headOf(config: Config): number {
  const [width, heads] = [config.count("hidden_size"), config.count("num_attention_heads")];
  return config.share(width, heads, "num_attention_heads", "hidden_size");
}

type Turned<R = ValueId> = Layer<[ValueId, ValueId | null, Angles], R>;

function block(m: Module, config: Config, width: number, i: number): Turned {
  const bias = config.flag("norm_bias");
  // the embeddings' norm is the first layer's
  const before = i === 0 ? (_: Frame, x: ValueId) => x : layerNorm(m.child("attn_norm"), width, bias);
  const attention = selfAttention(m.child("attn"), config, width);
  const between = layerNorm(m.child("mlp_norm"), width, bias);
  const feed = mlp(m.child("mlp"), config, width);
  return m.layer(
    "ModernBertEncoderLayer",
    (f, x: ValueId, mask: ValueId | null, angles: Angles) => {
      const normed = before(f, x);
      const { output, weights } = f.call([normed], (g) => attention(g, normed, mask, angles));
      if (weights !== null) f.set("_", weights);
      f.set("attn_output", output);
      const states = f.set("hidden_states", f.add(x, output));
      const second = between(f, states);
      const fed = f.call([second], (g) => feed(g, second));
      return f.set("hidden_states", f.add(states, fed));
    },
    { block: true },
  );
}

function selfAttention(m: Module, config: Config, width: number): Turned<Attended> {
  const head = headOf(config);
  const bias = config.flag("attention_bias");
  const p = config.number("attention_dropout");
  const project = linear(m.child("Wqkv"), width, 3 * width, bias);
  const out = linear(m.child("Wo"), width, width, bias);
  const drop = dropout(m.child("out_drop"), p);
  return m.layer("ModernBertAttention", (f, x: ValueId, mask: ValueId | null, angles: Angles) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const qkv = f.set("qkv", f.view(project(f, x), [B, S, 3, -1, head]));
    const parts = f.ops("unbind", { self: qkv }, { dim: -3 });
    const [q, k, value] = parts.map((part, i) => f.set(`states ${i}`, f.transpose(part, 1, 2))) as [
      ValueId,
      ValueId,
      ValueId,
    ];
    const [query, key] = rotated(f, [q, k], angles);
    f.set("states 0", query);
    f.set("states 1", key);
    const { output, weights } = attend(f, { query, key, value, mask, causal: false, dropout: p });
    if (weights !== null) f.set("attn_weights", weights);
    f.set("attn_output", output);
    const joined = f.set("attn_output", f.contiguous(f.reshape(output, [B, S, width])));
    return { output: f.set("attn_output", drop(f, out(f, joined))), weights };
  });
}

/** Queries and keys are turned in float32 and given back in their own type. */
function rotated(f: Frame, pair: readonly [ValueId, ValueId], { cos, sin }: Angles): [ValueId, ValueId] {
  return f.call(pair, (g) => {
    const [c, s] = [g.unsqueeze(cos, 1), g.unsqueeze(sin, 1)];
    const [query, key] = pair.map((x, i) =>
      g.set(`embed ${i}`, g.add(g.mul(g.to(x, "float32"), c), g.mul(rotateHalf(g, g.to(x, "float32")), s))),
    ) as [ValueId, ValueId];
    return [g.toTypeOf(query, pair[0]), g.toTypeOf(key, pair[1])];
  });
}

/** Wo(dropout(act(input) * gate)), both halves of one product. */
function mlp(m: Module, config: Config, width: number): Layer {
  const bias = config.flag("mlp_bias");
  const inner = config.count("intermediate_size");
  const both = linear(m.child("Wi"), width, 2 * inner, bias);
  const act = activation(m.child("act"), config, "hidden_activation");
  const drop = dropout(m.child("drop"), config.number("mlp_dropout"));
  const out = linear(m.child("Wo"), inner, width, bias);
  return m.layer("ModernBertMLP", (f, x: ValueId) => {
    const [input, gate] = f.ops("split", { self: both(f, x) }, { chunks: 2, dim: -1 }) as [ValueId, ValueId];
    f.set("input", input);
    f.set("gate", gate);
    return out(f, drop(f, f.mul(act(f, input), gate)));
  });
}
