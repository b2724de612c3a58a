import { counts, decides, type OptimizerRule, renewedState, type StateRule, state, tunes } from "./rule.js";
import { alias, drop, forLoop, make, renew, type Statement } from "./statements.js";
import { each, pairs, side } from "./values.js";

/** Dims that an operator's parameters can have. */
const DIMS = [0, 1, 2, 3, 4] as const;

/** One dim: its statistics, its gradient with that dim first, and the product with the inverse root. */
const precondition = (dim: number): Statement[] => [
  make("unfolded_grad", each("reshape"), `inner${dim}`), // a dim in the middle has to be copied to the front
  drop("unfolded_grad", `dim${dim} !inner${dim}`),
  ...(dim === 0 ? [] : [make("grad", each("contiguous"), `dim${dim}`)]),
  alias("grad_t", "grad", `dim${dim}`),
  make("u", pairs("svd", dim), `dim${dim} every_step`),
  make("s", side("svd", dim), `dim${dim} every_step`),
  make("vh", pairs("svd", dim), `dim${dim} every_step`),
  make("root", pairs("matmul", dim, pairs("mul", dim)), `dim${dim} every_step`),
  drop("u s vh root"),
  make("grad", each("matmul"), `dim${dim}`),
];

/** A preconditioner and its inverse root per dim; the last update stays in the state. */
export const shampoo = {
  title: "Shampoo",
  package: "pytorch_optimizer",
  options: {
    lr: tunes(1e-3),
    momentum: decides(0),
    weight_decay: tunes(0),
    preconditioning_compute_steps: counts(1, 1, 1_000_000),
  },
  states: [
    state("momentum_buffer", each("clone"), "momentum"),
    renewedState("momentum_buffer", each("matmul"), "dim0"),
    ...DIMS.flatMap((dim): StateRule[] => [
      state(`pre_cond_${dim}`, pairs("eye", dim), `dim${dim}`),
      state(`inv_pre_cond_${dim}`, pairs("new", dim), `dim${dim}`),
    ]),
  ],
  statesFrom: "first step",
  default: "for-loop",
  facts: ({ preconditioning_compute_steps: steps }) => ({ every_step: steps === 1 }),
  implementations: {
    "for-loop": forLoop(
      drop("unfolded_grad"),
      drop("grad"),
      ...DIMS.flatMap(precondition),
      renew("momentum_buffer", "grad"),
    ),
  },
  note: "what cuSOLVER takes for the decompositions is not known; where preconditioning_compute_steps is not 1, they are left out",
  source: "pytorch_optimizer/optimizer/shampoo.py, pytorch_optimizer 4.1.0",
} as const satisfies OptimizerRule;
