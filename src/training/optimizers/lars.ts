import { decides, FOREACH, type OptimizerRule, state, tunes } from "./rule.js";
import { collect, foreach, forLoop, make } from "./statements.js";
import { each, flag, mask, norm, one, stackedNorms, where } from "./values.js";

/** A ratio of norms for every parameter of two or more dims. */
export const lars = {
  title: "LARS",
  package: "pytorch_optimizer",
  options: {
    lr: tunes(1e-3),
    weight_decay: tunes(0),
    momentum: decides(0.9),
    dampening: tunes(0),
    trust_coefficient: tunes(1e-3),
    nesterov: decides(false),
    ...FOREACH,
  },
  states: [state("momentum_buffer", each("zeros_like"), "momentum")],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      collect("param_norms", stackedNorms(), "matrix"),
      collect("grad_norms", stackedNorms(), "matrix"),
      collect("denominator", each("add", each("mul")), "matrix"),
      collect("trust_ratios", where(mask("gt"), where(mask("gt"), each("div", each("mul")))), "matrix"),
    ),
    "for-loop": forLoop(
      make("param_norm", norm(), "matrix"),
      make("update_norm", norm(), "matrix"),
      make("one", one("ones_like"), "matrix"),
      make("denominator", one("add", one("mul")), "matrix"),
      make(
        "trust_ratio",
        one("where", flag("gt"), one("where", flag("gt"), one("div", one("mul")))),
        "matrix",
      ),
    ),
  },
  source: "pytorch_optimizer/optimizer/lars.py, pytorch_optimizer 4.1.0",
} as const satisfies OptimizerRule;
