/**
 * Falcon: heads that share keys in three ways, feed-forward behind or beside attention, rotary positions or linear biases.
 *
 * Source  transformers 5.18, models/falcon/modeling_falcon.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { alibi } from "./blocks/alibi.js";
import { dropAdd } from "./blocks/drop-add.js";
import { embedding, layerNorm } from "./blocks/linear.js";
import { eagerCausalMask } from "./blocks/masks.js";
import { type Angles, applyRotary, positions, rotaryEmbedding } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const falcon: LanguageModel = { kind: "Falcon", prefix: "transformer", construct };

interface Places {
  readonly angles: Angles;
  readonly biases: ValueId | null;
  readonly mask: ValueId;
}

/** `FalconLinear`: the product and the bias are two operators. */
function falconLinear(m: Module, input: number, output: number, bias: boolean): Layer {
  const weight = m.parameter("weight", [output, input]);
  const shift = bias ? m.parameter("bias", [output]) : null;
  return m.layer("FalconLinear", (f, x: ValueId) => {
    const states = f.set("hidden_states", f.matmul(x, f.transpose(weight, 0, 1)));
    return shift === null ? states : f.add(states, shift);
  });
}

function construct(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const embed = embedding(m.child("word_embeddings"), config.count("vocab_size"), width);
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`h.${i}`), config));
  const last = layerNorm(m.child("ln_f"), width);
  const head = config.share(width, heads, "num_attention_heads", "hidden_size");
  const rotary = rotaryEmbedding(m.child("rotary_emb"), head, "FalconRotaryEmbedding");
  const biased = config.flag("alibi");
  const layer = m.layer("FalconModel", (f, ids: ValueId, padding: ValueId | null) => {
    const [batch, length] = f.shape(ids) as readonly [number, number];
    const embeds = f.set("inputs_embeds", embed(f, ids));
    const counted = biased ? (padding ?? f.create([batch, length], "int64")) : null;
    let biases = counted === null ? null : f.set("alibi", alibi(f, counted, embeds, heads, true));
    const at = f.set("position_ids", positions(f, length));
    let mask = f.set("causal_mask", eagerCausalMask(f, { states: embeds, padding, positions: at }));
    if (biases !== null) {
      const nothing = f.toTypeOf(f.create([], "float32"), embeds);
      if (!f.run.eager)
        mask = f.set("causal_mask", f.op("where", { condition: mask, self: nothing }, { other: -1 }));
      biases = f.set("alibi", f.reshape(biases, [batch, heads, 1, length]));
      const hidden = f.op("lt", { self: mask }, { other: -1 });
      const scaled = f.op("div", { self: biases }, { other: Math.sqrt(head) });
      mask = f.set("causal_mask", f.op("maskedFill", { self: scaled, mask: hidden }, { value: -1 }));
    }
    const angles = rotary(f, embeds, at);
    f.set("cos", angles.cos);
    f.set("sin", angles.sin);
    let states = f.set("hidden_states", embeds);
    for (const each of blocks) states = f.set("hidden_states", each(f, states, { angles, biases, mask }));
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

function block(m: Module, config: Config): Layer<[ValueId, Places]> {
  const width = config.count("hidden_size");
  const modern = config.flag("new_decoder_architecture");
  const parallel = config.flag("parallel_attn");
  const attend = selfAttention(m.child("self_attention"), config);
  const feed = mlp(m.child("mlp"), config);
  const norms = config.count("num_ln_in_parallel_attn", modern ? 2 : 1);
  const two = modern && norms === 2;
  const normAt = (name: string) => layerNorm(m.child(name), width);
  const between = parallel ? null : normAt("post_attention_layernorm");
  const before = normAt(two && parallel ? "ln_attn" : "input_layernorm");
  const beside = two && parallel ? normAt("ln_mlp") : null;
  const [p, pAttention] = [config.number("hidden_dropout"), config.number("attention_dropout")];
  return m.layer(
    "FalconDecoderLayer",
    (f, x: ValueId, places: Places) => {
      let residual = x;
      const normed = f.set("attention_layernorm_out", before(f, x));
      let toFeed = beside ? f.set("mlp_layernorm_out", beside(f, x)) : normed;
      const attended = f.set("attention_output", attend(f, normed, places));
      if (!modern && between) {
        residual = f.set("residual", dropAdd(f, attended, residual, pAttention));
        toFeed = f.set("mlp_layernorm_out", between(f, residual));
      }
      let fed = f.set("mlp_output", feed(f, toFeed));
      if (modern || parallel)
        fed = f.set("mlp_output", f.op("add", { self: fed, other: attended }, { inPlace: true }));
      return f.set("output", dropAdd(f, fed, residual, p));
    },
    { block: true },
  );
}

function mlp(m: Module, config: Config): Layer {
  const width = config.count("hidden_size");
  const inner = config.count("ffn_hidden_size", 4 * width);
  const bias = config.flag("bias");
  const widen = falconLinear(m.child("dense_h_to_4h"), width, inner, bias);
  const act = activation(m.child("act"), config, "activation");
  const narrow = falconLinear(m.child("dense_4h_to_h"), inner, width, bias);
  return m.layer("FalconMLP", (f, x: ValueId) => {
    const states = f.set("x", act(f, widen(f, x)));
    return f.set("x", narrow(f, states));
  });
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, Places]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const head = config.share(width, heads, "num_attention_heads", "hidden_size");
  const bias = config.flag("bias");
  const modern = config.flag("new_decoder_architecture");
  const single = !modern && config.flag("multi_query");
  const groups = config.count("num_kv_heads", heads);
  const columns = modern ? (2 * groups + heads) * head : single ? width + 2 * head : 3 * width;
  const project = falconLinear(m.child("query_key_value"), width, columns, bias);
  const out = falconLinear(m.child("dense"), width, width, bias);
  const dropped = config.number("attention_dropout");
  const keyHeads = modern ? heads : single ? 1 : heads;
  return m.layer("FalconAttention", (f, x: ValueId, { angles, biases, mask }: Places) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const fused = f.set("fused_qkv", project(f, x));
    const parts = f.call([fused], (g) =>
      modern ? groupedParts(g, fused, heads, groups, head) : plainParts(g, fused, heads, head, single),
    );
    const turned = (i: number, count: number, name: string) =>
      f.set(name, f.reshape(f.transpose(parts[i] as ValueId, 1, 2), [B, count, S, head]));
    let query = turned(0, heads, "query_layer");
    let key = turned(1, keyHeads, "key_layer");
    const value = turned(2, keyHeads, "value_layer");
    if (biases === null) {
      [query, key] = applyRotary(f, [query, key], angles);
      f.set("query_layer", query);
      f.set("key_layer", key);
    }
    const attended = f.run.eager
      ? eagerScores(f, [query, key, value], { mask, biases, head, dropped })
      : f.op(
          "scaledDotProductAttention",
          { query, key, value, attn_mask: mask },
          { dropout_p: biases !== null && f.run.training ? dropped : 0, is_causal: false },
        );
    let result = f.set("attn_output", f.view(attended, [B, heads, S, head]));
    result = f.set("attn_output", f.permute(result, [0, 2, 1, 3]));
    result = f.set("attn_output", f.reshape(result, [B, S, width]));
    return f.set("attn_output", out(f, result));
  });
}

/** [B, S, heads, 3, head], one of three; or all query heads and one key and value. */
function plainParts(f: Frame, fused: ValueId, heads: number, head: number, single: boolean): ValueId[] {
  const [B, S] = f.shape(fused) as readonly [number, number, number];
  if (!single) {
    const parts = f.view(fused, [B, S, heads, 3, head]);
    return [0, 1, 2].map((index) => f.op("select", { self: parts }, { dim: 3, index }));
  }
  const parts = f.view(fused, [B, S, heads + 2, head]);
  return [f.slice(parts, 2, 0, heads), picked(f, parts, 2), picked(f, parts, 2)];
}

/** One entry of `dim`, by a list: that copies, and makes its index on the device. */
function picked(f: Frame, self: ValueId, dim: number): ValueId {
  const index = f.create([1], "int64");
  return f.op("index", { self, indices: [...Array.from({ length: dim }, () => null), index] });
}

/** Groups of query heads with a key and a value each, which are repeated for them. */
function groupedParts(f: Frame, fused: ValueId, heads: number, groups: number, head: number): ValueId[] {
  const [B, S] = f.shape(fused) as readonly [number, number, number];
  const each = heads / groups;
  const parts = f.view(fused, [B, S, -1, each + 2, head]);
  const query = f.set("query", f.slice(parts, 3, 0, each));
  const size = f.shape(query);
  const key = f.set("key", f.expand(picked(f, parts, 3), size));
  const value = f.set("value", f.expand(picked(f, parts, 3), size));
  return [query, key, value].map((part) => f.apply("flatten", part, { start_dim: 2, end_dim: 3 }));
}

interface EagerOptions {
  readonly mask: ValueId;
  readonly biases: ValueId | null;
  readonly head: number;
  readonly dropped: number;
}

function eagerScores(
  f: Frame,
  [query, key, value]: readonly [ValueId, ValueId, ValueId],
  { mask, biases, head, dropped }: EagerOptions,
): ValueId {
  let scores = f.set("attention_scores", f.matmul(query, f.transpose(key, -1, -2)));
  if (biases === null) {
    scores = f.set(
      "attention_scores",
      f.op("div", { self: scores }, { other: Math.sqrt(head), inPlace: true }),
    );
    scores = f.set("attention_scores", f.apply("softmax", f.add(scores, mask), { dim: -1 }));
    return f.matmul(scores, value);
  }
  scores = f.set("attention_scores", f.to(scores, "float32"));
  const logits = f.set("attention_logits", f.add(scores, biases));
  f.op("mul", { self: logits }, { other: head ** -0.5, inPlace: true });
  const weights = f.toTypeOf(f.apply("softmax", f.add(logits, mask), { dim: -1 }), query);
  const probabilities = f.set("attention_probs", f.dropout(f.set("attention_probs", weights), dropped));
  return f.matmul(probabilities, value);
}
