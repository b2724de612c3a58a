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
  /** Positions that the code passes on: packed sequences are looked for in them. */
  readonly positions?: ValueId;
  /** Tokens that one may look back; null: all. */
  readonly window?: number | null;
  /** Length of the keys, where it is not that of the queries. */
  readonly keys?: number;
  /** Zeros and minus infinities in place of truth values; by default for attention that is written out. */
  readonly asNumbers?: boolean;
}

/**
 * Whether positions that the model counted itself start anew inside a row, as those of packed sequences would: looked
 * at when no padding mask is given.
 */
function findPackedSequences(f: Frame, positions: ValueId, batch: number): void {
  f.call([positions], (g) => {
    const [, length] = g.shape(positions) as readonly [number, number];
    const rows = g.shape(positions)[0] === batch ? positions : g.expand(positions, [batch, -1]);
    const first = g.set("first_dummy_value", g.op("sub", { self: g.slice(rows, 1, 0, 1) }, { other: 1 }));
    const apart = g.set("position_diff", g.op("diff", { self: rows, prepend: first }, { dim: -1 }));
    const breaks = g.op("ne", { self: apart }, { other: 1 });
    const counted = g.set("packed_sequence_mask", g.apply("cumsum", breaks, { dim: -1 }));
    const last = g.op("select", { self: counted }, { dim: 1, index: length - 1 });
    g.apply("all", g.op("eq", { self: last }, { other: 0 }));
  });
}

/** As `causalMask` where the code always draws it: for attention that is written out, or has something to add to it. */
export function eagerCausalMask(f: Frame, request: MaskRequest): ValueId {
  return drawnCausalMask(f, request, seenWith(f, request), request.window ?? null);
}

/** Queries see earlier keys. Null: the kernel is told so by a flag, or nothing is hidden. */
export function causalMask(f: Frame, request: MaskRequest): ValueId | null {
  const [, length] = f.shape(request.states) as readonly [number, number];
  const padding = seenWith(f, request);
  const window = request.window ?? null;
  // a window that is not smaller than the sequence hides nothing, yet is drawn
  const drawn = f.run.eager || (window !== null && length >= window);
  return drawn ? drawnCausalMask(f, request, padding, window) : null;
}

function seenWith(f: Frame, { padding, positions, states }: MaskRequest): ValueId | null {
  if (padding === null && positions !== undefined)
    findPackedSequences(f, positions, f.shape(states)[0] as number);
  return seen(f, padding);
}

function drawnCausalMask(
  f: Frame,
  request: MaskRequest,
  padding: ValueId | null,
  window: number | null,
): ValueId {
  return mask(f, request, padding, (g, queries, keys) => {
    const causal = (h: Frame) => h.op("le", { self: keys, other: queries });
    if (window === null) return causal(g);
    const near = (h: Frame) =>
      h.op("gt", { self: keys, other: h.op("sub", { self: queries }, { other: window }) });
    return everyMask(g, [near, causal]);
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
      const near = (e: Frame) => {
        const apart = e.apply("abs", e.op("sub", { self: queries, other: keys }));
        return e.op("le", { self: apart }, { other: window });
      };
      return everyMask(h, [near, (e) => e.op("ge", { self: queries }, { other: 0 })]);
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

/** and_masks: what all of them let through. */
function everyMask(f: Frame, masks: readonly ((g: Frame) => ValueId)[]): ValueId {
  return f.call([], (g) => {
    const all = g.set("result", g.create([], "bool"));
    return masks.reduce(
      (result, each) => g.set("result", g.op("bitwiseAnd", { self: result, other: each(g) })),
      all,
    );
  });
}

function mask(
  f: Frame,
  { states, keys, asNumbers = f.run.eager }: MaskRequest,
  padding: ValueId | null,
  allowed: (g: Frame, queries: ValueId, keys: ValueId) => ValueId,
): ValueId {
  const [batch, length] = f.shape(states) as readonly [number, number];
  const columns = keys ?? length;
  const visible = f.call([], (g) => {
    const samples = g.set("batch_arange", g.arange(batch));
    g.set("head_arange", g.arange(1));
    const row = (size: number, at: 2 | 3) => {
      const range = g.set(`arange ${at}`, g.op("add", { self: g.arange(size) }, { other: 0 }));
      return g.view(range, at === 2 ? [1, 1, size, 1] : [1, 1, 1, size]);
    };
    const [q, k] = [row(length, 2), row(columns, 3)];
    if (padding === null) return g.expand(allowed(g, q, k), [batch, -1, length, columns]);
    const padded = (h: Frame) =>
      h.op("index", { self: padding, indices: [h.view(samples, [batch, 1, 1, 1]), k] });
    return g.expand(everyMask(g, [(h) => allowed(h, q, k), padded]), [batch, -1, length, columns]);
  });
  if (!asNumbers) return visible;
  return f.call([], (g) => {
    g.set("mask", visible);
    const nothing = g.toTypeOf(g.create([], "float32"), states);
    return g.set("mask", g.op("where", { condition: visible, self: nothing }, { other: -1 }));
  });
}
