import { decides, type OptimizerRule, renewedState, state, tunes } from "./rule.js";
import { alias, drop, forLoop, keep, make, renew, run } from "./statements.js";
import {
  columns,
  columnsMean,
  flag,
  floating,
  floatNorm,
  meanOfRows,
  one,
  rows,
  rowsMean,
} from "./values.js";

/** transformers' own: everything in float32, and the root mean square of each parameter is kept. */
export const hfAdafactor = {
  title: "Adafactor",
  package: "transformers",
  options: {
    lr: tunes(1e-3),
    clip_threshold: tunes(1),
    weight_decay: decides(0),
    beta1: decides(0),
    scale_parameter: decides(true),
    relative_step: tunes(true),
    warmup_init: tunes(false),
  },
  states: [
    state("exp_avg", floating("zeros_like"), "beta1"),
    state("exp_avg_sq_row", rows("zeros"), "matrix"),
    state("exp_avg_sq_col", columns("zeros"), "matrix"),
    state("exp_avg_sq", floating("zeros_like"), "!matrix"),
    renewedState("RMS", one("norm")),
  ],
  statesFrom: "first step",
  default: "for-loop",
  implementations: {
    "for-loop": forLoop(
      drop("grad"),
      make("grad", floating("float"), "half"),
      keep("exp_avg", floating("zeros_like"), "first beta1"),
      keep("exp_avg_sq_row", rows("zeros"), "first matrix"),
      keep("exp_avg_sq_col", columns("zeros"), "first matrix"),
      keep("exp_avg_sq", floating("zeros_like"), "first !matrix"),
      drop("p_data_fp32"),
      make("p_data_fp32", floating("float"), "half"),
      make("rms", one("div", floatNorm())),
      renew("RMS", "rms"),
      drop("rms"),
      run([flag("gt")], "scale_parameter"),
      make("lr", one("mul"), "scale_parameter"), // the parameter's scale is a tensor
      make("update", floating("add", floating("pow"))),
      run([rowsMean()], "matrix"),
      run([columnsMean()], "matrix"),
      make("r_factor", rows("div", meanOfRows()), "matrix"),
      make("c_factor", columns("rsqrt"), "matrix"),
      make("approximation", floating("mul"), "matrix"),
      drop("r_factor c_factor"),
      alias("update", "approximation", "matrix"),
      drop("approximation"),
      make("update", floating("rsqrt"), "!matrix"),
      run([one("div", one("div", floatNorm()))]),
      drop("update", "beta1"), // the average takes its place
      run([one("mul")], "weight_decay scale_parameter"),
      run([floating("neg")]),
    ),
  },
  source: "transformers/optimization.py, transformers 5.18.0",
} as const satisfies OptimizerRule;
