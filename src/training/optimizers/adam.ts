import { decides, FOREACH_OR_FUSED, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { alias, drop, FUSED, foreach, forLoop, make, run } from "./statements.js";
import { each, into, one, over, power, scaled } from "./values.js";

const STATES = [
  hostState("step", one("zeros"), "capturable | fused"),
  state("exp_avg", each("zeros_like")),
  state("exp_avg_sq", each("zeros_like")),
  state("max_exp_avg_sq", each("zeros_like"), "amsgrad"),
];

const IMPLEMENTATIONS = {
  foreach: foreach(
    make("grads", each("neg"), "maximize"),
    make("grads", each("add"), "weight_decay !decoupled_weight_decay !maximize"),
    drop("grads"),
    make("bias_correction1", one("pow"), "capturable"),
    make("bias_correction2", one("pow"), "capturable"),
    alias("step_size", "bias_correction1", "capturable"),
    alias("bias_correction2_sqrt", "bias_correction2", "capturable"),
    make("exp_avg_sq_sqrt", each("sqrt")),
  ),
  "for-loop": forLoop(
    drop("grad", "!maximize"),
    make("grad", each("neg"), "maximize"),
    make("grad", each("add"), "weight_decay !decoupled_weight_decay"),
    make("bias_correction1", one("rsub", power()), "capturable"),
    make("bias_correction2", one("rsub", power()), "capturable"),
    make("step_size", over(), "capturable"),
    make("step_size_neg", one("neg"), "capturable"),
    make("bias_correction2_sqrt", one("sqrt"), "capturable"),
    run([each("maximum")], "capturable amsgrad"),
    make("denom", into("add_", scaled("div", each("sqrt"), one("mul")), over()), "capturable"),
    make("denom", each("div", each("sqrt")), "!capturable"),
  ),
  fused: FUSED,
};

/** With `decoupled_weight_decay` the decay is applied to the parameters in place. */
export const adam = {
  title: "Adam",
  options: {
    lr: tunes(1e-3),
    eps: tunes(1e-8),
    weight_decay: decides(0),
    amsgrad: decides(false),
    ...FOREACH_OR_FUSED,
    maximize: decides(false),
    capturable: decides(false),
    decoupled_weight_decay: decides(false),
  },
  states: STATES,
  statesFrom: "first step",
  default: "foreach",
  implementations: IMPLEMENTATIONS,
  source: "torch/optim/adam.py, torch 2.14.1",
} as const satisfies OptimizerRule;

/** Adam with the decay always decoupled. */
export const adamw = {
  title: "AdamW",
  options: {
    lr: tunes(1e-3),
    eps: tunes(1e-8),
    weight_decay: tunes(0.01),
    amsgrad: decides(false),
    ...FOREACH_OR_FUSED,
    maximize: decides(false),
    capturable: decides(false),
  },
  states: STATES,
  statesFrom: "first step",
  default: "foreach",
  facts: () => ({ decoupled_weight_decay: true }),
  implementations: IMPLEMENTATIONS,
  source: "torch/optim/adamw.py, torch 2.14.1",
} as const satisfies OptimizerRule;
