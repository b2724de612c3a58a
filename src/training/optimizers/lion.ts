import { type OptimizerRule, state, tunes } from "./rule.js";
import { forLoop, keep, run } from "./statements.js";
import { each } from "./values.js";

/** The sign of a moving average: one state. */
export const lion = {
  title: "Lion",
  package: "lion-pytorch",
  options: { lr: tunes(1e-4), weight_decay: tunes(0) },
  states: [state("exp_avg", each("zeros_like"))],
  statesFrom: "first step",
  default: "for-loop",
  implementations: {
    "for-loop": forLoop(
      keep("exp_avg", each("zeros_like"), "first"),
      run([each("add", each("clone"))]), // the update, one function call per parameter
    ),
  },
  source: "lion_pytorch/lion_pytorch.py, lion-pytorch 0.2.5",
} as const satisfies OptimizerRule;
