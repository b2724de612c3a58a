/** Attention. `B` batch, `H` heads, `L` query length, `S` key length, `E` head size. */
import { dense } from "../ir/tensor.js";
import { type OpTable, op } from "./rule.js";

export const attentions = {
  /** softmax(q kᵀ / √E + mask) v. What a gradient reads depends on the kernel: frameworks lower it. */
  scaledDotProductAttention: op({
    inputs: ["query", "key", "value", "attn_mask?"],
    outputs: ["result"],
    infer: ({ query, value }) =>
      dense([...query.shape.slice(0, -1), value.shape[value.shape.length - 1] as number], query.dtype),
    backward: {
      query: ["key", "value"],
      key: ["query", "value"],
      value: ["query", "key"],
      attn_mask: ["query", "key", "value"],
    },
  }),
} satisfies OpTable;
