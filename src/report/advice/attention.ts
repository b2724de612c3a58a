import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Attention that never writes its scores. */
export const attention: AdviceRule = { id: "attention", propose };

function propose({ report }: AdviceContext): Proposal[] {
  if (report.setup.attention !== "eager" && report.setup.attention !== "math") return [];
  return [
    {
      id: "sdpa",
      group: "attention",
      title: "scaled_dot_product_attention in place of written-out attention",
      change: { attention: "sdpa" },
      effect: "rounding",
      price: "none: faster, too",
      code: {
        pytorch: "torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)",
        transformers: 'AutoModel.from_pretrained(name, attn_implementation="sdpa")',
      },
    },
  ];
}
