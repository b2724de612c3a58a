import { decides, FOREACH, hostState, type OptimizerRule, state, tunes } from "./rule.js";
import { drop, foreach, forLoop, make } from "./statements.js";
import { each, one } from "./values.js";

export const rmsprop = {
  title: "RMSprop",
  options: {
    lr: tunes(1e-2),
    alpha: tunes(0.99),
    eps: tunes(1e-8),
    weight_decay: decides(0),
    momentum: decides(0),
    centered: decides(false),
    capturable: decides(false),
    ...FOREACH,
    maximize: decides(false),
  },
  states: [
    hostState("step", one("zeros"), "capturable"),
    state("square_avg", each("zeros_like")),
    state("momentum_buffer", each("zeros_like"), "momentum"),
    state("grad_avg", each("zeros_like"), "centered"),
  ],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("grads", each("add"), "weight_decay !maximize"),
      make("avg", each("addcmul"), "centered"),
      make("avg", each("sqrt"), "!centered"),
    ),
    "for-loop": forLoop(
      drop("grad"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay"),
      make("avg", each("addcmul"), "centered"),
      make("avg", each("sqrt"), "!centered"),
    ),
  },
  source: "torch/optim/rmsprop.py, torch 2.14.1",
} as const satisfies OptimizerRule;
