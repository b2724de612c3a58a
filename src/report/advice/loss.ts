import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Logits of a large vocabulary that are never whole. */
export const loss: AdviceRule = { id: "loss", propose };

function propose({ report, facts }: AdviceContext): Proposal[] {
  if (report.setup.mode !== "train" || !facts.takesLoss || report.setup.loss !== "auto") return [];
  return [
    {
      id: "fused-loss",
      group: "loss",
      title: "head and cross-entropy in one fused kernel",
      change: { loss: "fused" },
      effect: "rounding",
      price: "logits are not returned",
      code: {
        pytorch: "liger_kernel.transformers.LigerFusedLinearCrossEntropyLoss()(head.weight, hidden, targets)",
        transformers: "TrainingArguments(use_liger_kernel=True)",
      },
    },
    {
      id: "chunked-loss",
      group: "loss",
      title: "cross-entropy over chunks of the sequence",
      change: { loss: "chunked" },
      effect: "rounding",
      price: "a few more kernel launches",
      code: { pytorch: "torchtune.modules.loss.LinearCrossEntropyLoss(num_output_chunks=8)" },
    },
  ];
}
