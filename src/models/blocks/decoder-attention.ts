/**
 * Self-attention of decoder-only language models with rotary positions.
 *
 * Source  transformers 5.18, models/FAMILY/modeling_FAMILY.py …Attention
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";
import { attention, type EagerCode } from "./attention.js";
import { linear } from "./linear.js";
import { cohereNorm, type RmsKind, rmsNorm } from "./norm.js";
import { type Angles, applyRotary } from "./rotary.js";
import { type Rotation, rotateAs } from "./rotations.js";

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
  /**
   * Norms of queries and keys: over each head; over all heads at once; over each head with a weight of its own; or over each
   * head of what is laid out for attention already.
   */
  readonly qkNorm?: "head" | "all" | "each-head" | "turned-head";
  readonly qkNormKind?: RmsKind;
  /** The output's projection is called `dense`. */
  readonly out?: "o_proj" | "dense";
  readonly rotation?: Rotation;
  /** Queries, keys and values are clamped in place. */
  readonly clips?: boolean;
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
  const late = style.qkNorm === "each-head" || style.qkNorm === "turned-head";
  return m.layer(name, (f, states: ValueId, angles: Angles, mask: ValueId | null) => {
    const [B, S] = f.shape(states) as readonly [number, number, number];
    const names = ["query_states", "key_states", "value_states"] as const;
    const projected = project(f, states).map((run, i) => {
      const flat = run();
      const norm = late ? undefined : normed?.[i];
      const all = style.qkNorm === "all" && norm ? norm(f, flat) : flat;
      if (style.clips) return f.set(names[i] as string, all); // as: there are three
      const viewed = f.view(all, [B, S, -1, head]);
      return f.set(names[i] as string, style.qkNorm === "head" && norm ? norm(f, viewed) : viewed);
    });
    if (style.clips)
      for (const each of projected) f.op("clamp", { self: each }, { min: -1, max: 1, inPlace: true });
    const viewed = projected.map((each) => (style.clips ? f.view(each, [B, S, -1, head]) : each));
    const laidOut = viewed.map((each, i) => {
      const norm = late ? normed?.[i] : undefined;
      const first = norm && style.qkNorm === "each-head" ? f.set(names[i] as string, norm(f, each)) : each;
      const turned = f.transpose(first, 1, 2);
      return f.set(names[i] as string, norm && style.qkNorm === "turned-head" ? norm(f, turned) : turned);
    }) as unknown as readonly [ValueId, ValueId, ValueId]; // as: there are three
    const value = laidOut[2];
    const [query, key] = rotated(f, [laidOut[0], laidOut[1]], angles, sizes, style.rotation);
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

function headNorms(m: Module, sizes: AttentionSizes, { qkNorm, qkNormKind }: AttentionStyle) {
  const make = (name: string, count: number) => {
    const child = m.child(name);
    if (qkNorm === "each-head") return cohereNorm(child, [count, sizes.head]);
    return rmsNorm(child, qkNorm === "all" ? count * sizes.head : sizes.head, qkNormKind ?? "llama");
  };
  return [make("q_norm", sizes.heads), make("k_norm", sizes.keyHeads)] as const;
}

/** Where only a part of each head is rotated, the rest is joined to it again. */
function rotated(
  f: Frame,
  pair: readonly [ValueId, ValueId],
  angles: Angles,
  { head, rotated: part }: AttentionSizes,
  rotation: Rotation | undefined,
): readonly [ValueId, ValueId] {
  if (rotation !== undefined) return rotateAs(f, rotation, pair, angles);
  if (part === head) return applyRotary(f, pair, angles);
  const cut = (x: ValueId, name: string) =>
    [
      f.set(`${name}_rot`, f.slice(x, -1, 0, part)),
      f.set(`${name}_pass`, f.slice(x, -1, part, head)),
    ] as const;
  const [[queryRot, queryPass], [keyRot, keyPass]] = [cut(pair[0], "query"), cut(pair[1], "key")];
  const [q, k] = applyRotary(f, [queryRot, keyRot], angles);
  f.set("query_rot", q);
  f.set("key_rot", k);
  return [f.cat([q, queryPass], -1), f.cat([k, keyPass], -1)];
}
