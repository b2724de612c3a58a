/**
 * Rotary position embeddings as transformers computes them: angles in float32 outside of autocast, once per forward.
 *
 * Source  transformers 5.18, models/llama/modeling_llama.py LlamaRotaryEmbedding, rotate_half, apply_rotary_pos_emb
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Layer, Module } from "../module.js";

export interface Angles {
  /** [1, S, D] */
  readonly cos: ValueId;
  readonly sin: ValueId;
}

/** `position_ids` of a forward without a cache: [1, S]. */
export function positions(f: Frame, length: number): ValueId {
  const range = f.op("add", { self: f.arange(length) }, { other: 0 });
  return f.unsqueeze(range, 0);
}

export interface RotaryStyle {
  /** The angles have the states' type, or stay float32. */
  readonly type?: "states" | "float32";
  /** An angle of a pair of neighbours lies beside its copy, not half a head away. */
  readonly pairs?: boolean;
  /** Complex numbers of length one, drawn as twice as many float32: both angles are the one tensor, and keep its type. */
  readonly polar?: boolean;
}

/** `width`: of the rotated part of a head. The layer takes the hidden states and positions. */
export function rotaryEmbedding(
  m: Module,
  width: number,
  name = "RotaryEmbedding",
  style: RotaryStyle = {},
): Layer<[ValueId, ValueId], Angles> {
  const frequencies = m.buffer("inv_freq", [width / 2], "float32", true);
  m.buffer("original_inv_freq", [width / 2], "float32", true);
  return m.layer(name, (f, x: ValueId, ids: ValueId) => rotaryAngles(f, frequencies, { x, ids, ...style }));
}

/** One layer for each of `types`, each with frequencies of its own, all of one module. */
export function rotaryEmbeddings(
  m: Module,
  width: number,
  name: string,
  { types, ...style }: RotaryStyle & { readonly types: readonly string[] },
): Layer<[ValueId, ValueId], Angles>[] {
  return types.map((type) => {
    const frequencies = m.buffer(`${type}_inv_freq`, [width / 2], "float32", true);
    m.buffer(`${type}_original_inv_freq`, [width / 2], "float32", true);
    return m.layer(name, (f, x: ValueId, ids: ValueId) => rotaryAngles(f, frequencies, { x, ids, ...style }));
  });
}

export interface AnglesRequest extends RotaryStyle {
  /** Hidden states, whose type the angles have unless they stay float32. */
  readonly x: ValueId;
  /** [1, S] */
  readonly ids: ValueId;
}

/** Angles of frequencies [D / 2] at positions. */
export function rotaryAngles(
  f: Frame,
  frequencies: ValueId,
  { x, ids, type, pairs = false, polar = false }: AnglesRequest,
): Angles {
  return f.call(
    [x, ids],
    (g) => {
      const column = g.unsqueeze(g.unsqueeze(frequencies, 0), 2);
      const expanded = g.to(g.expand(column, [g.shape(ids)[0] as number, -1, 1]), "float32");
      const row = g.set("position_ids_expanded", g.to(g.unsqueeze(ids, 1), "float32"));
      const angles = g.set("freqs", g.transpose(g.matmul(expanded, row), 1, 2));
      if (polar) {
        const lengths = g.op("create", { self: angles });
        const complex = g.set("freqs_cis", g.cat([lengths, angles], -1));
        const scaled = g.set("freqs_cis", g.scale(complex, 1));
        return { cos: scaled, sin: scaled };
      }
      const twice = pairs
        ? g.op("repeatInterleave", { self: angles }, { repeats: 2, dim: -1 })
        : g.cat([angles, angles], -1);
      const both = g.set("emb", twice);
      const cos = g.set("cos", g.scale(g.apply("cos", both), 1));
      const sin = g.set("sin", g.scale(g.apply("sin", both), 1));
      return type === "float32" ? { cos, sin } : { cos: g.toTypeOf(cos, x), sin: g.toTypeOf(sin, x) };
    },
    { noGrad: true, outsideAutocast: true },
  );
}

export function rotateHalf(f: Frame, x: ValueId): ValueId {
  return f.call([x], (g) => {
    const width = g.shape(x).at(-1) as number;
    const half = Math.floor(width / 2);
    const [first, second] = [g.slice(x, -1, 0, half), g.slice(x, -1, half, width)];
    return g.cat([g.apply("neg", second), first], -1);
  });
}

/** Rotates queries and keys [B, H, S, D]; the results have their type. */
export function applyRotary(
  f: Frame,
  [query, key]: readonly [ValueId, ValueId],
  { cos, sin }: Angles,
): [ValueId, ValueId] {
  return f.call([query, key], (g) => {
    const [c, s] = [g.unsqueeze(cos, 1), g.unsqueeze(sin, 1)];
    const rotated = (x: ValueId) => g.add(g.mul(x, c), g.mul(rotateHalf(g, x), s));
    return [g.set("q_embed", rotated(query)), g.set("k_embed", rotated(key))];
  });
}

/** Rotates the first part of each head, as wide as the angles, and joins the rest to it, even if that is nothing. */
export function applyPartialRotary(
  f: Frame,
  pair: readonly [ValueId, ValueId],
  { cos, sin }: Angles,
): [ValueId, ValueId] {
  return f.call(pair, (g) => {
    const [c, s] = [g.unsqueeze(cos, 1), g.unsqueeze(sin, 1)];
    const part = g.shape(c).at(-1) as number;
    const cut = pair.map((x, i) => {
      const width = g.shape(x).at(-1) as number;
      return [g.set(`rot ${i}`, g.slice(x, -1, 0, part)), g.set(`pass ${i}`, g.slice(x, -1, part, width))];
    }) as [ValueId, ValueId][];
    const joined = cut.map(([rot, pass], i) =>
      g.set(`embed ${i}`, g.cat([g.add(g.mul(rot, c), g.mul(rotateHalf(g, rot), s)), pass], -1)),
    );
    return joined as [ValueId, ValueId];
  });
}
