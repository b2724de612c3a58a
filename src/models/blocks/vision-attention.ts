/**
 * Self-attention with a projection each for queries, keys and values, and without rotary positions.
 *
 * Source  transformers 5.18, models/{vit,deit,dinov2,swin,clip,siglip}/modeling_*.py …Attention
 */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";
import { attention, type EagerCode } from "./attention.js";
import { linear } from "./linear.js";

export interface VisionAttention {
  /** Prefix of the class's name. */
  readonly kind: string;
  readonly width: number;
  readonly heads: number;
  readonly bias: boolean;
  readonly dropout: number;
  /** Projections in the order they are defined. */
  readonly order?: readonly ("q" | "k" | "v")[];
  /** Name of the output's projection. */
  readonly out?: string;
  readonly causal?: boolean;
  readonly eager?: EagerCode;
}

/** Takes states [B, S, W] and a mask. */
export function visionAttention(m: Module, style: VisionAttention): Layer<[ValueId, ValueId | null]> {
  const { width, heads } = style;
  const projections = new Map(
    (style.order ?? ["q", "k", "v"]).map((each) => [
      each,
      linear(m.child(`${each}_proj`), width, width, style.bias),
    ]),
  );
  const toOut = linear(m.child(style.out ?? "o_proj"), width, width);
  return m.layer(`${style.kind}Attention`, (f, states: ValueId, mask: ValueId | null) => {
    const [B, S] = f.shape(states) as readonly [number, number, number];
    const project = (name: "q" | "k" | "v") => {
      const flat = (projections.get(name) as Layer)(f, states); // as: all three names are in the order
      return f.set(name, f.transpose(f.view(flat, [B, S, -1, width / heads]), 1, 2));
    };
    const [query, key, value] = [project("q"), project("k"), project("v")];
    let result = attention(f, {
      query,
      key,
      value,
      mask,
      causal: style.causal === true,
      dropout: style.dropout,
      ...(style.eager && { eager: style.eager }),
    });
    result = f.set("attn_output", result);
    result = f.set("attn_output", f.contiguous(f.reshape(result, [B, S, width])));
    return f.set("attn_output", toOut(f, result));
  });
}
