import { decides, FOREACH, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { aliasLast, drop, foreach, forLoop, make, run } from "./statements.js";
import { assign, each, mask, one, where } from "./values.js";

/** Signs become factors of the step size: above, below and at zero. */
const FACTORS = [assign(mask("gt")), assign(mask("lt")), assign(mask("eq"))];
const FACTORS_CAPTURABLE = [where(mask("gt")), where(mask("lt")), where(mask("eq"))];

export const rprop = {
  title: "Rprop",
  options: { lr: tunes(1e-2), capturable: decides(false), ...FOREACH, maximize: decides(false) },
  states: [
    hostState("step", one("zeros"), "capturable"),
    state("prev", each("zeros_like")),
    state("step_size", each("full_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("signs", each("mul")),
      drop("sign"),
      run(FACTORS_CAPTURABLE, "capturable"),
      run(FACTORS, "!capturable"),
      aliasLast("sign", "signs"),
      run([where(mask("eq"))]),
      drop("signs"),
      make("grad_signs", each("sign")),
    ),
    "for-loop": forLoop(
      drop("grad"),
      make("grad", each("neg"), "maximize"),
      make("sign", each("sign", each("mul"))),
      run(FACTORS_CAPTURABLE, "capturable"),
      run(FACTORS, "!capturable"),
      make("grad", each("clone")),
      run([where(mask("eq"))], "capturable"),
      run([assign(mask("eq"))], "!capturable"),
      run([each("sign")]),
    ),
  },
  source: "torch/optim/rprop.py, torch 2.14.1",
} as const satisfies OptimizerRule;
