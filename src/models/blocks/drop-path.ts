/**
 * Stochastic depth: whole samples of a branch are dropped.
 *
 * Source  transformers 5.18, models/dinov2/modeling_dinov2.py Dinov2DropPath; the same class in swin, convnext, convnextv2, beit
 */
import type { ValueId } from "../../ir/graph.js";
import type { Layer, Module } from "../module.js";

/** At a rate of 0 the module is an `Identity`. */
export function dropPath(m: Module, rate: number): Layer {
  if (rate === 0) return m.layer("Identity", (_, x: ValueId) => x);
  const kept = 1 - rate;
  return m.layer("DropPath", (f, x: ValueId) => {
    if (!f.run.training) return x;
    const [batch, ...rest] = f.shape(x) as readonly [number, ...number[]];
    const size = [batch, ...rest.map(() => 1)];
    const random = f.set("random_tensor", f.op("create", { self: x }, { size }));
    const chosen = f.set("random_tensor", f.apply("floor", f.op("add", { self: random }, { other: kept })));
    return f.mul(f.op("div", { self: x }, { other: kept }), chosen);
  });
}

/** Rates that grow evenly from 0 in the first of `count` layers to `last`. */
export function growingRates(last: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => (last * i) / Math.max(count - 1, 1));
}
