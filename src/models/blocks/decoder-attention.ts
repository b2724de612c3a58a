/**
 * Self-attention of decoder-only language models with rotary positions.
 *
 * Source  transformers 5.18, models/{llama,qwen2,qwen3,gemma2,phi,phi3,olmo2,stablelm,starcoder2}/modeling_*.py
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { attention, type EagerCode } from "./attention.js";
import { linear } from "./linear.js";
import { rmsNorm } from "./norm.js";
import { type Angles, applyPartialRotary, applyRotary } from "./rotary.js";

export interface AttentionSizes {
  readonly width: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly head: number;
  /** Rotated part of a head. */
  readonly rotated: number;
  readonly qkvBias: boolean;
  readonly outBias: boolean;
  readonly dropout: number;
  readonly softcap: number | null;
}

export interface AttentionStyle {
  /** Queries, keys and values in one product. */
  readonly fused?: boolean;
  /** RMS norms of queries and keys: over each head, or over all heads at once. */
  readonly qkNorm?: "head" | "all";
  readonly qkNormKind?: "llama" | "gemma" | "olmo2";
  /** The output's projection is called `dense`. */
  readonly out?: "o_proj" | "dense";
  /** How positions turn a head that is rotated as a whole; in float32, queries and keys get their type back. */
  readonly rotation?: "joined" | "float32";
  /** A dropout follows the output's projection. */
  readonly outDropout?: number;
  readonly eager?: EagerCode;
}

export type AttentionLayer = Layer<[ValueId, Angles, ValueId | null]>;

export function decoderAttention(
  m: Module,
  sizes: AttentionSizes,
  style: AttentionStyle,
  name: string,
): AttentionLayer {
  const { width, heads, head } = sizes;
  const all = heads * head;
  const out = (child: Module) => linear(child, all, width, sizes.outBias);
  const outName = style.out ?? "o_proj";
  // phi3 defines its output's projection first
  const outFirst = style.fused ? out(m.child(outName)) : null;
  const project = style.fused ? fusedProjection(m, sizes) : projections(m, sizes);
  const toOut = outFirst ?? out(m.child(outName));
  const normed = style.qkNorm ? headNorms(m, sizes, style) : null;
  return m.layer(name, (f, states: ValueId, angles: Angles, mask: ValueId | null) => {
    const [B, S] = f.shape(states) as readonly [number, number, number];
    const split = (value: ValueId, name: string, norm: Layer | undefined) => {
      const flat = style.qkNorm === "all" && norm ? norm(f, value) : value;
      const viewed = f.view(flat, [B, S, -1, head]);
      return f.set(name, f.transpose(style.qkNorm === "head" && norm ? norm(f, viewed) : viewed, 1, 2));
    };
    const projected = project(f, states);
    let query = split(projected[0](), "query_states", normed?.[0]);
    let key = split(projected[1](), "key_states", normed?.[1]);
    const value = split(projected[2](), "value_states", undefined);
    [query, key] = rotated(f, query, key, angles, sizes, style);
    f.set("query_states", query);
    f.set("key_states", key);
    let result = f.set(
      "attn_output",
      attention(f, {
        query,
        key,
        value,
        mask,
        causal: true,
        dropout: sizes.dropout,
        softcap: sizes.softcap,
        ...(style.eager && { eager: style.eager }),
      }),
    );
    result = f.set("attn_output", f.contiguous(f.reshape(result, [B, S, all])));
    result = f.set("attn_output", toOut(f, result));
    return style.outDropout === undefined
      ? result
      : f.set("attn_output", f.dropout(result, style.outDropout));
  });
}

type Three<T> = readonly [T, T, T];
/** Each is computed where the code asks for it. */
type Projection = (f: Frame, states: ValueId) => Three<() => ValueId>;

function projections(m: Module, { width, heads, keyHeads, head, qkvBias }: AttentionSizes): Projection {
  const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name, i) =>
    linear(m.child(name), width, (i === 0 ? heads : keyHeads) * head, qkvBias),
  ) as unknown as Three<Layer>; // as: three names
  return (f, states) => [() => q(f, states), () => k(f, states), () => v(f, states)];
}

function fusedProjection(m: Module, { width, heads, keyHeads, head, qkvBias }: AttentionSizes): Projection {
  const [all, keys] = [heads * head, keyHeads * head];
  const project = linear(m.child("qkv_proj"), width, all + 2 * keys, qkvBias);
  return (f, states) => {
    const qkv = f.set("qkv", project(f, states));
    const part = (from: number, to: number) => () => f.slice(qkv, -1, from, to);
    return [part(0, all), part(all, all + keys), part(all + keys, all + 2 * keys)];
  };
}

function headNorms(m: Module, sizes: AttentionSizes, style: AttentionStyle): readonly [Layer, Layer] {
  const width = (count: number) => (style.qkNorm === "head" ? sizes.head : count * sizes.head);
  const kind = style.qkNormKind ?? "llama";
  return [
    rmsNorm(m.child("q_norm"), width(sizes.heads), kind),
    rmsNorm(m.child("k_norm"), width(sizes.keyHeads), kind),
  ];
}

/** Where only a part of each head is rotated, the rest is joined to it again. */
function rotated(
  f: Frame,
  query: ValueId,
  key: ValueId,
  angles: Angles,
  { head, rotated: part }: AttentionSizes,
  { rotation }: AttentionStyle,
): [ValueId, ValueId] {
  if (rotation === "joined") return applyPartialRotary(f, [query, key], angles);
  if (rotation === "float32") {
    const turned = applyRotary(f, [query, key], angles);
    return [f.toTypeOf(turned[0], query), f.toTypeOf(turned[1], key)];
  }
  if (part === head) return applyRotary(f, [query, key], angles);
  const cut = (x: ValueId, name: string) =>
    [
      f.set(`${name}_rot`, f.slice(x, -1, 0, part)),
      f.set(`${name}_pass`, f.slice(x, -1, part, head)),
    ] as const;
  const [[queryRot, queryPass], [keyRot, keyPass]] = [cut(query, "query"), cut(key, "key")];
  const [q, k] = applyRotary(f, [queryRot, keyRot], angles);
  f.set("query_rot", q);
  f.set("key_rot", k);
  return [f.cat([q, queryPass], -1), f.cat([k, keyPass], -1)];
}
