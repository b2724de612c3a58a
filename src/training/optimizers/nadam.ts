import { decides, FOREACH, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { alias, drop, foreach, forLoop, make } from "./statements.js";
import { each, one, power, scaled, type Value } from "./values.js";

/** beta1 * (1 - 0.5 * 0.96 ** exponent) */
const mu = (exponent: Value): Value => one("mul", one("rsub", one("mul", power(exponent))));

/** -lr * part / (1 - product) */
const stepSize = (...part: readonly Value[]): Value => one("div", one("mul", ...part), one("rsub"));

export const nadam = {
  title: "NAdam",
  options: {
    lr: tunes(2e-3),
    eps: tunes(1e-8),
    weight_decay: decides(0),
    momentum_decay: tunes(4e-3),
    decoupled_weight_decay: decides(false),
    ...FOREACH,
    maximize: decides(false),
    capturable: decides(false),
  },
  states: [
    hostState("step", one("zeros"), "capturable"),
    hostState("mu_product", one("ones"), "capturable"),
    state("exp_avg", each("zeros_like")),
    state("exp_avg_sq", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("grads", each("add"), "weight_decay !decoupled_weight_decay !maximize"),
      make("exp_avg_sq_sqrt", each("sqrt")),
      make("exponent", one("mul"), "capturable"),
      make("mus", one("pow"), "capturable"),
      make("mu_nexts", one("pow"), "capturable"),
      drop("exponent"),
      make("bias_correction_sqrt", one("pow"), "capturable"),
      drop("bias_correction_sqrt"),
      make("denom", one("sub"), "capturable"),
      alias("step_size_grads", "mus", "capturable"),
      drop("denom"),
      make("denom", one("mul"), "capturable"),
      alias("step_size_expavg", "mu_nexts", "capturable"),
      drop("denom"),
      make("numerator", scaled("mul"), "capturable"),
    ),
    "for-loop": forLoop(
      drop("grad", "!maximize"),
      make("grad", each("neg"), "maximize"),
      drop("exp_avg"),
      make("bias_correction2", one("rsub", power()), "capturable"),
      make("grad", each("add"), "weight_decay !decoupled_weight_decay"),
      make("mu", mu(one("mul")), "capturable"),
      make("mu_next", mu(one("mul", one("add"))), "capturable"),
      make("denom", each("sqrt", each("div")), "!capturable"),
      make("denom", scaled("sqrt", scaled("div")), "capturable"),
      make("denom", scaled("add"), "capturable"),
      make("mu_product_next", one("mul"), "capturable"),
      make("grad", scaled("mul", stepSize(one("rsub"))), "capturable"),
      make("exp_avg", scaled("mul", stepSize()), "capturable"),
    ),
  },
  source: "torch/optim/nadam.py, torch 2.14.1",
} as const satisfies OptimizerRule;
