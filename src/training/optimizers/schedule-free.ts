/** The parameters hold y, an average of z and x: z is a state as large, x is never stored. */
import { FOREACH, type OptimizerRule, state, tunes } from "./rule.js";
import { foreach, forLoop, make } from "./statements.js";
import { each } from "./values.js";

const PACKAGE = "schedulefree";
/** Both classes take `foreach` to be true. */
const OPTIONS = {
  lr: tunes(0.0025),
  weight_decay: tunes(0),
  warmup_steps: tunes(0),
  r: tunes(0),
  ...FOREACH,
};

export const scheduleFreeAdamW = {
  title: "AdamWScheduleFree",
  package: PACKAGE,
  options: OPTIONS,
  states: [state("z", each("clone")), state("exp_avg_sq", each("zeros_like"))],
  statesFrom: "first step",
  default: "foreach",
  implementations: {
    foreach: foreach(make("denom", each("div"))),
    "for-loop": forLoop(make("denom", each("div"))),
  },
  source: "schedulefree/adamw_schedulefree.py, schedulefree 1.4.1",
} as const satisfies OptimizerRule;

export const scheduleFreeSgd = {
  title: "SGDScheduleFree",
  package: PACKAGE,
  options: OPTIONS,
  states: [state("z", each("clone"))],
  statesFrom: "first step",
  default: "foreach",
  implementations: { foreach: foreach(), "for-loop": forLoop() },
  source: "schedulefree/sgd_schedulefree.py, schedulefree 1.4.1",
} as const satisfies OptimizerRule;
