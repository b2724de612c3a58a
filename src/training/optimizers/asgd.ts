import { decides, FOREACH, type OptimizerRule, signed, state, tunes } from "./rule.js";
import { alias, drop, foreach, forLoop, make, run } from "./statements.js";
import { each, one, over } from "./values.js";

/** lr / (1 + lambd * lr * step) ** alpha */
const NEW_ETA = over(one("pow", one("add", one("mul"))));

/** Averaging begins after step `t0`; until then `ax` is a plain copy. */
const T0 = 1e6;

export const asgd = {
  title: "ASGD",
  options: {
    lr: tunes(1e-2),
    lambd: tunes(1e-4),
    alpha: tunes(0.75),
    t0: signed(decides(T0)),
    weight_decay: decides(0),
    ...FOREACH,
    maximize: decides(false),
    capturable: decides(false),
  },
  states: [
    state("step", one("zeros")),
    state("eta", one("clone", one("as_tensor"))),
    state("mu", one("ones")),
    state("ax", each("zeros_like")),
  ],
  statesFrom: "first step",
  default: "foreach",
  facts: ({ t0 }, step) => ({ averaging: step - 1 - Number(t0) > 1 }),
  settles: ({ t0 }) => (t0 === T0 ? 2 : Math.max(2, Math.floor(Number(t0)) + 3)),
  implementations: {
    foreach: foreach(
      make("grads", each("neg"), "maximize"),
      make("intermediate", each("add"), "!weight_decay | !maximize"),
      alias("intermediate", "grads", "weight_decay maximize"),
      drop("intermediate"),
      make("intermediate", each("sub")),
      drop("intermediate"),
      make("new_mus", one("sub"), "capturable"),
      drop("new_mus", "capturable"),
      make("new_etas", one("mul"), "capturable"),
      make("new_etas", NEW_ETA, "!capturable"),
      make("new_mus", one("as_tensor"), "!capturable"),
    ),
    "for-loop": forLoop(
      drop("grad"),
      make("grad", each("neg"), "maximize"),
      make("grad", each("add"), "weight_decay"),
      run([one("rsub", one("mul"))], "capturable"),
      run([each("sub")], "capturable | averaging"),
      run([NEW_ETA, over(one("maximum", one("sub"), one("ones_like")))], "capturable"),
    ),
  },
  source: "torch/optim/asgd.py, torch 2.14.1",
} as const satisfies OptimizerRule;
