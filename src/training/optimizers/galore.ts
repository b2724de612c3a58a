import { counts, type OptimizerRule, state, tunes } from "./rule.js";
import { drop, forLoop, keep, make } from "./statements.js";
import { basis, each, lowRank, ranked, singular } from "./values.js";

/** Tables of two dims: the states are of their projection, beside the basis that projects. */
export const galoreAdamW = {
  title: "GaLoreAdamW",
  package: "galore-torch",
  options: {
    lr: tunes(1e-3),
    weight_decay: tunes(0),
    rank: counts(128, 1, 65536),
    update_proj_gap: tunes(200),
  },
  states: [
    state("projector", basis("svd"), "table"),
    state("exp_avg", lowRank("zeros_like"), "table"),
    state("exp_avg_sq", lowRank("zeros_like"), "table"),
    state("exp_avg", each("zeros_like"), "!table"),
    state("exp_avg_sq", each("zeros_like"), "!table"),
  ],
  statesFrom: "first step",
  takes: "tables last",
  default: "for-loop",
  implementations: {
    "for-loop": forLoop(
      drop("grad"),
      // the shorter dim: its singular vectors are kept
      keep("projector", basis("svd"), "first table !tall"),
      make("u", each("svd"), "first table tall"),
      make("s", singular("svd"), "first table"),
      make("vh", each("svd"), "first table !tall"),
      keep("projector", basis("svd"), "first table tall"),
      make("scaled", lowRank("matmul", ranked("diag")), "first table"),
      drop("u s vh scaled", "first"),
      make("grad", lowRank("matmul"), "table"),
      keep("exp_avg", lowRank("zeros_like"), "first table"),
      keep("exp_avg_sq", lowRank("zeros_like"), "first table"),
      keep("exp_avg", each("zeros_like"), "first !table"),
      keep("exp_avg_sq", each("zeros_like"), "first !table"),
      make("denom", lowRank("sqrt"), "table"),
      make("denom", each("sqrt"), "!table"),
      make("norm_grad", lowRank("div"), "table"),
      make("norm_grad", each("div"), "!table"),
      make("norm_grad", each("mul", each("matmul")), "table"),
    ),
  },
  note: "parameters of two dims are projected, in a group after the others; what cuSOLVER takes for the decomposition, in the first step and every 200th, is not known",
  source: "galore_torch/adamw.py and galore_projector.py, galore-torch 1.0",
} as const satisfies OptimizerRule;
