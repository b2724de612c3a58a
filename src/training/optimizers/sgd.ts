import { parse } from "./conditions.js";
import { decides, FOREACH_OR_FUSED, type OptimizerRule, state, tunes } from "./rule.js";
import { drop, FUSED, foreach, forLoop, keep, make } from "./statements.js";
import { each } from "./values.js";

export const sgd = {
  title: "SGD",
  options: {
    lr: tunes(1e-3),
    momentum: decides(0),
    dampening: tunes(0),
    weight_decay: decides(0),
    nesterov: decides(false),
    maximize: decides(false),
    ...FOREACH_OR_FUSED,
  },
  states: [state("momentum_buffer", each("empty_like"), "momentum")],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("grads", each("add"), "weight_decay !maximize"),
      keep("momentum_buffer", each("clone"), "momentum first"),
      drop("grads", "momentum !nesterov"),
    ),
    "for-loop": forLoop(
      drop("grad", "!maximize"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay"),
      keep("momentum_buffer", each("clone"), "momentum first"),
      make("grad", each("add"), "momentum nesterov"),
      drop("grad", "momentum !nesterov"),
    ),
    fused: FUSED,
  },
  refuses: [
    {
      when: parse("nesterov !momentum"),
      rule: "Nesterov momentum needs a momentum",
      hint: "add momentum=0.9",
    },
    {
      when: parse("nesterov dampening"),
      rule: "Nesterov momentum needs zero dampening",
      hint: "leave dampening out",
    },
  ],
  source: "torch/optim/sgd.py, torch 2.14.1",
} as const satisfies OptimizerRule;
