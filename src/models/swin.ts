/**
 * Swin: attention inside windows, shifted in every second block, over a grid that is halved between stages.
 *
 * Source  transformers 5.18, models/swin/modeling_swin.py
 * `B` batch, `H` × `W` patches, `C` width, `N` windows, `S` patches of a window.
 */
import type { ValueId } from "../ir/graph.js";
import { activation } from "./blocks/activation.js";
import { dropPath, growingRates } from "./blocks/drop-path.js";
import { dropout, layerNorm, linear } from "./blocks/linear.js";
import { plainMlp } from "./blocks/mlp.js";
import { asSequence, patchConvolution, patchGrid } from "./blocks/patches.js";
import { shiftedMask, windowAttention, windowPartition, windowReverse } from "./blocks/windows.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import {
  pooledOf,
  type ImageBase,
  type ImageModel,
  type ImageRequest,
  requireSize,
  type Size,
} from "./images.js";
import type { Layer, Module } from "./module.js";

export const swin: ImageModel = { kind: "Swin", prefix: "swin", construct };

type Stage = Layer<[ValueId], { readonly states: ValueId; readonly reshaped: ValueId }>;

function construct(m: Module, config: Config, { size }: ImageRequest): ImageBase {
  const depths = config.counts("depths");
  const embed = embeddings(m.child("embeddings"), config, size);
  const stack = m.child("encoder");
  const total = depths.reduce((sum, depth) => sum + depth, 0);
  const rates = growingRates(config.number("drop_path_rate"), total);
  const patch = config.pair("patch_size");
  let grid: Size = [Math.ceil(size[0] / patch[0]), Math.ceil(size[1] / patch[1])];
  const stages = depths.map((depth, i) => {
    const before = depths.slice(0, i).reduce((sum, each) => sum + each, 0);
    const plan = {
      index: i,
      last: i === depths.length - 1,
      grid,
      rates: rates.slice(before, before + depth),
    };
    if (!plan.last) grid = [Math.ceil(grid[0] / 2), Math.ceil(grid[1] / 2)];
    return stage(stack.child(`layers.${i}`), config, plan);
  });
  const encode = stack.layer("SwinEncoder", (f, x: ValueId) => {
    let states = x;
    for (const each of stages) {
      const made = each(f, states);
      states = f.set("hidden_states", made.states);
      f.set("reshaped_hidden_state", made.reshaped);
    }
    return states;
  });
  const width = config.count("embed_dim") * 2 ** (depths.length - 1);
  const last = layerNorm(m.child("layernorm"), width);
  const pool = m
    .child("pooler")
    .layer("AdaptiveAvgPool1d", (f, x: ValueId) => f.apply("adaptiveAvgPool1d", x, { output_size: 1 }));
  const layer = m.layer("SwinModel", (f, pixels: ValueId) => {
    const embedded = f.set("embedding_output", embed(f, pixels));
    let states = f.set("encoder_outputs", encode(f, embedded));
    states = f.set("sequence_output", last(f, states));
    const pooled = f.set("pooled_output", pool(f, f.transpose(states, 1, 2)));
    const flat = f.set("pooled_output", f.op("flatten", { self: pooled }, { start_dim: 1 }));
    return { states, pooled: flat };
  });
  return { layer, width, features: pooledOf };
}

/** Images are padded to whole patches. */
function embeddings(m: Module, config: Config, size: Size): Layer {
  const width = config.count("embed_dim");
  const patch = config.pair("patch_size");
  const absolute = config.flag("use_absolute_embeddings");
  if (absolute) requireSize(config, size);
  const [rows, columns] = patchGrid(config.pair("image_size"), patch);
  const positions = absolute ? m.parameter("position_embeddings", [1, rows * columns, width]) : null;
  const cut = m.child("patch_embeddings");
  const projection = patchConvolution(cut.child("projection"), config, width);
  const norm = layerNorm(m.child("norm"), width);
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  const project = cut.layer("SwinPatchEmbeddings", (f, pixels: ValueId) => {
    let padded = pixels;
    const missing = size.map((each, i) => (patch[i] as number) - (each % (patch[i] as number)));
    if (size[1] % patch[1] !== 0) padded = f.apply("pad", padded, { pad: [0, missing[1] as number] });
    f.set("pixel_values", padded);
    if (size[0] % patch[0] !== 0) padded = f.apply("pad", padded, { pad: [0, 0, 0, missing[0] as number] });
    f.set("pixel_values", padded);
    return f.set("embeddings", asSequence(f, f.set("embeddings", projection(f, padded))));
  });
  return m.layer("SwinEmbeddings", (f, pixels: ValueId) => {
    let states = f.set("embeddings", project(f, pixels));
    states = f.set("embeddings", norm(f, states));
    if (positions !== null) states = f.set("embeddings", f.add(states, positions));
    return f.set("embeddings", drop(f, states));
  });
}

interface StagePlan {
  readonly index: number;
  readonly last: boolean;
  readonly grid: Size;
  readonly rates: readonly number[];
}

/** Blocks, and the halving of the grid; what it returns is also laid out as an image, for models that read it so. */
function stage(m: Module, config: Config, { index, last, grid, rates }: StagePlan): Stage {
  const width = config.count("embed_dim") * 2 ** index;
  const heads = config.counts("num_heads")[index];
  if (heads === undefined)
    throw badValue(
      config.source,
      "num_heads",
      "a number for each stage of depths",
      config.value("num_heads"),
    );
  config.share(width, heads, "num_heads", "the stage's width");
  const blocks = rates.map((rate, i) =>
    block(m.child(`blocks.${i}`), config, { width, heads, grid, rate, shifts: i % 2 === 1 }),
  );
  const halve = last ? null : merging(m.child("downsample"), width, grid);
  return m.layer(
    "SwinStage",
    (f, x: ValueId) => {
      let states = x;
      for (const each of blocks) states = f.set("hidden_states", each(f, states));
      f.set("hidden_states_before_downsampling", states);
      if (halve !== null) states = f.set("hidden_states", halve(f, states));
      const [H, W] = halve === null ? grid : [Math.ceil(grid[0] / 2), Math.ceil(grid[1] / 2)];
      const [B, , C] = f.shape(states) as readonly [number, number, number];
      const image = f.call([states], (g) =>
        g.contiguous(g.permute(g.view(states, [B, H, W, C]), [0, 3, 1, 2])),
      );
      return { states, reshaped: f.set("reshaped_hidden_states", image) };
    },
    { block: true },
  );
}

/** Neighbours of two rows and columns become one patch of twice the width. */
function merging(m: Module, width: number, [H, W]: Size): Layer {
  const reduction = linear(m.child("reduction"), 4 * width, 2 * width, false);
  const norm = layerNorm(m.child("norm"), 4 * width);
  return m.layer("SwinPatchMerging", (f, x: ValueId) => {
    const [B] = f.shape(x) as readonly [number, number, number];
    let states = f.set("input_feature", f.view(x, [B, H, W, width]));
    if (H % 2 === 1 || W % 2 === 1)
      states = f.set("input_feature", f.apply("pad", states, { pad: [0, 0, 0, W % 2, 0, H % 2] }));
    const parts = [0, 1].flatMap((column) =>
      [0, 1].map((row) => {
        const rows = f.op("slice", { self: states }, { dim: 1, start: row, step: 2 });
        return f.op("slice", { self: rows }, { dim: 2, start: column, step: 2 });
      }),
    );
    states = f.set("input_feature", f.cat(parts, -1));
    states = f.set("input_feature", f.view(states, [B, -1, 4 * width]));
    states = f.set("input_feature", norm(f, states));
    return f.set("input_feature", reduction(f, states));
  });
}

interface BlockPlan {
  readonly width: number;
  readonly heads: number;
  readonly grid: Size;
  readonly rate: number;
  readonly shifts: boolean;
}

function block(m: Module, config: Config, { width: C, heads, grid, rate, shifts }: BlockPlan): Layer {
  const [H, W] = grid;
  const side = config.count("window_size");
  const smallest = Math.min(H, W);
  if (smallest < side)
    throw badValue(config.source, "window_size", `at most ${smallest}, the patches a stage has left`, side);
  // a window that is the whole grid is not shifted
  const shift = shifts && smallest > side ? Math.floor(side / 2) : 0;
  const attend = windowAttention(m.child("attention"), config, { width: C, heads, side });
  const before = layerNorm(m.child("layernorm_before"), C);
  const after = layerNorm(m.child("layernorm_after"), C);
  const sizes = { width: C, inner: Math.trunc(config.number("mlp_ratio") * C), bias: true };
  const act = (child: Module) => activation(child, config, "hidden_act");
  const mlp = plainMlp(
    m.child("mlp"),
    sizes,
    act,
    { first: "fc1", second: "fc2", act: "activation_fn" },
    "SwinMLP",
  );
  const drop = dropout(m.child("dropout"), config.number("hidden_dropout_prob"));
  const path = dropPath(m.child("drop_path"), rate);
  const right = (side - (W % side)) % side;
  const bottom = (side - (H % side)) % side;
  const [rows, columns] = [H + bottom, W + right];
  return m.layer(
    "SwinLayer",
    (f, x: ValueId) => {
      const [B] = f.shape(x) as readonly [number, number, number];
      const rolled = (states: ValueId, by: number) =>
        by === 0
          ? states
          : f.call([states], (g) =>
              g.set("argument 0", g.apply("roll", states, { shifts: [by, by], dims: [1, 2] })),
            );
      let states = f.set("hidden_states", before(f, x));
      states = f.set("hidden_states", f.view(states, [B, H, W, C]));
      states = f.set("hidden_states", f.apply("pad", states, { pad: [0, 0, 0, right, 0, bottom] }));
      let windows = f.set("hidden_states_windows", windowPartition(f, rolled(states, -shift), side));
      windows = f.set("hidden_states_windows", f.view(windows, [-1, side * side, C]));
      const mask = shift === 0 ? null : shiftedMask(f, states, { rows, columns, side, shift });
      if (mask !== null) f.set("attn_mask", mask);
      let result = f.set("attention_output", attend(f, windows, mask));
      result = f.set("attention_output", drop(f, result));
      let merged = f.set("attention_windows", f.view(result, [-1, side, side, C]));
      merged = rolled(windowReverse(f, merged, { rows, columns, side }), shift);
      f.set("attention_windows", merged);
      if (right > 0 || bottom > 0) {
        const cut = f.slice(f.slice(merged, 1, 0, H), 2, 0, W);
        merged = f.set("attention_windows", f.contiguous(cut));
      }
      merged = f.set("attention_windows", f.view(merged, [B, H * W, C]));
      const residual = f.set("hidden_states", f.add(x, path(f, merged)));
      f.set("residual", residual);
      states = f.set("hidden_states", after(f, residual));
      states = f.set("hidden_states", mlp(f, states));
      return f.set("hidden_states", f.add(drop(f, states), residual));
    },
    { block: true },
  );
}
