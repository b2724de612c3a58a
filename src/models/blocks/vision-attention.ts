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
  readonly order?: readonly Name[];
  /** Name of the output's projection. */
  readonly out?: string;
  readonly causal?: boolean;
  /** All three are projected before one is split into heads: the order in which gradients are computed. */
  readonly splitsLast?: boolean;
  readonly eager?: EagerCode;
}

type Name = "q" | "k" | "v";
type Three = [ValueId, ValueId, ValueId];

const NAMES: readonly Name[] = ["q", "k", "v"];

/** Takes states [B, S, W] and a mask. */
export function visionAttention(m: Module, style: VisionAttention): Layer<[ValueId, ValueId | null]> {
  const { width, heads } = style;
  const projections = new Map(
    (style.order ?? NAMES).map((each) => [each, linear(m.child(`${each}_proj`), width, width, style.bias)]),
  );
  const toOut = linear(m.child(style.out ?? "o_proj"), width, width);
  return m.layer(`${style.kind}Attention`, (f, states: ValueId, mask: ValueId | null) => {
    const [B, S] = f.shape(states) as readonly [number, number, number];
    const project = (name: Name) => f.set(name, (projections.get(name) as Layer)(f, states)); // as: all are in the order
    const split = (name: Name, flat: ValueId) =>
      f.set(name, f.transpose(f.view(flat, [B, S, -1, width / heads]), 1, 2));
    const flat = style.splitsLast ? NAMES.map(project) : [];
    const [query, key, value] = NAMES.map((name, i) => split(name, flat[i] ?? project(name))) as Three;
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
