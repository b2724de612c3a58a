/**
 * The text and image models that CLIP and SigLIP compare with each other.
 *
 * Source  transformers 5.18, models/{clip,siglip}/modeling_*.py …TextModel, …VisionModel, …EncoderLayer
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { embedding, layerNorm, linear } from "./blocks/linear.js";
import { bidirectionalMask, causalMask } from "./blocks/masks.js";
import { plainMlp } from "./blocks/mlp.js";
import { multiheadAttention } from "./blocks/multihead-attention.js";
import { asSequence, patchConvolution, patchGrid } from "./blocks/patches.js";
import { visionAttention } from "./blocks/vision-attention.js";
import { sequenceTooLong } from "./complaints.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { ImageStates } from "./images.js";
import type { Layer, Module } from "./module.js";

export interface TowerRow {
  /** Prefix of the classes' names. */
  readonly kind: "CLIP" | "Siglip";
  /** A block's norms are defined before what reads them. */
  readonly normsFirst: boolean;
  /** Tokens see earlier ones, and a text is read at its end token; else all see all, and the last one is projected. */
  readonly causal: boolean;
  /** Images have a token of their own; else an attention pools the patches. */
  readonly classToken: boolean;
}

export const TOWERS = {
  clip: {
    kind: "CLIP",
    normsFirst: false,
    causal: true,
    classToken: true,
  },
  siglip: {
    kind: "Siglip",
    normsFirst: true,
    causal: false,
    classToken: false,
  },
} as const satisfies Record<string, TowerRow>;

/** Last states [B, S, W], and one vector for the whole: [B, P]. */
export interface Encoded extends ImageStates {
  readonly pooled: ValueId;
}

/** Takes token ids and a padding mask. */
export type TextTower = Layer<[ValueId, ValueId | null], Encoded>;
/** Takes images. */
export type VisionTower = Layer<[ValueId], Encoded>;

export function textTower(m: Module, config: Config, row: TowerRow): TextTower {
  const width = config.count("hidden_size");
  const embed = textEmbeddings(m.child("embeddings"), config, row);
  const encode = encoder(m.child("encoder"), config, row, row.causal);
  const last = layerNorm(m.child("final_layer_norm"), width);
  const head = row.causal ? null : linear(m.child("head"), width, config.count("projection_size", width));
  return m.layer(`${row.kind}TextModel`, (f, given: ValueId, padding: ValueId | null) => {
    const ids = f.view(given, [-1, f.shape(given)[1] as number]);
    const embedded = f.set("hidden_states", embed(f, ids));
    const mask = (row.causal ? causalMask : bidirectionalMask)(f, { states: embedded, padding });
    if (mask !== null) f.set("attention_mask", mask);
    let states = f.set("last_hidden_state", encode(f, embedded, mask));
    states = f.set("last_hidden_state", last(f, states));
    if (head === null) return { states, pooled: f.set("pooled_output", endToken(f, states, ids, config)) };
    const final = (f.shape(states)[1] as number) - 1;
    const pooled = f.set("pooled_output", f.op("select", { self: states }, { dim: 1, index: final }));
    return { states, pooled: f.set("pooled_output", head(f, pooled)) };
  });
}

/** The end token of CLIP models published before it was told by its number: the highest number of a text. */
const HIGHEST = 2;

/** States at the first end token. */
function endToken(f: Frame, states: ValueId, ids: ValueId, config: Config): ValueId {
  const end = config.number("eos_token_id", 49407); // CLIPTextConfig
  const rows = f.arange(f.shape(states)[0] as number);
  const whole = f.to(ids, "int32");
  const found = end === HIGHEST ? whole : f.to(f.op("eq", { self: whole }, { other: end }), "int32");
  return f.op("index", { self: states, indices: [rows, f.apply("argmax", found, { dim: -1 })] });
}

function textEmbeddings(m: Module, config: Config, row: TowerRow): Layer {
  const width = config.count("hidden_size");
  const most = config.count("max_position_embeddings");
  const tokens = embedding(m.child("token_embedding"), config.count("vocab_size"), width);
  const places = embedding(m.child("position_embedding"), most, width);
  const numbers = m.buffer("position_ids", [1, most], "int64");
  return m.layer(`${row.kind}TextEmbeddings`, (f, ids: ValueId) => {
    const length = f.shape(ids)[1] as number;
    if (length > most) throw sequenceTooLong(config.source, length, most, "max_position_embeddings");
    const at = f.set("position_ids", f.slice(numbers, 1, 0, length));
    const embeds = f.set("inputs_embeds", tokens(f, ids));
    return f.set("embeddings", f.add(embeds, f.set("position_embeddings", places(f, at))));
  });
}

export function visionTower(m: Module, config: Config, row: TowerRow): VisionTower {
  const width = config.count("hidden_size");
  const embed = visionEmbeddings(m.child("embeddings"), config, row);
  const before = row.classToken ? layerNorm(m.child("pre_layrnorm"), width) : null; // the class spells it so
  const encode = encoder(m.child("encoder"), config, row, false);
  const after = layerNorm(m.child("post_layernorm"), width);
  const pool =
    !row.classToken && config.flag("vision_use_head", true)
      ? poolingHead(m.child("head"), config, row)
      : null;
  return m.layer(`${row.kind}VisionModel`, (f, pixels: ValueId) => {
    let embedded = f.set("hidden_states", embed(f, pixels));
    if (before !== null) embedded = f.set("hidden_states", before(f, embedded));
    let states = f.set("last_hidden_state", encode(f, embedded, null));
    if (row.classToken) {
      const first = f.set("pooled_output", f.op("select", { self: states }, { dim: 1, index: 0 }));
      return { states, pooled: f.set("pooled_output", after(f, first)) };
    }
    states = f.set("last_hidden_state", after(f, states));
    return { states, pooled: pool === null ? states : f.set("pooler_output", pool(f, states)) };
  });
}

function visionEmbeddings(m: Module, config: Config, row: TowerRow): Layer {
  const width = config.count("hidden_size");
  const [rows, columns] = patchGrid(config.pair("image_size"), config.pair("patch_size"));
  const token = row.classToken ? m.parameter("class_embedding", [width]) : null;
  const cut = patchConvolution(m.child("patch_embedding"), config, width, !row.classToken);
  const count = rows * columns + (row.classToken ? 1 : 0);
  const places = embedding(m.child("position_embedding"), count, width);
  const numbers = m.buffer("position_ids", [1, count], "int64");
  return m.layer(`${row.kind}VisionEmbeddings`, (f, pixels: ValueId) => {
    const grid = f.set("patch_embeds", cut(f, pixels));
    let states = f.set("patch_embeds", asSequence(f, grid));
    if (token !== null) {
      const first = f.set("class_embeds", f.expand(token, [f.shape(pixels)[0] as number, 1, -1]));
      states = f.set("embeddings", f.cat([first, states], 1));
    }
    return f.set("embeddings", f.add(states, places(f, numbers)));
  });
}

function encoder(
  m: Module,
  config: Config,
  row: TowerRow,
  causal: boolean,
): Layer<[ValueId, ValueId | null]> {
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => block(m.child(`layers.${i}`), config, row, causal));
  return m.layer(`${row.kind}Encoder`, (f, x: ValueId, mask: ValueId | null) =>
    blocks.reduce((states, each) => f.set("hidden_states", each(f, states, mask)), x),
  );
}

function block(m: Module, config: Config, row: TowerRow, causal: boolean): Layer<[ValueId, ValueId | null]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  config.share(width, heads, "num_attention_heads", "hidden_size");
  const style = { kind: row.kind, width, heads, bias: true, dropout: config.number("attention_dropout") };
  const norm = (name: string) => layerNorm(m.child(name), width);
  const early = row.normsFirst ? norm("layer_norm1") : null;
  const attend = visionAttention(m.child("self_attn"), {
    ...style,
    order: ["k", "v", "q"],
    out: "out_proj",
    causal,
    splitsLast: row.kind === "CLIP",
  });
  const before = early ?? norm("layer_norm1");
  const earlyAfter = row.normsFirst ? norm("layer_norm2") : null;
  const feed = mlp(m.child("mlp"), config, row);
  const after = earlyAfter ?? norm("layer_norm2");
  return m.layer(
    `${row.kind}EncoderLayer`,
    (f, x: ValueId, mask: ValueId | null) => {
      let states = f.set("hidden_states", before(f, x));
      states = f.set("hidden_states", attend(f, states, mask));
      const residual = f.set("residual", f.set("hidden_states", f.add(x, states)));
      states = f.set("hidden_states", after(f, residual));
      states = f.set("hidden_states", feed(f, states));
      return f.set("hidden_states", f.add(residual, states));
    },
    { block: true },
  );
}

function mlp(m: Module, config: Config, row: TowerRow): Layer {
  const sizes = { width: config.count("hidden_size"), inner: config.count("intermediate_size"), bias: true };
  const act = (child: Module) => activation(child, config, "hidden_act");
  return plainMlp(m, sizes, act, { first: "fc1", second: "fc2", act: "activation_fn" }, `${row.kind}MLP`);
}

/** A learned query looks at all patches. [B, S, W] to [B, W] */
function poolingHead(m: Module, config: Config, row: TowerRow): Layer {
  const width = config.count("hidden_size");
  const probe = m.parameter("probe", [1, 1, width]);
  const attend = multiheadAttention(m.child("attention"), width, config.count("num_attention_heads"));
  const norm = layerNorm(m.child("layernorm"), width);
  const feed = mlp(m.child("mlp"), config, row);
  return m.layer(`${row.kind}MultiheadAttentionPoolingHead`, (f, x: ValueId) => {
    const probes = f.set("probe", f.apply("repeat", probe, { repeats: [f.shape(x)[0] as number, 1, 1] }));
    const residual = f.set("residual", f.set("hidden_state", attend(f, probes, x)));
    let states = f.set("hidden_state", norm(f, residual));
    states = f.set("hidden_state", f.add(residual, feed(f, states)));
    return f.op("select", { self: states }, { dim: 1, index: 0 });
  });
}
