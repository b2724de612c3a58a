/**
 * Images cut into patches by a convolution that steps by its kernel, and the positions of the patches.
 *
 * Source  transformers 5.18, models/{vit,dinov2,swin,clip,siglip}/modeling_*.py …PatchEmbeddings, interpolate_pos_encoding
 */
import type { ValueId } from "../../ir/graph.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { conv2d } from "./convolution.js";

type Size = readonly [number, number];

/** Patches along the height and the width. */
export function patchGrid(size: Size, patch: Size): Size {
  return [Math.floor(size[0] / patch[0]), Math.floor(size[1] / patch[1])];
}

/** The convolution. `width`: of a patch's vector. */
export function patchConvolution(m: Module, config: Config, width: number, bias = true): Layer {
  const patch = config.pair("patch_size");
  return conv2d(m, {
    input: config.count("num_channels"),
    output: width,
    kernel: patch,
    stride: patch,
    bias,
  });
}

/** [B, W, H, W'] to [B, H·W', W]. */
export function asSequence(f: Frame, patches: ValueId): ValueId {
  return f.transpose(f.op("flatten", { self: patches }, { start_dim: 2 }), 1, 2);
}

export function patchEmbeddings(m: Module, config: Config, width: number, kind: string): Layer {
  const projection = patchConvolution(m.child("projection"), config, width);
  return m.layer(`${kind}PatchEmbeddings`, (f, pixels: ValueId) => asSequence(f, projection(f, pixels)));
}

/** A square table of positions behind `special` ones, resampled in float32 for another grid. [1, N, W] */
export function interpolatedPositions(f: Frame, table: ValueId, special: number, grid: Size): ValueId {
  return f.call([table], (g) => {
    const [, count, width] = g.shape(table) as readonly [number, number, number];
    const side = Math.floor(Math.sqrt(count - special));
    const first = g.set("class_pos_embed", g.slice(table, 1, 0, special));
    let places = g.set("patch_pos_embed", g.slice(table, 1, special, count));
    places = g.set("patch_pos_embed", g.reshape(places, [1, side, side, width]));
    places = g.set("patch_pos_embed", g.permute(places, [0, 3, 1, 2]));
    const wide = g.to(places, "float32");
    const resampled = g.op("upsampleBicubic2d", { self: wide }, { output_size: grid });
    places = g.set("patch_pos_embed", g.toTypeOf(resampled, places));
    places = g.set("patch_pos_embed", g.view(g.permute(places, [0, 2, 3, 1]), [1, -1, width]));
    return g.cat([first, places], 1);
  });
}
