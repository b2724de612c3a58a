/**
 * How families turn queries and keys by their positions where it is not Llama's way.
 *
 * Source  transformers 5.18, models/{phi3,olmo2,cohere,glm,helium}/modeling_*.py apply_rotary_pos_emb, rotate_half
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import { type Angles, applyPartialRotary, applyRotary } from "./rotary.js";

export type Rotation =
  /** The first part of a head, the rest joined to it even if that is nothing. */
  | "joined"
  /** In float32, since the angles are; queries and keys get their type back. */
  | "float32"
  /** Neighbours against each other, in float32. */
  | "stacked"
  /** Neighbours against each other, by the angles' first half. */
  | "interleaved"
  /** As interleaved, for the first part of a head. */
  | "interleaved-joined"
  /** By complex numbers, which the family's own attention does. */
  | "polar"
  /** Not at all. */
  | "none";

type Pair = readonly [ValueId, ValueId];

/** Queries and keys [B, H, S, D], turned. */
export function rotateAs(f: Frame, rotation: Rotation, pair: Pair, angles: Angles): Pair {
  switch (rotation) {
    case "polar":
    case "none":
      return pair;
    case "joined":
      return applyPartialRotary(f, pair, angles);
    case "float32": {
      const turned = applyRotary(f, pair, angles);
      return [f.toTypeOf(turned[0], pair[0]), f.toTypeOf(turned[1], pair[1])];
    }
    case "stacked":
      return stacked(f, pair, angles);
    case "interleaved":
    case "interleaved-joined":
      return interleaved(f, pair, angles, rotation === "interleaved-joined");
  }
}

/** Every second element and the ones between, turned: [B, H, S, D] */
function rotateNeighbours(f: Frame, x: ValueId): ValueId {
  return f.call([x], (g) => {
    const shape = g.shape(x);
    const end = shape.at(-1) as number;
    const every = (start: number) => g.op("slice", { self: x }, { dim: -1, start, end, step: 2 });
    const [first, second] = [every(0), every(1)];
    return g.view(g.op("stack", { tensors: [g.apply("neg", second), first] }, { dim: -1 }), shape);
  });
}

function stacked(f: Frame, pair: Pair, { cos, sin }: Angles): Pair {
  return f.call(pair, (g) => {
    const wide = pair.map((x, i) => g.set(`argument ${i}`, g.to(x, "float32"))) as unknown as Pair; // as: two
    const [c, s] = [g.unsqueeze(cos, 1), g.unsqueeze(sin, 1)];
    const [q, k] = wide.map((x, i) =>
      g.set(`embed ${i}`, g.add(g.mul(x, c), g.mul(rotateNeighbours(g, x), s))),
    ) as unknown as Pair; // as: two
    return [g.toTypeOf(q, pair[0]), g.toTypeOf(k, pair[1])];
  });
}

function interleaved(f: Frame, pair: Pair, { cos, sin }: Angles, joins: boolean): Pair {
  return f.call(pair, (g) => {
    const twice = (angle: ValueId, name: string) => {
      const row = g.unsqueeze(angle, 1);
      const half = g.slice(row, -1, 0, (g.shape(row).at(-1) as number) / 2);
      return g.set(name, g.op("repeatInterleave", { self: half }, { repeats: 2, dim: -1 }));
    };
    const [c, s] = [twice(cos, "cos"), twice(sin, "sin")];
    const part = g.shape(c).at(-1) as number;
    const cut = pair.map((x, i) => {
      if (!joins) return [x, null] as const;
      const width = g.shape(x).at(-1) as number;
      return [
        g.set(`rot ${i}`, g.slice(x, -1, 0, part)),
        g.set(`pass ${i}`, g.slice(x, -1, part, width)),
      ] as const;
    });
    const turned = cut.map(([x], i) =>
      g.set(`embed ${i}`, g.add(g.mul(x, c), g.mul(rotateNeighbours(g, x), s))),
    );
    return turned.map((each, i) => {
      const pass = cut[i]?.[1] ?? null;
      return pass === null ? each : g.set(`embed ${i}`, g.cat([each, pass], -1));
    }) as unknown as Pair; // as: two
  });
}
