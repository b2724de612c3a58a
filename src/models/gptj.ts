/**
 * GPT-J: attention and feed-forward on the same norm, positions gathered from a table in every layer.
 *
 * Source  transformers 5.18, models/gptj/modeling_gptj.py; it has no fused attention
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { dropout, embedding, layerNorm, linear } from "./blocks/linear.js";
import { eagerCausalMask } from "./blocks/masks.js";
import { positions } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

export const gptj: LanguageModel = { kind: "GPTJ", prefix: "transformer", headBias: true, construct };

function construct(m: Module, config: Config): Base {
  const width = config.count("n_embd");
  const embed = embedding(m.child("wte"), config.count("vocab_size"), width);
  const drop = dropout(m.child("drop"), config.number("embd_pdrop"));
  const count = config.layers("n_layer");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`h.${i}`), config));
  const last = layerNorm(m.child("ln_f"), width);
  const layer = m.layer("GPTJModel", (f, ids: ValueId, padding: ValueId | null) => {
    const length = f.shape(ids)[1] as number;
    const embeds = f.set("inputs_embeds", embed(f, ids));
    const at = f.set("position_ids", positions(f, length));
    const mask = f.set(
      "causal_mask",
      eagerCausalMask(f, { states: embeds, padding, positions: at, asNumbers: true }),
    );
    let states = f.set("hidden_states", drop(f, embeds));
    for (const each of blocks) states = f.set("hidden_states", each(f, states, mask, at));
    states = f.set("hidden_states", last(f, states));
    return f.set("hidden_states", f.view(states, [-1, length, width]));
  });
  return { layer, embeddings: embed.weight, width };
}

function block(m: Module, config: Config): Layer<[ValueId, ValueId, ValueId]> {
  const width = config.count("n_embd");
  const inner = config.count("n_inner", 4 * width);
  const before = layerNorm(m.child("ln_1"), width);
  const attend = selfAttention(m.child("attn"), config);
  const feed = mlp(m.child("mlp"), config, width, inner);
  return m.layer(
    "GPTJBlock",
    (f, x: ValueId, mask: ValueId, at: ValueId) => {
      const states = f.set("hidden_states", before(f, x));
      const attended = f.set("attn_outputs", attend(f, states, mask, at));
      const fed = f.set("feed_forward_hidden_states", feed(f, states));
      return f.set("hidden_states", f.add(f.add(attended, fed), x));
    },
    { block: true },
  );
}

function mlp(m: Module, config: Config, width: number, inner: number): Layer {
  const [widen, narrow] = [linear(m.child("fc_in"), width, inner), linear(m.child("fc_out"), inner, width)];
  const act = activation(m.child("act"), config, "activation_function");
  const drop = dropout(m.child("dropout"), config.number("resid_pdrop"));
  return m.layer("GPTJMLP", (f, x: ValueId) => {
    let states = x;
    for (const each of [widen, act, narrow, drop]) states = f.set("hidden_states", each(f, states));
    return states;
  });
}

function selfAttention(m: Module, config: Config): Layer<[ValueId, ValueId, ValueId]> {
  const width = config.count("n_embd");
  const heads = config.count("n_head");
  const head = config.share(width, heads, "n_head", "n_embd");
  const part = config.has("rotary_dim") ? config.count("rotary_dim") : null;
  const [toKey, toValue, toQuery, out] = ["k_proj", "v_proj", "q_proj", "out_proj"].map((name) =>
    linear(m.child(name), width, width, false),
  ) as unknown as readonly [Layer, Layer, Layer, Layer]; // as: four names
  const table = m.buffer("embed_positions", [config.count("n_positions"), part ?? width], "float32", true);
  const dropScores = dropout(m.child("attn_dropout"), config.number("attn_pdrop"));
  const drop = dropout(m.child("resid_dropout"), config.number("resid_pdrop"));
  return m.layer("GPTJAttention", (f, x: ValueId, mask: ValueId, at: ValueId) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const flat = [f.set("query", toQuery(f, x)), f.set("key", toKey(f, x)), f.set("value", toValue(f, x))];
    const split = (i: number) => f.view(flat[i] as ValueId, [B, S, heads, head]);
    let [query, key] = [f.set("query", split(0)), f.set("key", split(1))];
    const value = f.set("value", f.permute(split(2), [0, 2, 1, 3]));
    const [sin, cos] = angles(f, table, at, key);
    if (part !== null) {
      const cut = (self: ValueId, name: string) => ({
        rot: f.set(`${name}_rot`, f.slice(self, 3, 0, part)),
        pass: f.set(`${name}_pass`, f.slice(self, 3, part, head)),
      });
      const [k, q] = [cut(key, "k"), cut(query, "q")];
      const kRot = f.set("k_rot", rotate(f, k.rot, sin, cos));
      const qRot = f.set("q_rot", rotate(f, q.rot, sin, cos));
      key = f.set("key", f.cat([kRot, k.pass], -1));
      query = f.set("query", f.cat([qRot, q.pass], -1));
    } else {
      key = f.set("key", rotate(f, key, sin, cos));
      query = f.set("query", rotate(f, query, sin, cos));
    }
    key = f.set("key", f.permute(key, [0, 2, 1, 3]));
    query = f.set("query", f.permute(query, [0, 2, 1, 3]));
    const attended = f.set("attn_output", scores(f, [query, key, value], mask, head, dropScores));
    const merged = f.set("attn_output", merge(f, attended, width));
    const projected = f.set("attn_output", out(f, merged));
    return f.set("attn_output", drop(f, projected));
  });
}

/** Sines and cosines of the positions, in the keys' type. */
function angles(f: Frame, table: ValueId, at: ValueId, key: ValueId): [ValueId, ValueId] {
  const width = f.shape(table)[1] as number;
  const repeated = f.set("embed_positions", f.apply("repeat", table, { repeats: [1, 1, 1] }));
  const index = f.apply("repeat", f.unsqueeze(at, -1), { repeats: [1, 1, width] });
  f.set("repeated_position_ids", index);
  const taken = f.op("gather", { self: repeated, index }, { dim: 1 });
  const sincos = f.set("sincos", f.toTypeOf(taken, key));
  return f.ops("split", { self: sincos }, { split_size: width / 2, dim: -1 }) as [ValueId, ValueId];
}

/** x cos + rotate_every_two(x) sin, both repeated for neighbouring pairs. */
function rotate(f: Frame, x: ValueId, sine: ValueId, cosine: ValueId): ValueId {
  return f.call([x], (g) => {
    const wide = (name: string, each: ValueId) =>
      g.set(name, g.apply("repeatInterleave", g.unsqueeze(each, 2), { repeats: 2, dim: 3 }));
    const [sin, cos] = [wide("sin", sine), wide("cos", cosine)];
    const straight = g.mul(x, cos);
    const turned = g.call([x], (h) => {
      const width = h.shape(x).at(-1) as number;
      const every = (start: number) => h.op("slice", { self: x }, { dim: 3, start, end: width, step: 2 });
      const [even, odd] = [every(0), every(1)];
      const pairs = h.op("stack", { tensors: [h.apply("neg", odd), even] }, { dim: -1 });
      return h.apply("flatten", h.set("x", pairs), { start_dim: -2, end_dim: -1 });
    });
    return g.add(straight, g.mul(turned, sin));
  });
}

function scores(
  f: Frame,
  args: readonly [ValueId, ValueId, ValueId],
  mask: ValueId,
  head: number,
  drop: Layer,
): ValueId {
  return f.call([...args, mask], (g) => {
    const [query, key] = [
      g.set("argument 0", g.to(args[0], "float32")),
      g.set("argument 1", g.to(args[1], "float32")),
    ];
    const value = args[2];
    let weights = g.set("attn_weights", g.matmul(query, g.transpose(key, -1, -2)));
    weights = g.set("attn_weights", g.op("div", { self: weights }, { other: Math.sqrt(head) }));
    weights = g.set("attn_weights", g.add(weights, mask));
    weights = g.set("attn_weights", g.apply("softmax", weights, { dim: -1 }));
    weights = g.set("attn_weights", g.toTypeOf(weights, value));
    weights = g.set("attn_weights", drop(g, weights));
    return g.set("attn_output", g.matmul(weights, value));
  });
}

function merge(f: Frame, states: ValueId, width: number): ValueId {
  return f.call([states], (g) => {
    const turned = g.contiguous(g.permute(states, [0, 2, 1, 3]));
    const [B, S] = g.shape(turned) as readonly [number, number];
    return g.view(g.set("argument 0", turned), [B, S, width]);
  });
}
