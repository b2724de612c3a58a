import { decides, FOREACH, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { drop, foreach, forLoop, make } from "./statements.js";
import { each, one } from "./values.js";

export const adadelta = {
  title: "Adadelta",
  options: {
    lr: tunes(1),
    rho: tunes(0.9),
    eps: tunes(1e-6),
    weight_decay: decides(0),
    ...FOREACH,
    capturable: decides(false),
    maximize: decides(false),
  },
  states: [
    hostState("step", one("zeros"), "capturable"),
    state("square_avg", each("zeros_like")),
    state("acc_delta", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("grads", each("add"), "weight_decay !maximize"),
      make("std", each("add")),
      make("deltas", each("add")),
    ),
    "for-loop": forLoop(
      drop("grad"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay"),
      make("std", each("add")),
      make("delta", each("add")),
    ),
  },
  source: "torch/optim/adadelta.py, torch 2.14.1",
} as const satisfies OptimizerRule;
