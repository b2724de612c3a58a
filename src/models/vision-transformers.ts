/**
 * Vision transformers whose blocks see all patches: ViT, DeiT, DINOv2.
 *
 * Source  transformers 5.18, models/{vit,deit,dinov2}/modeling_*.py
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { dropPath } from "./blocks/drop-path.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import { gatedMlp, plainMlp } from "./blocks/mlp.js";
import { interpolatedPositions, patchEmbeddings, patchGrid } from "./blocks/patches.js";
import { visionAttention } from "./blocks/vision-attention.js";
import type { Config } from "./config.js";
import { type ImageBase, type ImageModel, requireSize, type Size } from "./images.js";
import type { Layer, Module } from "./module.js";

interface VisionRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  readonly prefix: string;
  /** Tokens before those of the patches, by the name of their parameter. */
  readonly tokens: readonly string[];
  /** A block's modules: ViT's, or DINOv2's with scaled branches. */
  readonly block: "vit" | "dinov2";
}

export const VISION_TRANSFORMERS = {
  vit: { kind: "ViT", prefix: "vit", tokens: ["cls_token"], block: "vit" },
  deit: { kind: "DeiT", prefix: "deit", tokens: ["cls_token", "distillation_token"], block: "vit" },
  dinov2: { kind: "Dinov2", prefix: "dinov2", tokens: ["cls_token"], block: "dinov2" },
} as const satisfies Record<string, VisionRow>;

export function visionTransformer(row: VisionRow): ImageModel {
  return {
    kind: row.kind,
    prefix: row.prefix,
    construct: (m, config, { size, alone }) =>
      row.block === "dinov2" ? dinov2(m, config, row, size) : vit(m, config, row, { size, alone }),
  };
}

const ATTENTION_DROPOUT = "attention_probs_dropout_prob";

function vit(
  m: Module,
  config: Config,
  row: VisionRow,
  { size, alone }: { size: Size; alone: boolean },
): ImageBase {
  requireSize(config, size);
  const width = config.count("hidden_size");
  const embed = embeddings(m.child("embeddings"), config, row, null);
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => vitBlock(m.child(`layers.${i}`), config, row));
  const last = layerNorm(m.child("layernorm"), width);
  const pool = alone ? pooler(m.child("pooler"), config, row) : null;
  const layer = m.layer(`${row.kind}Model`, (f, pixels: ValueId) => {
    let states = f.set("embedding_output", embed(f, pixels));
    f.set("hidden_states", states);
    for (const each of blocks) states = f.set("hidden_states", each(f, states));
    const output = f.set("sequence_output", last(f, states));
    if (pool === null) return { states: output };
    return { states: output, pooled: f.set("pooled_output", pool(f, output)) };
  });
  return {
    layer,
    width,
    features: (f, { states }) => f.op("select", { self: states }, { dim: 1, index: 0 }),
  };
}

/** DINOv2 resamples its positions for images of another size, and classifies the first token beside the mean of the patches. */
function dinov2(m: Module, config: Config, row: VisionRow, size: Size): ImageBase {
  const width = config.count("hidden_size");
  const embed = embeddings(m.child("embeddings"), config, row, size);
  const stack = m.child("encoder");
  const count = config.layers("num_hidden_layers");
  const blocks = Array.from({ length: count }, (_, i) => dinov2Block(stack.child(`layer.${i}`), config, row));
  const encode = stack.layer(`${row.kind}Encoder`, (f, x: ValueId) =>
    blocks.reduce((states, each) => f.set("hidden_states", each(f, states)), x),
  );
  const last = layerNorm(m.child("layernorm"), width);
  const layer = m.layer(`${row.kind}Model`, (f, pixels: ValueId) => {
    const embedded = f.set("embedding_output", embed(f, pixels));
    const encoded = f.set("encoder_outputs", encode(f, embedded));
    return { states: f.set("sequence_output", last(f, encoded)) };
  });
  return {
    layer,
    width: 2 * width,
    features: (f, { states }) => {
      const length = f.shape(states)[1] as number;
      const first = f.op("select", { self: states }, { dim: 1, index: 0 });
      const patches = f.slice(states, 1, 1, length);
      return f.set("linear_input", f.cat([first, f.apply("mean", patches, { dim: [1] })], 1));
    },
  };
}

/** `size`: of the images, where positions can be resampled. */
function embeddings(m: Module, config: Config, row: VisionRow, size: Size | null): Layer {
  const width = config.count("hidden_size");
  const patch = config.pair("patch_size");
  const [rows, columns] = patchGrid(config.pair("image_size"), patch);
  const special = row.tokens.length;
  const first = m.parameter("cls_token", [1, 1, width]);
  if (row.block === "dinov2" && config.flag("use_mask_token")) m.parameter("mask_token", [1, width]);
  const positions = m.parameter("position_embeddings", [1, rows * columns + special, width]);
  const others = row.tokens.slice(1).map((name) => m.parameter(name, [1, 1, width]));
  const cut = patchEmbeddings(m.child("patch_embeddings"), config, width, row.kind);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  return m.layer(`${row.kind}Embeddings`, (f, pixels: ValueId) => {
    let states = f.set("embeddings", cut(f, pixels));
    const [batch, length] = f.shape(states) as readonly [number, number, number];
    const tokens = [first, ...others].map((token, i) =>
      f.set(row.tokens[i] as string, f.expand(token, [batch, -1, -1])),
    );
    states = f.set("embeddings", f.cat([...tokens, states], 1));
    // a table that fits as it is is only kept for square images
    const fits = size === null || (length === rows * columns && size[0] === size[1]);
    const places = fits ? positions : interpolatedPositions(f, positions, special, patchGrid(size, patch));
    states = f.set("embeddings", f.add(states, places));
    return f.set("embeddings", drop(f, states));
  });
}

function selfAttention(m: Module, config: Config, row: VisionRow): Layer<[ValueId, ValueId | null]> {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  config.share(width, heads, "num_attention_heads", "hidden_size");
  return visionAttention(m, {
    kind: row.kind,
    width,
    heads,
    bias: config.flag("qkv_bias"),
    dropout: config.number(ATTENTION_DROPOUT),
    ...(row.block === "dinov2" && { eager: { softmax: "own" } }),
  });
}

const MLP = { first: "fc1", second: "fc2", act: "activation_fn" };

function vitBlock(m: Module, config: Config, row: VisionRow): Layer {
  const width = config.count("hidden_size");
  const attend = selfAttention(m.child("attention"), config, row);
  const before = layerNorm(m.child("layernorm_before"), width);
  const after = layerNorm(m.child("layernorm_after"), width);
  const sizes = { width, inner: config.count("intermediate_size"), bias: true };
  const act = (child: Module) => activation(child, config, "hidden_act");
  const mlp = plainMlp(m.child("mlp"), sizes, act, MLP, `${row.kind}MLP`);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  return m.layer(
    `${row.kind}Layer`,
    (f, x: ValueId) => {
      let states = f.set("hidden_states", before(f, x));
      states = f.set("hidden_states", attend(f, states, null));
      states = f.set("hidden_states", drop(f, states));
      const residual = f.set("residual", f.set("hidden_states", f.add(states, x)));
      states = f.set("hidden_states", after(f, residual));
      states = f.set("hidden_states", mlp(f, states));
      states = f.set("hidden_states", drop(f, states));
      return f.set("hidden_states", f.add(states, residual));
    },
    { block: true },
  );
}

function dinov2Block(m: Module, config: Config, row: VisionRow): Layer {
  const width = config.count("hidden_size");
  const scale = (child: Module): Layer => {
    const lambda = child.parameter("lambda1", [width]);
    return child.layer(`${row.kind}LayerScale`, (f, x: ValueId) => f.mul(x, lambda));
  };
  const before = layerNorm(m.child("norm1"), width);
  const attend = selfAttention(m.child("attention"), config, row);
  const scaleAttention = scale(m.child("layer_scale1"));
  const drop = dropPath(m.child("drop_path"), config.number("drop_path_rate"));
  const after = layerNorm(m.child("norm2"), width);
  const mlp = dinov2Mlp(m.child("mlp"), config, row);
  const scaleMlp = scale(m.child("layer_scale2"));
  return m.layer(
    `${row.kind}Layer`,
    (f, x: ValueId) => {
      let states = f.set("hidden_states", before(f, x));
      states = f.set("hidden_states", attend(f, states, null));
      states = f.set("hidden_states", scaleAttention(f, states));
      const residual = f.set("residual", f.set("hidden_states", f.add(drop(f, states), x)));
      states = f.set("hidden_states", after(f, residual));
      states = f.set("hidden_states", mlp(f, states));
      states = f.set("hidden_states", scaleMlp(f, states));
      return f.set("hidden_states", f.add(drop(f, states), residual));
    },
    { block: true },
  );
}

function dinov2Mlp(m: Module, config: Config, row: VisionRow): Layer {
  const width = config.count("hidden_size");
  const inner = Math.trunc(width * config.number("mlp_ratio"));
  if (!config.flag("use_swiglu_ffn")) {
    const act = (child: Module) => activation(child, config, "hidden_act");
    return plainMlp(m, { width, inner, bias: true }, act, MLP, `${row.kind}MLP`);
  }
  // two thirds, rounded up to a multiple of 8
  const gated = Math.floor((Math.trunc((inner * 2) / 3) + 7) / 8) * 8;
  const silu = (child: Module) => child.layer("SiLUActivation", (f, x: ValueId) => f.apply("silu", x));
  return gatedMlp(m, { width, inner: gated, bias: true }, silu, `${row.kind}SwiGLUFFN`);
}

/** The first token through a product; only where no head of its own follows. */
function pooler(m: Module, config: Config, row: VisionRow): Layer {
  const width = config.count("hidden_size");
  const dense = linear(m.child("dense"), width, config.count("pooler_output_size", width));
  const act = activation(m.child("activation"), config, "pooler_act");
  return m.layer(`${row.kind}Pooler`, (f, states: ValueId) => {
    const first = f.set("first_token_tensor", f.op("select", { self: states }, { dim: 1, index: 0 }));
    const pooled = f.set("pooled_output", dense(f, first));
    return f.set("pooled_output", act(f, pooled));
  });
}
