import { decides, FOREACH, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { drop, foreach, forLoop, make, run } from "./statements.js";
import { each, one, power, scaled } from "./values.js";

export const adamax = {
  title: "Adamax",
  options: {
    lr: tunes(2e-3),
    eps: tunes(1e-8),
    weight_decay: decides(0),
    ...FOREACH,
    maximize: decides(false),
    capturable: decides(false),
  },
  states: [
    hostState("step", one("zeros"), "capturable"),
    state("exp_avg", each("zeros_like")),
    state("exp_inf", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("grads", each("add"), "weight_decay !maximize"),
      make("grads", each("abs"), "!weight_decay !maximize"),
      make("bias_corrections", one("pow"), "capturable"),
      make("denom", scaled("mul"), "capturable"),
    ),
    "for-loop": forLoop(
      drop("grad"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay"),
      run([each("abs")]),
      make("neg_bias_correction", one("sub", power()), "capturable"),
      make("denom", scaled("mul"), "capturable"),
    ),
  },
  source: "torch/optim/adamax.py, torch 2.14.1",
} as const satisfies OptimizerRule;
