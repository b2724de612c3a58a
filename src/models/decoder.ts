/**
 * Decoder-only language models with rotary positions: embeddings, blocks, norm, as a row of the table says.
 *
 * Source  transformers 5.18, models/FAMILY/modeling_FAMILY.py …Model
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { type AttentionSizes, decoderAttention } from "./blocks/decoder-attention.js";
import { embedding, scaledEmbedding } from "./blocks/linear.js";
import { causalMask } from "./blocks/masks.js";
import { fusedGatedMlp, gatedMlp, type MlpSizes, plainMlp } from "./blocks/mlp.js";
import { type MixtureStyle, mixture } from "./blocks/mixture.js";
import { norm } from "./blocks/norm.js";
import { type Angles, positions, rotaryEmbedding, rotaryEmbeddings } from "./blocks/rotary.js";
import type { Config } from "./config.js";
import { type DecoderParts, decoderBlock } from "./decoder-block.js";
import { type DecoderRow, rotates, said, windowed } from "./decoder-row.js";
import type { Frame } from "./frame.js";
import type { Base, LanguageModel } from "./heads.js";
import type { Layer, Module } from "./module.js";

/** `LlamaModel` and its like: embeddings, blocks, norm. */
export function decoder(row: DecoderRow, parts: DecoderParts = partsOf(row)): LanguageModel {
  return {
    kind: row.kind,
    prefix: "model",
    headBias: row.headBias === true,
    scalesLogits: row.scalesLogits === true,
    construct: (m, config) => constructDecoder(m, config, row, parts),
  };
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

function constructDecoder(m: Module, config: Config, row: DecoderRow, parts: DecoderParts): Base {
  const width = config.count("hidden_size");
  const embed = (row.scales === "gemma" ? scaledEmbedding : embedding)(
    m.child("embed_tokens"),
    config.count("vocab_size"),
    width,
  );
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) =>
    decoderBlock(m.child(`layers.${i}`), config, row, parts, i),
  );
  const last = norm(m.child(row.finalNorm ?? "norm"), width, row.norm);
  const windows = blocks.map((_, i) => windowed(config, row, i));
  const anglesOf = rotary(m.child("rotary_emb"), config, row, { parts, windows });
  const dropped = row.dropouts?.embedding;
  const layer = m.layer(`${row.kind}Model`, (f, ids: ValueId, padding: ValueId | null) => {
    let states = f.set("inputs_embeds", embed(f, ids));
    if (row.scales === "granite") states = f.set("inputs_embeds", f.scale(states, 1));
    const places = f.set("position_ids", positions(f, f.shape(ids)[1] as number));
    const masks = masksFor(f, { states, padding, positions: places, config, windows });
    f.set("hidden_states", states);
    if (dropped !== undefined) states = f.set("hidden_states", f.dropout(states, config.number(dropped)));
    const angles = anglesOf(f, states, places);
    blocks.forEach((each, i) => {
      const [mask, turned] = windows[i] ? [masks.window, angles.window] : [masks.full, angles.full];
      states = f.set("hidden_states", each(f, states, mask, turned, places));
    });
    return f.set("hidden_states", last(f, states));
  });
  return { layer, embeddings: embed.weight, width };
}

/** Angles of layers that look back to the start, and of those with a window. */
interface AnglesByType {
  readonly full: Angles;
  readonly window: Angles;
}

/** One pair of angles for all layers, or one for each kind of layer that there is. */
function rotary(
  m: Module,
  config: Config,
  row: DecoderRow,
  { parts, windows }: { readonly parts: DecoderParts; readonly windows: readonly boolean[] },
): (f: Frame, x: ValueId, ids: ValueId) => AnglesByType {
  const name = `${row.kind}RotaryEmbedding`;
  const width = parts.rotated(config);
  const rotation = row.attention?.rotation;
  const type = rotation === "float32" ? "float32" : "states";
  const held = (f: Frame, { cos, sin }: Angles, which = "") => {
    f.set(`${which}cos`, cos);
    f.set(`${which}sin`, sin);
    return { cos, sin };
  };
  if (!row.anglesPerType) {
    const style = { type, pairs: rotation === "stacked", polar: rotation === "polar" } as const;
    const layer = rotaryEmbedding(m, width, name, style);
    return (f, x, ids) => {
      const angles = held(f, layer(f, x, ids));
      return { full: angles, window: angles };
    };
  }
  const [some, all] = [windows.some(Boolean), windows.every(Boolean)];
  const types = [...(all ? [] : ["full_attention"]), ...(some ? ["sliding_attention"] : [])];
  const layers = rotaryEmbeddings(m, width, name, { type, types });
  return (f, x, ids) => {
    const made = layers.map((layer, i) => held(f, layer(f, x, ids), types[i]));
    return { full: made[0] as Angles, window: made.at(-1) as Angles }; // as: there is a layer
  };
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
    attention: (m, config, i) => {
      const { qkNorm, qkNormIf, ...style } = row.attention ?? {};
      const norms = qkNorm !== undefined && (qkNormIf === undefined || config.flag(qkNormIf));
      return decoderAttention(
        m,
        sizesOf(config, row).attention,
        {
          ...style,
          ...(norms && { qkNorm }),
          ...(!rotates(config, row, i) && { rotation: "none" as const }),
          ...(outDropout !== undefined && { outDropout: config.number(outDropout) }),
          ...(config.has("clip_qkv") && { clips: true }),
        },
        `${row.kind}Attention`,
      );
    },
    feedForward: (m, config, i) => {
      const act = (child: Module) => activation(child, config, row.activation ?? "hidden_act");
      return row.mixture && routes(config, i)
        ? mixtureOf(m, config, row, row.mixture, act)
        : mlpOf(m, config, row, sizesOf(config, row).mlp, act);
    },
  };
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
  { experts, inner, normalizes, scores, routerFirst, shared, late }: NonNullable<DecoderRow["mixture"]>,
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
    ...(late && { router: late.router, kind: late.kind }),
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
