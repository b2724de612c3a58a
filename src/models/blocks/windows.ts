/**
 * Attention inside square windows of an image, with a learned bias for every distance.
 *
 * Source  transformers 5.18, models/swin/modeling_swin.py SwinAttention, SwinRelativePositionBias, window_partition,
 *         window_reverse, get_attn_mask
 * `B` batch, `H` × `W` patches, `C` width, `N` windows, `S` patches of a window, `A` heads.
 */
import type { ValueId } from "../../ir/graph.js";
import type { Config } from "../config.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { attention } from "./attention.js";
import { linear } from "./linear.js";

/** [B, H, W, C] to [B·N, side, side, C]. */
export function windowPartition(f: Frame, states: ValueId, side: number): ValueId {
  return f.call([states], (g) => {
    const [B, H, W, C] = g.shape(states) as readonly [number, number, number, number];
    const cut = g.set("argument 0", g.view(states, [B, H / side, side, W / side, side, C]));
    return g.set("windows", g.view(g.contiguous(g.transpose(cut, 2, 3)), [-1, side, side, C]));
  });
}

export interface WindowGrid {
  readonly rows: number;
  readonly columns: number;
  readonly side: number;
}

/** [B·N, side, side, C] to [B, H, W, C]. */
export function windowReverse(f: Frame, windows: ValueId, { rows, columns, side }: WindowGrid): ValueId {
  return f.call([windows], (g) => {
    const C = g.shape(windows).at(-1) as number;
    const apart = g.set("argument 0", g.view(windows, [-1, rows / side, columns / side, side, side, C]));
    return g.set("argument 0", g.view(g.contiguous(g.transpose(apart, 2, 3)), [-1, rows, columns, C]));
  });
}

/** Which patches of a shifted window were neighbours before the shift. [N, S, S], in the type of `like` */
export function shiftedMask(
  f: Frame,
  like: ValueId,
  { rows, columns, side, shift }: WindowGrid & { readonly shift: number },
): ValueId {
  return f.call([], (g) => {
    const indices = [rows, columns].map((size, i) => g.set(`idx ${i}`, g.arange(size)));
    const [h, w] = [rows, columns].map((size, i) => {
      const from = (start: number) =>
        g.to(g.op("ge", { self: indices[i] as ValueId }, { other: start }), "int64");
      return g.set(`region ${i}`, g.add(from(size - side), from(size - shift)));
    }) as [ValueId, ValueId];
    const down = g.unsqueeze(g.unsqueeze(g.unsqueeze(h, 0), 2), 3);
    const across = g.unsqueeze(g.unsqueeze(g.unsqueeze(w, 0), 0), 3);
    const image = g.set("img_mask", g.toTypeOf(g.add(g.scale(down, 3), across), like));
    let windows = g.set("mask_windows", windowPartition(g, image, side));
    windows = g.set("mask_windows", g.view(windows, [-1, side * side]));
    const apart = g.op("sub", { self: g.unsqueeze(windows, 1), other: g.unsqueeze(windows, 2) });
    g.set("attn_mask", apart);
    const differ = g.op("ne", { self: apart }, { other: 0 });
    const hidden = g.op("maskedFill", { self: apart, mask: differ }, { value: -100 });
    const same = g.op("eq", { self: apart }, { other: 0 });
    return g.set("attn_mask", g.op("maskedFill", { self: hidden, mask: same }, { value: 0 }));
  });
}

interface WindowSizes {
  readonly width: number;
  readonly heads: number;
  readonly side: number;
}

/** Takes windows [B·N, S, C] and the mask of shifted ones. */
export function windowAttention(
  m: Module,
  config: Config,
  { width, heads, side }: WindowSizes,
): Layer<[ValueId, ValueId | null]> {
  const bias = config.flag("qkv_bias");
  const [toQuery, toKey, toValue] = ["q_proj", "k_proj", "v_proj"].map((name) =>
    linear(m.child(name), width, width, bias),
  ) as unknown as readonly [Layer, Layer, Layer]; // as: three names
  const toOut = linear(m.child("o_proj"), width, width);
  const distances = relativeBias(m.child("relative_position_bias"), heads, side);
  return m.layer("SwinAttention", (f, windows: ValueId, shifted: ValueId | null) => {
    const [count, S] = f.shape(windows) as readonly [number, number, number];
    if (shifted !== null) f.set("attention_mask", shifted);
    const project = (layer: Layer, name: string) =>
      f.set(name, f.transpose(f.view(layer(f, windows), [count, S, -1, width / heads]), 1, 2));
    const query = project(toQuery, "query_states");
    const key = project(toKey, "key_states");
    const value = project(toValue, "value_states");
    const learned = f.set("relative_position_bias", distances(f));
    const mask = f.set(
      "combined_mask",
      shifted === null ? learned : f.add(learned, everyWindow(f, shifted, count)),
    );
    const dropped = config.number("attention_probs_dropout_prob");
    let result = attention(f, { query, key, value, mask, causal: false, dropout: dropped });
    result = f.set("attn_output", result);
    result = f.set("attn_output", f.contiguous(f.reshape(result, [count, S, width])));
    return f.set("attn_output", toOut(f, result));
  });
}

/** A mask of one image's windows [N, S, S] for those of the whole batch. [B·N, 1, S, S] */
function everyWindow(f: Frame, mask: ValueId, count: number): ValueId {
  const [N, S] = f.shape(mask) as readonly [number, number, number];
  const wide = f.unsqueeze(f.unsqueeze(mask, 1), 0);
  return f.set("attention_mask", f.reshape(f.expand(wide, [count / N, -1, -1, -1, -1]), [-1, 1, S, S]));
}

/** A number for each distance and head, looked up for every pair of patches. [1, A, S, S] */
function relativeBias(m: Module, heads: number, side: number): Layer<[]> {
  const S = side * side;
  const table = m.parameter("relative_position_bias_table", [(2 * side - 1) ** 2, heads]);
  const index = m.buffer("relative_position_index", [S * S], "int64");
  return m.layer("SwinRelativePositionBias", (f) => {
    let bias = f.set("relative_position_bias", f.op("index", { self: table, indices: [index] }));
    bias = f.set("relative_position_bias", f.view(bias, [S, S, -1]));
    return f.unsqueeze(f.contiguous(f.permute(bias, [2, 0, 1])), 0);
  });
}
