/**
 * Attention masks that transformers makes once per forward.
 *
 * Source  transformers 5.18, masking_utils.py: sdpa_mask, eager_mask, create_causal_mask,
 *         create_sliding_window_causal_mask, create_bidirectional_mask
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

export interface MaskRequest {
  /** The hidden states whose batch, length and type the mask has. */
  readonly states: ValueId;
  /** 2-d mask of the batch's padding, when the loop passes one: nothing is padded in it. */
  readonly padding: ValueId | null;
  /** Tokens that one may look back; null: all. */
  readonly window?: number | null;
  /** Length of the keys, where it is not that of the queries. */
  readonly keys?: number;
}

/** Queries see earlier keys. Null: the kernel is told so by a flag, or nothing is hidden. */
export function causalMask(f: Frame, request: MaskRequest): ValueId | null {
  const [, length] = f.shape(request.states) as readonly [number, number];
  const padding = seen(f, request.padding);
  const window = request.window ?? null;
  // a window that is not smaller than the sequence hides nothing, yet is drawn
  const drawn = f.run.eager || (window !== null && length >= window);
  if (!drawn) return null;
  return mask(f, request, padding, (g, queries, keys) => {
    const causal = g.op("le", { self: keys, other: queries });
    if (window === null) return causal;
    const near = g.op("gt", { self: keys, other: g.op("sub", { self: queries }, { other: window }) });
    return g.op("bitwiseAnd", { self: near, other: causal });
  });
}

/** Every token sees every other: drawn only where a window is given that is not longer than the sequence. */
export function bidirectionalMask(f: Frame, request: MaskRequest): ValueId | null {
  const [, length] = f.shape(request.states) as readonly [number, number];
  const window = request.window ?? null;
  return f.call([], (g) => {
    const padding = seen(g, request.padding);
    if (window === null || length < window) return null;
    return mask(g, request, padding, (h, queries, keys) => {
      const apart = h.apply("abs", h.op("sub", { self: queries, other: keys }));
      return h.op("le", { self: apart }, { other: window });
    });
  });
}

/** `attention_mask.to(torch.bool)`, and whether all of it is true: only then are masks left out. */
function seen(f: Frame, padding: ValueId | null): ValueId | null {
  if (padding === null) return null;
  const bool = f.set("padding_mask", f.to(padding, "bool"));
  f.apply("all", bool);
  return bool;
}

function mask(
  f: Frame,
  { states, keys }: MaskRequest,
  padding: ValueId | null,
  allowed: (g: Frame, queries: ValueId, keys: ValueId) => ValueId,
): ValueId {
  const [batch, length] = f.shape(states) as readonly [number, number];
  return f.call([], (g) => {
    const columns = keys ?? length;
    const row = (size: number, at: 2 | 3) => {
      const range = g.set(`arange ${at}`, g.op("add", { self: g.arange(size) }, { other: 0 }));
      return g.view(range, at === 2 ? [1, 1, size, 1] : [1, 1, 1, size]);
    };
    const [q, k] = [row(length, 2), row(columns, 3)];
    let visible = g.set("mask", allowed(g, q, k));
    if (padding !== null) {
      const wide = g.view(padding, [batch, 1, 1, columns]);
      visible = g.set("mask", g.op("bitwiseAnd", { self: visible, other: wide }));
    }
    const expanded = g.expand(visible, [batch, -1, length, columns]);
    if (!g.run.eager) return expanded;
    const nothing = g.toTypeOf(g.create([], "float32"), states);
    return g.op("where", { condition: expanded, self: nothing }, { other: -1 });
  });
}
