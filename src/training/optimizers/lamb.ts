import { decides, FOREACH, type OptimizerRule, renewedState, state, tunes } from "./rule.js";
import { collect, drop, foreach, forLoop, make, renew, run } from "./statements.js";
import { each, flag, mask, norm, one, stackedNorms, where } from "./values.js";

/** Norms and ratio of the last step stay in the state: one tensor per list, or one per parameter. */
export const lamb = {
  title: "Lamb",
  package: "pytorch_optimizer",
  options: { lr: tunes(1e-3), weight_decay: tunes(0), adam: decides(false), ...FOREACH },
  states: [
    state("exp_avg", each("zeros_like")),
    state("exp_avg_sq", each("zeros_like")),
    renewedState("weight_norm", norm()),
    renewedState("adam_norm", norm()),
    renewedState("trust_ratio", norm()),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("updates", each("sqrt")),
      collect("weight_norms", stackedNorms()),
      collect("p_norms", stackedNorms()),
      collect("trust_ratios", where(mask("and", mask("ne"), mask("ne")), each("div", each("add")))),
      renew("weight_norm", "weight_norms"),
      renew("adam_norm", "p_norms"),
      renew("trust_ratio", "trust_ratios"),
    ),
    "for-loop": forLoop(
      make("update", each("sqrt")),
      make("weight_norm", norm()),
      make("p_norm", norm()),
      run([flag("eq")]), // neither norm is taken to be zero
      run([flag("eq")]),
      make("trust_ratio", one("div", one("add"))),
      renew("weight_norm", "weight_norm"),
      renew("adam_norm", "p_norm"),
      renew("trust_ratio", "trust_ratio"),
      run([one("mul")], "!adam"),
      drop("update weight_norm p_norm trust_ratio"),
    ),
  },
  source: "pytorch_optimizer/optimizer/lamb.py, pytorch_optimizer 4.1.0",
} as const satisfies OptimizerRule;
