import { FOREACH, type OptimizerRule, state, tunes } from "./rule.js";
import { foreach, forLoop, make } from "./statements.js";
import { each } from "./values.js";

/** Averages of the gradient, its square and its change; the last gradient is kept for the change. */
export const adan = {
  title: "Adan",
  package: "pytorch_optimizer",
  options: { lr: tunes(1e-3), weight_decay: tunes(0), eps: tunes(1e-8), ...FOREACH },
  states: [
    state("exp_avg", each("zeros_like")),
    state("exp_avg_sq", each("zeros_like")),
    state("exp_avg_diff", each("zeros_like")),
    state("previous_grad", each("clone")),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(make("de_noms", each("sqrt"))),
    "for-loop": forLoop(make("de_nom", each("sqrt"))),
  },
  source: "pytorch_optimizer/optimizer/adan.py, pytorch_optimizer 4.1.0",
} as const satisfies OptimizerRule;
