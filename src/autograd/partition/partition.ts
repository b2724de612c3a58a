/**
 * Tape → Tape: what backward keeps when the model is compiled.
 *
 * Values are vertices; what backward reads must be kept or computed again from what is kept, by fused pointwise
 * kernels only. The cheapest choice is a minimum cut, with the weights and bans of AOTAutograd's partitioner. Values
 * that only fused neighbours read never lie in memory.
 */
import type { NodeId } from "../../ir/graph.js";
import type { Tape } from "../../ir/tape.js";
import { chooseKept } from "./choose.js";
import { rewriteTape } from "./rewrite.js";
import { Values } from "./values.js";

/** `end`: the first node that is not compiled, the loss outside the model. */
export function partition(tape: Tape, end: NodeId): Tape {
  const values = new Values(tape, end); // what is computed from what
  const kept = chooseKept(values.vertices); // what is worth its memory
  return rewriteTape(values, kept);
}
