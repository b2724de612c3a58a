/**
 * Attention with linear biases: a slope per head times the distance.
 *
 * Source  transformers 5.18, models/{bloom,falcon}/modeling_*.py build_alibi_tensor
 */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

/** [B * H, 1, S] in the type of `states`; `mask` [B, S] says which tokens count. `narrow`: slopes are bfloat16. */
export function alibi(f: Frame, mask: ValueId, states: ValueId, heads: number, narrow: boolean): ValueId {
  return f.call([mask], (g) => {
    const [batch, length] = g.shape(mask) as readonly [number, number];
    const whole = 2 ** Math.floor(Math.log2(heads));
    let slopes = g.set("slopes", powers(g, 1 + whole, 1));
    if (whole !== heads) {
      const more = powers(g, 1 + 2 * Math.min(whole, heads - whole), 2);
      slopes = g.set("slopes", g.cat([slopes, more], 0));
    }
    const counted = g.op("sub", { self: g.apply("cumsum", mask, { dim: -1 }) }, { other: 1 });
    const range = g.set("arange_tensor", g.unsqueeze(g.mul(counted, mask), 1));
    const column = g.unsqueeze(slopes, 1);
    const biases = g.set("alibi", g.mul(narrow ? g.to(column, "bfloat16") : column, range));
    return g.toTypeOf(g.reshape(biases, [batch * heads, 1, length]), states);
  });
}

function powers(f: Frame, end: number, step: number): ValueId {
  const base = f.create([], "float32");
  const exponent = f.op("arange", {}, { start: 1, end, step, dtype: "int32" });
  return f.op("pow", { self: base, exponent });
}
