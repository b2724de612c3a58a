import { FOREACH, type OptimizerRule, state, tunes } from "./rule.js";
import { declare, foreach, forLoop, make } from "./statements.js";
import { each } from "./values.js";

/** Adam with a second, slower average. */
export const ademamix = {
  title: "AdEMAMix",
  package: "pytorch_optimizer",
  options: { lr: tunes(1e-3), weight_decay: tunes(0), alpha: tunes(5), eps: tunes(1e-8), ...FOREACH },
  states: [
    state("exp_avg", each("zeros_like")),
    state("exp_avg_sq", each("zeros_like")),
    state("exp_avg_slow", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(make("de_noms", each("sqrt")), make("updates", each("mul"))),
    "for-loop": forLoop(declare("update de_nom"), make("de_nom", each("sqrt")), make("update", each("add"))),
  },
  source: "pytorch_optimizer/optimizer/ademamix.py, pytorch_optimizer 4.1.0",
} as const satisfies OptimizerRule;
