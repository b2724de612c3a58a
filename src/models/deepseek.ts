/**
 * DeepSeek V2 and V3: attention over compressed keys and values, experts beside some that see every token.
 *
 * Source  transformers 5.18, models/{deepseek_v2,deepseek_v3}/modeling_*.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { attention } from "./blocks/attention.js";
import type { AttentionLayer } from "./blocks/decoder-attention.js";
import { linear } from "./blocks/linear.js";
import { gatedMlp } from "./blocks/mlp.js";
import { experts, type Routing } from "./blocks/mixture.js";
import { rmsNorm } from "./blocks/norm.js";
import { type Angles, applyRotary } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import { decoder } from "./decoder.js";
import { groupedRouter, softmaxRouter } from "./deepseek-routers.js";
import type { Frame } from "./frame.js";
import type { LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

interface DeepseekRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  /** Name of the mixture's class behind it. */
  readonly mixture: string;
  readonly router: (m: Module, config: Config) => Layer<[ValueId], Routing>;
  /** How queries and the one key of all heads are turned; by complex numbers in V2. */
  readonly rotate: (config: Config) => typeof applyRotary;
  readonly rotation?: "polar";
}

const V2: DeepseekRow = {
  kind: "DeepseekV2",
  mixture: "Moe",
  router: softmaxRouter,
  rotate: () => rotatePolar,
  rotation: "polar",
};

const V3: DeepseekRow = {
  kind: "DeepseekV3",
  mixture: "MoE",
  router: groupedRouter,
  rotate: (config) => (config.flag("rope_interleave") ? rotateInterleaved : applyRotary),
};

export const deepseekV2 = deepseek(V2);
export const deepseekV3 = deepseek(V3);

function deepseek(row: DeepseekRow): LanguageModel {
  const { kind, rotation } = row;
  const style = rotation ? { attention: { rotation } } : {};
  return decoder(
    { kind, norm: "llama", order: "sequential", mlp: "gated", ...style },
    {
      rotated: (config) => config.even(config.count("qk_rope_head_dim"), "qk_rope_head_dim"),
      attention: (m, config) => latentAttention(m, config, row),
      feedForward: (m, config, i) => {
        const dense = i < config.number("first_k_dense_replace");
        return dense
          ? mlp(m, config, row, config.count("intermediate_size"))
          : mixtureOfExperts(m, config, row);
      },
    },
  );
}

function mlp(m: Module, config: Config, { kind }: DeepseekRow, inner: number): Layer {
  const sizes = { width: config.count("hidden_size"), inner, bias: false };
  return gatedMlp(m, sizes, (child) => activation(child, config, "hidden_act"), `${kind}MLP`);
}

function mixtureOfExperts(m: Module, config: Config, row: DeepseekRow): Layer {
  const width = config.count("hidden_size");
  const inner = config.count("moe_intermediate_size");
  const sizes = {
    width,
    inner,
    experts: config.count("n_routed_experts"),
    perToken: config.count("num_experts_per_tok"),
  };
  config.atMost("num_experts_per_tok", sizes.experts, "n_routed_experts");
  const act = (child: Module) => activation(child, config, "hidden_act");
  const run = experts(m.child("experts"), sizes, act, `${row.kind}Experts`);
  const route = row.router(m.child("gate"), config);
  const always = mlp(m.child("shared_experts"), config, row, inner * config.count("n_shared_experts"));
  return m.layer(`${row.kind}${row.mixture}`, (f, x: ValueId) => {
    const shape = f.shape(x);
    const { logits, weights, experts: chosen } = route(f, x);
    f.set("_", logits);
    f.set("topk_weights", weights);
    f.set("topk_indices", chosen);
    const rows = f.set("hidden_states", f.view(x, [-1, width]));
    const out = f.set("hidden_states", f.view(run(f, rows, chosen, weights), shape));
    return f.set("hidden_states", f.add(out, always(f, x)));
  });
}

/** Keys and values are read from one narrow tensor; the rotated part of the key is one for all heads. */
function latentAttention(m: Module, config: Config, row: DeepseekRow): AttentionLayer {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const [plain, turned] = [config.count("qk_nope_head_dim"), config.count("qk_rope_head_dim")];
  const [head, valueHead] = [plain + turned, config.count("v_head_dim")];
  const rank = config.count("kv_lora_rank");
  const bias = config.flag("attention_bias");
  const toQuery = queries(m, config, heads * head);
  const compress = linear(m.child("kv_a_proj_with_mqa"), width, rank + turned, bias);
  const normed = rmsNorm(m.child("kv_a_layernorm"), rank);
  const open = linear(m.child("kv_b_proj"), rank, heads * (plain + valueHead), false);
  const out = linear(m.child("o_proj"), heads * valueHead, width, bias);
  const rotate = row.rotate(config);
  return m.layer(`${row.kind}Attention`, (f, x: ValueId, angles: Angles, mask: ValueId | null) => {
    const [B, S] = f.shape(x) as readonly [number, number, number];
    const flat = f.set("q_states", toQuery(f, x));
    const states = f.set("q_states", f.transpose(f.view(flat, [B, S, -1, head]), 1, 2));
    const parts = (self: ValueId, first: number, second: number) =>
      f.ops("split", { self }, { split_sizes: [first, second], dim: -1 }) as [ValueId, ValueId];
    const [queryPass, queryTurn] = parts(states, plain, turned);
    const compressed = f.set("compressed_kv", compress(f, x));
    const [narrow, keyTurn] = parts(compressed, rank, turned);
    let latent = f.set("kv_nope", normed(f, narrow));
    latent = f.set("kv_nope", f.view(latent, [B, 1, S, rank]));
    const single = f.view(keyTurn, [B, 1, S, turned]);
    const [q, k] = rotate(f, [queryTurn, single], angles);
    f.set("q_rot", q);
    f.set("k_rot", k);
    const query = f.set("query_states", f.cat([queryPass, q], -1));
    const [key, value] = f.call([latent, k], (g) => {
      const opened = g.transpose(g.view(open(g, latent), [B, S, -1, plain + valueHead]), 1, 2);
      const [keyPlain, values] = g.ops(
        "split",
        { self: opened },
        { split_sizes: [plain, valueHead], dim: -1 },
      ) as [ValueId, ValueId];
      const wide = g.expand(k, [-1, heads, -1, -1]);
      const whole = g.op("create", { self: opened }, { size: [B, heads, S, head] });
      const keys = g.set("key_states", whole);
      g.op("copy", { self: g.slice(keys, -1, 0, plain), src: keyPlain }, { inPlace: true });
      g.op("copy", { self: g.slice(keys, -1, plain, head), src: wide }, { inPlace: true });
      return [keys, values] as const;
    });
    f.set("key_states", key);
    f.set("value_states", value);
    const dropout = config.number("attention_dropout");
    const attended = attention(f, { query, key, value, mask, causal: true, dropout });
    const result = f.set("attn_output", f.contiguous(f.reshape(attended, [B, S, heads * valueHead])));
    return f.set("attn_output", out(f, result));
  });
}

/** One product, or two with a norm between them. */
function queries(m: Module, config: Config, columns: number): Layer {
  const width = config.count("hidden_size");
  if (!config.has("q_lora_rank")) return linear(m.child("q_proj"), width, columns, false);
  const rank = config.count("q_lora_rank");
  const narrow = linear(m.child("q_a_proj"), width, rank, config.flag("attention_bias"));
  const normed = rmsNorm(m.child("q_a_layernorm"), rank);
  const widen = linear(m.child("q_b_proj"), rank, columns, false);
  return (f, x) => widen(f, normed(f, narrow(f, x)));
}

/** Neighbours are turned against each other; the angles of a pair lie in the first half. */
function rotateInterleaved(f: Frame, pair: readonly [ValueId, ValueId], angles: Angles): [ValueId, ValueId] {
  return f.call(pair, (g) => {
    const half = (g.shape(angles.cos).at(-1) as number) / 2;
    const cut = (x: ValueId) => g.unsqueeze(g.slice(x, -1, 0, half), 1);
    const [cos, sin] = [cut(angles.cos), cut(angles.sin)];
    const halves = pair.map((x) => {
      const width = g.shape(x).at(-1) as number;
      const every = (start: number) => g.op("slice", { self: x }, { dim: -1, start, end: width, step: 2 });
      return [every(0), every(1)] as const;
    });
    return halves.map(([even, odd], i) => {
      const first = g.op("sub", { self: g.mul(even, cos), other: g.mul(odd, sin) });
      const second = g.add(g.mul(odd, cos), g.mul(even, sin));
      return g.set(`embed ${i}`, g.cat([first, second], -1));
    }) as [ValueId, ValueId];
  });
}

/**
 * Pairs of neighbours as complex numbers, times the angles as such: half as many elements of twice the size, so they are
 * drawn as float32 throughout.
 */
function rotatePolar(f: Frame, pair: readonly [ValueId, ValueId], angles: Angles): [ValueId, ValueId] {
  return f.call(pair, (g) => {
    const wide = pair.map((x, i) => g.set(`complex ${i}`, g.to(x, "float32")));
    const factors = g.set("freqs_cis", g.unsqueeze(angles.cos, 1));
    return wide.map(
      (x, i) => g.set(`out ${i}`, g.toTypeOf(g.mul(x, factors), pair[i] as ValueId)), // as: there are two
    ) as [ValueId, ValueId];
  });
}
