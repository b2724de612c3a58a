import { decides, type OptimizerRule, state, tunes, hostState } from "./rule.js";
import { forLoop, make, run } from "./statements.js";
import { each, one } from "./values.js";

/** Sophia-G: a moving average beside an estimate of the Hessian's diagonal. */
export const sophia = {
  title: "SophiaG",
  package: "Liuhong99/Sophia",
  options: { lr: tunes(1e-5), gamma: tunes(2e4), weight_decay: tunes(0.1), maximize: decides(false) },
  states: [
    hostState("step", one("tensor")),
    state("exp_avg", each("zeros_like")),
    state("hessian", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "for-loop",
  implementations: {
    "for-loop": forLoop(
      make("grad", each("neg"), "maximize"),
      make("ratio", each("clamp", each("div", each("abs"), each("add", each("mul"))))),
      run([each("sign")]),
    ),
  },
  note: "update_hessian(), which users call every k steps after a backward of their own, is not part of the step",
  source: "sophia.py, github.com/Liuhong99/Sophia at 01af183",
} as const satisfies OptimizerRule;
