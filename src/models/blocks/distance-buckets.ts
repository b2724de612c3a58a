/**
 * Distances between tokens, in buckets that widen with the logarithm.
 *
 * Source  transformers 5.18, models/deberta_v2/modeling_deberta_v2.py build_relative_position, make_log_bucket_position
 * Untrue  the two are TorchScript: from the third step on their operators run as few fused ones
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

/** [1, S, S]; `bucketed`: far distances share buckets. */
export function distanceBuckets(f: Frame, length: number, bucketed: boolean): ValueId {
  return f.call([], (g) => {
    const queries = g.set("q_ids", g.arange(length));
    const keys = g.set("k_ids", g.arange(length));
    let ids = g.op("sub", { self: g.unsqueeze(queries, 1), other: g.unsqueeze(keys, 0) });
    g.set("rel_pos_ids", ids);
    if (bucketed) ids = g.set("rel_pos_ids", logarithmic(g, ids));
    return g.unsqueeze(g.set("rel_pos_ids", g.to(ids, "int64")), 0);
  });
}

/** TorchScript lets each value go behind its last reader: nothing is bound to a variable. */
function logarithmic(f: Frame, distances: ValueId): ValueId {
  return f.call([distances], (g) => {
    const sign = g.apply("sign", distances);
    const after = g.op("lt", { self: distances }, { other: 1 });
    const before = g.op("gt", { self: distances }, { other: -1 });
    const near = g.op("bitwiseAnd", { self: after, other: before });
    const least = g.create([], "int64");
    const absolute = g.op("where", { condition: near, self: least, other: g.apply("abs", distances) });
    const ratio = g.apply("log", g.op("div", { self: absolute }, { other: 1 }));
    const steps = g.scale(g.op("div", { self: ratio }, { other: 1 }), 1);
    const far = g.op("add", { self: g.apply("ceil", steps) }, { other: 1 });
    const close = g.op("le", { self: absolute }, { other: 1 });
    const own = g.to(distances, "float32");
    return g.op("where", { condition: close, self: own, other: g.mul(far, sign) });
  });
}
