/**
 * T5's relative positions: a number per head for each bucket of distances.
 *
 * Source  transformers 5.18, models/t5/modeling_t5.py T5Attention.compute_bias, _relative_position_bucket
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";
import type { Layer } from "../module.js";

/** [1, H, L, S]; `bias`: the embedding of buckets. */
export function bucketBias(
  f: Frame,
  bias: Layer,
  [queries, keys]: readonly [number, number],
  bidirectional: boolean,
): ValueId {
  return f.call([], (g) => {
    const context = g.op("add", { self: g.unsqueeze(g.arange(queries), 1) }, { other: 0 });
    g.set("context_position", context);
    const memory = g.set("memory_position", g.unsqueeze(g.arange(keys), 0));
    const relative = g.set("relative_position", g.op("sub", { self: memory, other: context }));
    const buckets = g.set("relative_position_bucket", bucketsOf(g, relative, bidirectional));
    const values = g.set("values", bias(g, buckets));
    return g.set("values", g.unsqueeze(g.permute(values, [2, 0, 1]), 0));
  });
}

/** Near distances have a bucket each, far ones share them by their logarithm. [L, S] */
function bucketsOf(f: Frame, distances: ValueId, bidirectional: boolean): ValueId {
  return f.call([], (g) => {
    const number = (op: string, self: ValueId) => g.op(op, { self }, { other: 1 });
    let buckets: ValueId | null = null;
    let relative = distances;
    if (bidirectional) {
      const later = g.to(g.op("gt", { self: relative }, { other: 0 }), "int64");
      buckets = g.set("relative_buckets", number("add", number("mul", later)));
      relative = g.set("relative_position", g.apply("abs", relative));
    } else {
      const zeros = g.op("create", { self: relative });
      const least = g.op("minimum", { self: relative, other: zeros });
      relative = g.set("relative_position", g.apply("neg", least));
    }
    const small = g.set("is_small", g.op("lt", { self: relative }, { other: 1 }));
    const share = g.apply("log", number("div", g.to(relative, "float32")));
    const scaled = number("mul", number("div", share));
    let large = g.set("relative_position_if_large", number("add", g.to(scaled, "int64")));
    const last = g.op("create", { self: large });
    large = g.set("relative_position_if_large", g.op("minimum", { self: large, other: last }));
    const chosen = g.op("where", { condition: small, self: relative, other: large });
    return buckets === null
      ? number("add", chosen)
      : g.op("add", { self: buckets, other: chosen }, { inPlace: true });
  });
}
