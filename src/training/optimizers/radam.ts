import { decides, FOREACH, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { alias, declare, drop, foreach, forLoop, make, run } from "./statements.js";
import {
  each,
  flag,
  holding,
  one,
  overEach,
  power,
  scaled,
  scaledWhere,
  type Value,
  whereOne,
} from "./values.js";

/** rho_inf - 2 * step * beta2 ** step / bias_correction2 */
const RHO: Value = one("rsub", one("div", one("mul", one("mul"), power())));
/** ((rho_t - 4) * (rho_t - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho_t)) ** 0.5 */
const RECT: Value = one("pow", one("div", one("mul", one("mul", one("sub"), one("sub"))), one("mul")));
/** bias_correction2 ** 0.5 / (exp_avg_sq.sqrt() + eps), in a function of its own */
const ADAPTIVE: Value = holding(each("sqrt"), overEach());
const ADAPTIVE_CAPTURABLE: Value = holding(each("sqrt"), scaled("div", one("pow")));

/** rho_t exceeds 5 from this step on with the default beta2 of 0.999: the update is rectified. */
const RECTIFIED = 6;

export const radam = {
  title: "RAdam",
  options: {
    lr: tunes(1e-3),
    eps: tunes(1e-8),
    weight_decay: decides(0),
    decoupled_weight_decay: decides(false),
    ...FOREACH,
    maximize: decides(false),
    capturable: decides(false),
  },
  states: [
    hostState("step", one("zeros"), "capturable"),
    state("exp_avg", each("zeros_like")),
    state("exp_avg_sq", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  facts: (_, step) => ({ rectified: step >= RECTIFIED }),
  settles: () => RECTIFIED,
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("bias_correction1", one("pow"), "capturable"),
      make("bias_correction2", one("pow"), "capturable"),
      alias("rho_t_list", "bias_correction2", "capturable"),
      make("grads", each("add"), "weight_decay !decoupled_weight_decay !maximize"),
      drop("grads"),
      make("num", one("sub"), "capturable"),
      make("sub2", one("sub"), "capturable"),
      drop("sub2"),
      make("denom", one("mul"), "capturable"),
      drop("denom"),
      make("rect", whereOne(flag("gt"), 1), "capturable"),
      drop("num rho_t_list"),
      make("unrect_step_size", whereOne(flag("gt"), 2), "capturable"),
      make("bias_correction1", one("pow"), "capturable"),
      make("bias_correction2", one("pow"), "capturable"),
      drop("rect bias_correction1"),
      make("buffer", each("sqrt")),
    ),
    "for-loop": forLoop(
      declare("grad bias_correction1 bias_corrected_exp_avg update bias_correction2 rho_t"), // captured names come last
      drop("grad", "!maximize"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay !decoupled_weight_decay"),
      make("bias_correction1", one("rsub", power()), "capturable"),
      make("bias_correction2", one("rsub", power()), "capturable"),
      make("bias_corrected_exp_avg", each("div"), "!capturable"),
      make("bias_corrected_exp_avg", scaled("div"), "capturable"),
      make("rho_t", RHO, "capturable"),
      make("update", scaledWhere(flag("gt"), scaled("mul", RECT, ADAPTIVE_CAPTURABLE)), "capturable"),
      run([scaled("mul", scaled("mul"))], "capturable"),
      run([each("mul", each("mul", each("mul"), ADAPTIVE))], "!capturable rectified"),
      run([each("mul")], "!capturable !rectified"),
    ),
  },
  source: "torch/optim/radam.py, torch 2.14.1",
} as const satisfies OptimizerRule;
