import { decides, FOREACH, hostState, type OptimizerRule, signed, state, tunes } from "./rule.js";
import { alias, drop, forLoop, make, run } from "./statements.js";
import { column, columnNorm, each, norm, one, row, rowFactorMean, rowNorm } from "./values.js";

/** Two or more dims keep one factor per row and one per column of the last two; others a variance per element. */
export const adafactor = {
  title: "Adafactor",
  options: {
    lr: tunes(1e-2),
    beta2_decay: signed(tunes(-0.8)),
    d: tunes(1),
    weight_decay: tunes(0),
    ...FOREACH,
    maximize: decides(false),
  },
  states: [
    hostState("step", one("tensor")),
    state("row_var", row("new_zeros"), "matrix"),
    state("col_var", column("new_zeros"), "matrix"),
    state("variance", each("zeros_like"), "!matrix"),
  ],
  statesFrom: "first step",
  default: "for-loop", // unlike the others
  implementations: {
    foreach: {
      kind: "update",
      over: "dtype and rank",
      body: [
        drop("grads"),
        make("grads", each("neg"), "maximize"),
        run([norm()]),
        make("row_means", rowNorm(), "matrix"),
        drop("row_means"),
        make("col_means", columnNorm(), "matrix"),
        drop("col_means"),
        make("var_estimates", each("matmul"), "matrix"),
        make("row_var_means", rowFactorMean(), "matrix"),
        drop("row_var_means"),
        make("grads_squared", each("mul"), "!matrix"),
        drop("grads_squared"),
        make("var_estimates", each("clone"), "!matrix"),
        alias("updates", "var_estimates"),
        run([norm()]),
      ],
    },
    "for-loop": forLoop(
      drop("grad", "!maximize"),
      make("grad", each("neg"), "maximize"),
      run([norm()]),
      make("row_mean", rowNorm(), "matrix"),
      make("col_mean", columnNorm(), "matrix"),
      make("var_estimate", each("matmul"), "matrix"),
      run([rowFactorMean()], "matrix"),
      make("grad_squared", each("mul"), "!matrix"),
      make("var_estimate", each("clone"), "!matrix"),
      alias("update", "var_estimate"),
      run([norm()]),
    ),
  },
  source: "torch/optim/_adafactor.py, torch 2.14.1",
} as const satisfies OptimizerRule;
