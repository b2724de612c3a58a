import { decides, FOREACH_OR_FUSED, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { alias, drop, FUSED, foreach, forLoop, make } from "./statements.js";
import { each, one } from "./values.js";

/** The only one whose constructor allocates; frozen parameters get a state, too. */
export const adagrad = {
  title: "Adagrad",
  options: {
    lr: tunes(1e-2),
    lr_decay: tunes(0),
    weight_decay: decides(0),
    initial_accumulator_value: tunes(0),
    eps: tunes(1e-10),
    ...FOREACH_OR_FUSED,
    maximize: decides(false),
  },
  states: [hostState("step", one("zeros"), "fused"), state("sum", each("full_like"))],
  statesFrom: "constructor",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("grads", each("add"), "weight_decay !maximize"),
      make("std", each("sqrt")),
      alias("numerator", "grads", "weight_decay | maximize"),
      make("numerator", each("mul"), "!weight_decay !maximize"),
    ),
    "for-loop": forLoop(
      drop("grad"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay"),
      make("std", each("sqrt")),
    ),
    fused: FUSED,
  },
  source: "torch/optim/adagrad.py, torch 2.14.1",
} as const satisfies OptimizerRule;
