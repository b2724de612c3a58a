/**
 * Decoder-only language models with rotary positions: most families are one row.
 *
 * Source  transformers 5.18, models/FAMILY/modeling_FAMILY.py; each row is proved by recorded steps (test/recorded-language-models)
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import {
  type AttentionLayer,
  type AttentionSizes,
  type AttentionStyle,
  decoderAttention,
} from "./blocks/decoder-attention.js";
import { embedding, scaledEmbedding } from "./blocks/linear.js";
import { causalMask } from "./blocks/masks.js";
import { fusedGatedMlp, gatedMlp, type MlpSizes, plainMlp } from "./blocks/mlp.js";
import { type MixtureStyle, mixture } from "./blocks/mixture.js";
import { type NormKind, norm } from "./blocks/norm.js";
import { type Angles, positions, rotaryEmbedding } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Frame } from "./frame.js";
import type { Layer, Module } from "./module.js";

/** How the two halves of a block and their norms follow each other. */
type Order =
  /** x += attn(norm(x)); x += mlp(norm(x)) */
  | "sequential"
  /** x + attn(n) + mlp(n), n = norm(x) */
  | "parallel"
  /** x += norm(attn(norm(x))); x += norm(mlp(norm(x))) */
  | "sandwich"
  /** x += norm(attn(x)); x += norm(mlp(x)) */
  | "post";

interface DecoderRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  readonly norm: NormKind;
  readonly order: Order | ((config: Config) => Order);
  readonly attention?: AttentionStyle & {
    readonly qkvBias?: boolean | string;
    readonly outBias?: boolean | string;
  };
  readonly mlp: "gated" | "fused-gated" | { readonly plain: Parameters<typeof plainMlp>[3] };
  readonly mlpBias?: boolean | string;
  readonly activation?: string;
  /** Layers that look back only so far. */
  readonly window?: "all" | "layers" | "every-other";
  /** Share of a head that is rotated, where the file does not say. */
  readonly rotated?: number;
  /** What embeddings and branches are multiplied with. */
  readonly scales?: "gemma" | "granite";
  /** Dropouts of a block's branches and of the embeddings, by key. */
  readonly dropouts?: { readonly branch?: string; readonly embedding?: string; readonly output?: string };
  /** Experts in place of the feed-forward block, by the configuration's keys. */
  readonly mixture?: {
    readonly experts: string;
    readonly inner: string;
    readonly normalizes: boolean | string;
    readonly scores: MixtureStyle["scores"];
    readonly routerFirst?: boolean;
    readonly shared?: string;
  };
  /** The norm after the last layer has another name. */
  readonly finalNorm?: string;
  readonly headBias?: boolean;
}

const GATED = { order: "sequential", norm: "llama", mlp: "gated" } as const;

export const DECODERS = {
  llama: {
    kind: "Llama",
    ...GATED,
    attention: { qkvBias: "attention_bias", outBias: "attention_bias" },
    mlpBias: "mlp_bias",
  },
  mistral: { kind: "Mistral", ...GATED, window: "all" },
  ministral: { kind: "Ministral", ...GATED, window: "layers" },
  qwen2: { kind: "Qwen2", ...GATED, attention: { qkvBias: true }, window: "layers" },
  qwen3: {
    kind: "Qwen3",
    ...GATED,
    attention: { qkvBias: "attention_bias", outBias: "attention_bias", qkNorm: "head" },
    window: "layers",
  },
  mixtral: {
    kind: "Mixtral",
    ...GATED,
    window: "all",
    mixture: {
      experts: "num_local_experts",
      inner: "intermediate_size",
      normalizes: true,
      scores: "float32",
      routerFirst: true,
    },
  },
  qwen2_moe: {
    kind: "Qwen2Moe",
    ...GATED,
    attention: { qkvBias: "qkv_bias" },
    window: "layers",
    mixture: {
      experts: "num_experts",
      inner: "moe_intermediate_size",
      normalizes: "norm_topk_prob",
      scores: "cast",
      shared: "shared_expert_intermediate_size",
    },
  },
  qwen3_moe: {
    kind: "Qwen3Moe",
    ...GATED,
    attention: { qkvBias: "attention_bias", outBias: "attention_bias", qkNorm: "head" },
    window: "layers",
    mixture: {
      experts: "num_experts",
      inner: "moe_intermediate_size",
      normalizes: "norm_topk_prob",
      scores: "cast",
    },
  },
  olmoe: {
    kind: "Olmoe",
    ...GATED,
    attention: { qkvBias: "attention_bias", outBias: "attention_bias", qkNorm: "all" },
    mixture: {
      experts: "num_experts",
      inner: "intermediate_size",
      normalizes: "norm_topk_prob",
      scores: "cast",
      routerFirst: true,
    },
  },
  smollm3: {
    kind: "SmolLM3",
    ...GATED,
    attention: { qkvBias: "attention_bias", outBias: "attention_bias" },
    mlpBias: "mlp_bias",
  },
  gemma: {
    kind: "Gemma",
    ...GATED,
    norm: "gemma",
    attention: { qkvBias: "attention_bias", outBias: "attention_bias" },
    activation: "hidden_act",
    scales: "gemma",
  },
  gemma2: {
    kind: "Gemma2",
    norm: "gemma",
    order: "sandwich",
    mlp: "gated",
    attention: { qkvBias: "attention_bias", outBias: "attention_bias" },
    activation: "hidden_activation",
    window: "every-other",
    scales: "gemma",
  },
  granite: {
    kind: "Granite",
    ...GATED,
    attention: { qkvBias: "attention_bias", outBias: "attention_bias" },
    mlpBias: "mlp_bias",
    scales: "granite",
  },
  olmo2: {
    kind: "Olmo2",
    norm: "olmo2",
    order: "post",
    mlp: "gated",
    attention: {
      qkvBias: "attention_bias",
      outBias: "attention_bias",
      qkNorm: "all",
      qkNormKind: "olmo2",
      rotation: "float32",
    },
  },
  stablelm: {
    kind: "StableLm",
    norm: "layer",
    order: (config) => (config.flag("use_parallel_residual") ? "parallel" : "sequential"),
    mlp: "gated",
    attention: { qkvBias: "use_qkv_bias" },
    rotated: 0.25,
    dropouts: { branch: "hidden_dropout" },
  },
  starcoder2: {
    kind: "Starcoder2",
    norm: "layer",
    order: "sequential",
    mlp: { plain: { first: "c_fc", second: "c_proj", act: "act" } },
    attention: { qkvBias: "use_bias", outBias: "use_bias" },
    mlpBias: "use_bias",
    window: "all",
    dropouts: { output: "residual_dropout", embedding: "embedding_dropout" },
  },
  phi: {
    kind: "Phi",
    norm: "layer",
    order: "parallel",
    mlp: { plain: { first: "fc1", second: "fc2", act: "activation_fn" } },
    attention: { qkvBias: true, outBias: true, out: "dense" },
    mlpBias: true,
    rotated: 0.5,
    dropouts: { branch: "resid_pdrop", embedding: "embd_pdrop" },
    finalNorm: "final_layernorm",
    headBias: true,
  },
  phi3: {
    kind: "Phi3",
    norm: "llama",
    order: "sequential",
    mlp: "fused-gated",
    attention: { fused: true, rotation: "joined" },
    window: "all",
    dropouts: { branch: "resid_pdrop" },
  },
} as const satisfies Record<string, DecoderRow>;

/** A row's condition: fixed, or the key that says it. */
function said(config: Config, condition: boolean | string | undefined): boolean {
  return typeof condition === "string" ? config.flag(condition) : condition === true;
}

function sizesOf(config: Config, row: DecoderRow): { attention: AttentionSizes; mlp: MlpSizes } {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const keyHeads = config.count("num_key_value_heads", heads);
  config.share(heads, keyHeads, "num_key_value_heads", "num_attention_heads");
  const head = config.has("head_dim")
    ? config.count("head_dim")
    : config.share(width, heads, "num_attention_heads", "hidden_size");
  const share = config.rotatedShare(row.rotated ?? 1);
  return {
    attention: {
      width,
      heads,
      keyHeads,
      head,
      rotated: config.even(Math.trunc(head * share), "head_dim"),
      qkvBias: said(config, row.attention?.qkvBias),
      outBias: said(config, row.attention?.outBias),
      dropout: config.number("attention_dropout", 0),
      softcap: config.has("attn_logit_softcapping") ? config.number("attn_logit_softcapping") : null,
    },
    mlp: { width, inner: config.count("intermediate_size"), bias: said(config, row.mlpBias) },
  };
}

/** Whether layer `i` looks back only `sliding_window` tokens. */
function windowed(config: Config, row: DecoderRow, i: number): boolean {
  if (!row.window || !config.has("sliding_window")) return false;
  if (row.window === "all") return true;
  const types = config.list("layer_types");
  if (types) return types[i] === "sliding_attention";
  if (row.window === "every-other") return (i + 1) % 2 !== 0;
  return config.flag("use_sliding_window") && i >= config.number("max_window_layers", 0);
}

/** States, mask, angles, and positions, which are passed on and not read. */
type Block = Layer<[ValueId, ValueId | null, Angles, ValueId]>;

/** What a family with blocks of its own puts in place of the table's. */
export interface DecoderParts {
  /** Rotated part of a head. */
  readonly rotated: (config: Config) => number;
  readonly attention: (m: Module, config: Config) => AttentionLayer;
  readonly feedForward: (m: Module, config: Config, i: number) => Layer;
}

/** `LlamaModel` and its like: embeddings, blocks, norm. */
export function decoder(row: DecoderRow, parts: DecoderParts = partsOf(row)): LanguageModel {
  return {
    kind: row.kind,
    prefix: "model",
    headBias: row.headBias === true,
    construct: (m, config) => constructDecoder(m, config, row, parts),
  };
}

function constructDecoder(m: Module, config: Config, row: DecoderRow, parts: DecoderParts): Base {
  const width = config.count("hidden_size");
  const embed = (row.scales === "gemma" ? scaledEmbedding : embedding)(
    m.child("embed_tokens"),
    config.count("vocab_size"),
    width,
  );
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) =>
    block(m.child(`layers.${i}`), config, row, parts, i),
  );
  const last = norm(m.child(row.finalNorm ?? "norm"), width, row.norm);
  const rotary = rotaryEmbedding(
    m.child("rotary_emb"),
    parts.rotated(config),
    `${row.kind}RotaryEmbedding`,
    row.attention?.rotation === "float32" ? "float32" : "states",
  );
  const windows = blocks.map((_, i) => windowed(config, row, i));
  const dropped = row.dropouts?.embedding;
  const layer = m.layer(`${row.kind}Model`, (f, ids: ValueId, padding: ValueId | null) => {
    let states = f.set("inputs_embeds", embed(f, ids));
    if (row.scales === "granite") states = f.set("inputs_embeds", f.scale(states, 1));
    const places = f.set("position_ids", positions(f, f.shape(ids)[1] as number));
    const masks = masksFor(f, { states, padding, positions: places, config, windows });
    f.set("hidden_states", states);
    if (dropped !== undefined) states = f.set("hidden_states", f.dropout(states, config.number(dropped)));
    const angles = rotary(f, states, places);
    f.set("cos", angles.cos);
    f.set("sin", angles.sin);
    blocks.forEach((each, i) => {
      states = f.set(
        "hidden_states",
        each(f, states, windows[i] ? masks.window : masks.full, angles, places),
      );
    });
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

function masksFor(
  f: Frame,
  {
    states,
    padding,
    positions: places,
    config,
    windows,
  }: {
    states: ValueId;
    padding: ValueId | null;
    positions: ValueId;
    config: Config;
    windows: readonly boolean[];
  },
): { readonly full: ValueId | null; readonly window: ValueId | null } {
  const held = (name: string, mask: ValueId | null) => (mask === null ? null : f.set(name, mask));
  const full = windows.every(Boolean)
    ? null
    : held("causal_mask", causalMask(f, { states, padding, positions: places }));
  const window = windows.some(Boolean)
    ? held(
        "sliding_mask",
        causalMask(f, { states, padding, positions: places, window: config.count("sliding_window") }),
      )
    : null;
  return { full, window };
}

function partsOf(row: DecoderRow): DecoderParts {
  const outDropout = row.dropouts?.output;
  return {
    rotated: (config) => sizesOf(config, row).attention.rotated,
    attention: (m, config) =>
      decoderAttention(
        m,
        sizesOf(config, row).attention,
        { ...row.attention, ...(outDropout !== undefined && { outDropout: config.number(outDropout) }) },
        `${row.kind}Attention`,
      ),
    feedForward: (m, config, i) => {
      const act = (child: Module) => activation(child, config, row.activation ?? "hidden_act");
      return row.mixture && routes(config, i)
        ? mixtureOf(m, config, row, row.mixture, act)
        : mlpOf(m, config, row, sizesOf(config, row).mlp, act);
    },
  };
}

function block(m: Module, config: Config, row: DecoderRow, parts: DecoderParts, i: number): Block {
  const width = config.count("hidden_size");
  const order = typeof row.order === "function" ? row.order(config) : row.order;
  const attend = parts.attention(m.child("self_attn"), config);
  const mlp = parts.feedForward(m.child("mlp"), config, i);
  const normAt = (name: string) => norm(m.child(name), width, row.norm);
  const p = row.dropouts?.branch === undefined ? null : config.number(row.dropouts.branch);
  const drop = (f: Frame, x: ValueId) => (p === null ? x : f.dropout(x, p));
  const scaled = (f: Frame, x: ValueId) => (row.scales === "granite" ? f.scale(x, 1) : x);
  const name = `${row.kind}DecoderLayer`;
  const options = { block: true };
  if (order === "parallel") {
    const before = normAt("input_layernorm");
    return m.layer(
      name,
      (f, x: ValueId, mask: ValueId | null, angles: Angles) => {
        const states = f.set("hidden_states", before(f, x));
        const attended = f.set("attn_outputs", drop(f, attend(f, states, angles, mask)));
        const fed = f.set("feed_forward", drop(f, mlp(f, states)));
        return f.set("hidden_states", f.add(f.add(attended, fed), x));
      },
      options,
    );
  }
  const norms =
    order === "sandwich"
      ? [
          "input_layernorm",
          "post_attention_layernorm",
          "pre_feedforward_layernorm",
          "post_feedforward_layernorm",
        ]
      : order === "post"
        ? [null, "post_attention_layernorm", null, "post_feedforward_layernorm"]
        : ["input_layernorm", null, "post_attention_layernorm", null];
  const identity: Layer = (_, x) => x;
  const [beforeAttention, afterAttention, beforeMlp, afterMlp] = norms.map((each) =>
    each === null ? identity : normAt(each),
  ) as [Layer, Layer, Layer, Layer];
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
    options,
  );
}

/** Whether block `i` has experts: `mlp_only_layers` and `decoder_sparse_step` name those that do not. */
function routes(config: Config, i: number): boolean {
  if (config.list("mlp_only_layers")?.includes(i)) return false;
  return (i + 1) % config.count("decoder_sparse_step", 1) === 0;
}

function mixtureOf(
  m: Module,
  config: Config,
  row: DecoderRow,
  { experts, inner, normalizes, scores, routerFirst, shared }: NonNullable<DecoderRow["mixture"]>,
  act: (m: Module) => Layer,
): Layer {
  const sizes = {
    width: config.count("hidden_size"),
    inner: config.count(inner),
    experts: config.count(experts),
    perToken: config.count("num_experts_per_tok"),
  };
  config.atMost("num_experts_per_tok", sizes.experts, experts);
  const style: MixtureStyle = {
    normalizes: said(config, normalizes),
    scores,
    ...(routerFirst && { routerFirst }),
    ...(shared && { shared: config.count(shared) }),
  };
  return mixture(m, sizes, style, act, row.kind);
}

function mlpOf(
  m: Module,
  config: Config,
  row: DecoderRow,
  sizes: MlpSizes,
  act: (m: Module) => Layer,
): Layer {
  const name = `${row.kind}MLP`;
  if (row.mlp === "gated") return gatedMlp(m, sizes, act, name);
  if (row.mlp === "fused-gated") return fusedGatedMlp(m, sizes, act, name);
  const p = row.dropouts?.output === undefined ? null : config.number(row.dropouts.output);
  const inner = plainMlp(m, sizes, act, row.mlp.plain, name);
  return p === null ? inner : (f, x) => f.dropout(inner(f, x), p);
}
