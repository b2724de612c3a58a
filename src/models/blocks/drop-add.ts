/** A residual sum behind a dropout. Source  transformers 5.18, models/{bloom,falcon}/modeling_*.py dropout_add */
import type { ValueId } from "../../ir/graph.js";
import type { Frame } from "../frame.js";

/** residual + dropout(x) */
export function dropAdd(f: Frame, x: ValueId, residual: ValueId, p: number): ValueId {
  return f.call([x], (g) => {
    const out = g.set("out", g.dropout(x, p));
    return g.set("out", g.add(residual, out));
  });
}
