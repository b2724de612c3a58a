/**
 * GPT-Neo: attention written out in float32, with a table of which keys each query sees; some layers look back only so far.
 *
 * Source  transformers 5.18, models/gpt_neo/modeling_gpt_neo.py; it has no fused attention but another package's
 * `B` batch, `S` sequence, `H` heads, `D` head size, `P` positions.
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { checkLength } from "./blocks/encoder-embeddings.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { eagerCausalMask } from "./blocks/masks.js";
import { positions } from "./blocks/rotary.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const gptNeo: LanguageModel = { kind: "GPTNeo", prefix: "transformer", construct };

function construct(m: Module, config: Config): Base {
  const width = config.count("hidden_size");
  const most = config.count("max_position_embeddings");
  checkAttentionTypes(config);
  const embed = embedding(m.child("wte"), config.count("vocab_size"), width);
  const places = embedding(m.child("wpe"), most, width);
  const drop = dropout(m.child("drop"), config.number("embed_dropout"));
  const count = config.layers("num_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`h.${i}`), config));
  const last = layerNorm(m.child("ln_f"), width);
  const layer = m.layer("GPTNeoModel", (f, ids: ValueId, padding: ValueId | null) => {
    const length = f.shape(ids)[1] as number;
    checkLength(config, length, most);
    const embeds = f.set("inputs_embeds", embed(f, ids));
    const at = f.set("position_ids", positions(f, length));
    const request = { states: embeds, padding, positions: at, asNumbers: true };
    const mask = f.set(
      "causal_mask",
      f.call([], (g) => eagerCausalMask(g, request)),
    );
    const placed = f.set("position_embeds", places(f, at));
    let states = f.set("hidden_states", f.add(embeds, placed));
    states = f.set("hidden_states", drop(f, states));
    for (const each of blocks) {
      const made = each(f, states, mask);
      f.set("outputs", made.states);
      f.set("outputs.weights", made.weights);
      states = f.set("hidden_states", made.states);
    }
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

/** Kinds of layers decide which keys are seen, no size: they are checked so that a wrong file is told apart. */
function checkAttentionTypes(config: Config): void {
  const groups = config.list("attention_types") ?? [[["global", "local"], config.count("num_layers") / 2]];
  const sizes = groups.map((group) => {
    const [kinds, times] = Array.isArray(group) ? group : [];
    return Array.isArray(kinds) && typeof times === "number" ? kinds.length * times : Number.NaN;
  });
  const layers = sizes.reduce((sum, size) => sum + size, 0);
  if (layers !== config.count("num_layers"))
    throw badValue(config.source, "attention_types", `kinds of num_layers layers`, groups);
}

interface BlockResult {
  readonly states: ValueId;
  /** [B, H, S, S] */
  readonly weights: ValueId;
}

type BlockLayer = Layer<[ValueId, ValueId], BlockResult>;

function block(m: Module, config: Config): BlockLayer {
  const width = config.count("hidden_size");
  const first = layerNorm(m.child("ln_1"), width);
  const outer = m.child("attn");
  const attend = selfAttention(outer.child("attention"), config);
  const attention: BlockLayer = outer.layer("GPTNeoAttention", (f, x, mask) => attend(f, x, mask));
  const second = layerNorm(m.child("ln_2"), width);
  const feed = mlp(m.child("mlp"), config);
  return m.layer(
    "GPTNeoBlock",
    (f, x, mask) => {
      let states = f.set("hidden_states", first(f, x));
      const attended = attention(f, states, mask);
      f.set("attn_output", attended.states);
      f.set("attn_weights", attended.weights);
      states = f.set("hidden_states", f.add(attended.states, x));
      const residual = f.set("residual", states);
      states = f.set("hidden_states", second(f, states));
      const fed = f.set("feed_forward_hidden_states", feed(f, states));
      return { states: f.set("hidden_states", f.add(residual, fed)), weights: attended.weights };
    },
    { block: true },
  );
}

function mlp(m: Module, config: Config): Layer {
  const width = config.count("hidden_size");
  const inner = config.count("intermediate_size", 4 * width);
  const widen = linear(m.child("c_fc"), width, inner);
  const narrow = linear(m.child("c_proj"), inner, width);
  const act = activation(m.child("act"), config, "activation_function");
  const drop = dropout(m.child("dropout"), config.number("resid_dropout"));
  return m.layer("GPTNeoMLP", (f, x: ValueId) => {
    let states = x;
    for (const each of [widen, act, narrow, drop]) states = f.set("hidden_states", each(f, states));
    return states;
  });
}

function selfAttention(m: Module, config: Config): BlockLayer {
  const width = config.count("hidden_size");
  const heads = config.count("num_heads");
  const head = config.share(width, heads, "num_heads", "hidden_size");
  const most = config.count("max_position_embeddings");
  const drop = dropout(m.child("attn_dropout"), config.number("attention_dropout"));
  const after = dropout(m.child("resid_dropout"), config.number("resid_dropout"));
  const [toKey, toValue, toQuery] = ["k_proj", "v_proj", "q_proj"].map((name) =>
    linear(m.child(name), width, width, false),
  ) as unknown as readonly [Layer, Layer, Layer]; // as: three names
  const out = linear(m.child("out_proj"), width, width);
  const seen = m.buffer("bias", [1, 1, most, most], "bool");
  return m.layer("GPTNeoSelfAttention", (f, x, mask) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const split = (states: ValueId) => f.permute(f.view(states, [B, S, heads, head]), [0, 2, 1, 3]);
    const query = f.set("query", split(f.set("query", toQuery(f, x))));
    const key = f.set("key", split(f.set("key", toKey(f, x))));
    const value = f.set("value", split(f.set("value", toValue(f, x))));
    const { states: attended, weights } = f.call([query, key, value], (g) => {
      const [q, k] = [g.set("argument 0", g.to(query, "float32")), g.set("argument 1", g.to(key, "float32"))];
      let scores = g.set("attn_weights", g.matmul(q, g.transpose(k, -1, -2)));
      const condition = g.slice(g.slice(seen, 2, 0, S), 3, 0, S);
      const least = g.set("mask_value", g.op("create", { self: scores }, { size: [] }));
      scores = g.set("attn_weights", g.op("where", { condition, self: scores, other: least }));
      scores = g.set("attn_weights", g.add(scores, mask));
      scores = g.set("attn_weights", g.apply("softmax", scores, { dim: -1 }));
      scores = g.set("attn_weights", g.toTypeOf(scores, value));
      scores = g.set("attn_weights", drop(g, scores));
      return { states: g.set("attn_output", g.matmul(scores, value)), weights: scores };
    });
    f.set("attn_output", attended);
    f.set("attn_weights", weights);
    const rows = f.contiguous(f.permute(attended, [0, 2, 1, 3]));
    let result = f.set("attn_output", f.view(rows, [B, S, width]));
    result = f.set("attn_output", out(f, result));
    return { states: f.set("attn_output", after(f, result)), weights };
  });
}
