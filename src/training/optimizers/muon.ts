import { counts, decides, type OptimizerRule, state, tunes } from "./rule.js";
import { alias, drop, forLoop, make, repeat, run } from "./statements.js";
import { bfloat16, bfloat16Norm, bfloat16One, each, gram } from "./values.js";

/** Orthogonalizes the momentum by Newton-Schulz iterations in bfloat16. Takes matrices only. */
export const muon = {
  title: "Muon",
  options: {
    lr: tunes(1e-3),
    weight_decay: tunes(0.1),
    momentum: tunes(0.95),
    nesterov: decides(true),
    eps: tunes(1e-7),
    ns_steps: counts(5, 0, 99),
  },
  states: [state("momentum_buffer", each("zeros_like"))],
  statesFrom: "first step",
  takes: "matrices",
  default: "for-loop",
  implementations: {
    "for-loop": forLoop(
      make("update", each("lerp"), "nesterov"),
      drop("update", "!nesterov"),
      make("ortho_grad", bfloat16("to"), "!bfloat16"),
      alias("ortho_grad", "update", "bfloat16"), // nothing to convert
      run([bfloat16One("clamp", bfloat16Norm())]),
      repeat("ns_steps", [
        make("gram_matrix", gram("matmul")),
        make("gram_update", gram("addmm")),
        make("ortho_grad", bfloat16("addmm")),
      ]),
      drop("gram_matrix gram_update"),
      alias("update", "ortho_grad"),
      drop("ortho_grad"),
    ),
  },
  note: "takes parameters of two dims only: the usual recipe trains the others with AdamW, which is not computed beside it",
  source: "torch/optim/_muon.py, torch 2.14.1",
} as const satisfies OptimizerRule;
