import { type OptimizerRule, type StateRule, state, tunes } from "./rule.js";
import { alias, drop, forLoop, keep, make, run, type Statement } from "./statements.js";
import { each, outerProduct, outerProductOfMiddle, pairs, side } from "./values.js";

/** Dims that an operator's parameters can have. */
const DIMS = [0, 1, 2, 3, 4] as const;

/** Into or out of the eigenbases: one product per preconditioned dim. */
const project = (name: string): Statement[] => DIMS.map((dim) => make(name, each("tensordot"), `side${dim}`));

/** Adds the gradient's outer products to the preconditioners. */
const precondition: readonly Statement[] = DIMS.flatMap((dim) => [
  make("outer_product", outerProduct(dim), `side${dim} !inner${dim}`),
  make("outer_product", outerProductOfMiddle(dim), `side${dim} inner${dim}`),
]);

const decompose: readonly Statement[] = DIMS.flatMap((dim) => [
  make("shifted", pairs("add", dim, pairs("mul", dim, pairs("eye", dim))), `first side${dim}`),
  make("values", side("eigh", dim), `first side${dim}`),
  make("vectors", pairs("eigh", dim), `first side${dim}`),
  drop("shifted"),
  alias("_", "values", `first side${dim}`),
  drop("values"),
  keep(`Q.${dim}`, pairs("flip", dim), `first side${dim}`),
  drop("vectors"),
]);

/** Adam in the eigenbases of Shampoo's preconditioners. */
export const soap = {
  title: "SOAP",
  package: "pytorch_optimizer",
  options: { lr: tunes(3e-3), weight_decay: tunes(1e-2), precondition_frequency: tunes(10) },
  states: [
    state("exp_avg", each("zeros_like")),
    state("exp_avg_sq", each("zeros_like")),
    ...DIMS.map((dim): StateRule => state(`GG.${dim}`, pairs("zeros", dim), `side${dim}`)),
    ...DIMS.map((dim): StateRule => state(`Q.${dim}`, pairs("flip", dim), `side${dim}`)),
  ],
  statesFrom: "first step",
  default: "for-loop",
  implementations: {
    "for-loop": forLoop(
      drop("grad_projected de_nom exp_avg_projected norm_grad outer_product", "first"),
      keep("exp_avg", each("zeros_like"), "first"),
      keep("exp_avg_sq", each("zeros_like"), "first"),
      ...DIMS.map((dim) => keep(`GG.${dim}`, pairs("zeros", dim), `first side${dim}`)),
      // the first step only makes the preconditioners
      ...precondition.map((statement) => ({ ...statement, when: whenFirst(statement) })),
      ...decompose,
      drop("_ outer_product"),
      ...project("projected").map(later),
      later(alias("grad_projected", "projected")),
      drop("projected"),
      later(run([each("square")])),
      later(make("de_nom", each("sqrt"))),
      ...project("projected").map(later),
      later(alias("exp_avg_projected", "projected")),
      drop("projected"),
      later(make("projected", each("div"))),
      ...project("projected").map(later),
      later(alias("norm_grad", "projected")),
      drop("projected"),
      ...precondition.map(later),
      drop("outer_product"),
    ),
  },
  note: "every precondition_frequency-th step renews the eigenbases by QR decompositions, whose temporaries and cuSOLVER's scratch are not counted",
  source: "pytorch_optimizer/optimizer/soap.py, pytorch_optimizer 4.1.0",
} as const satisfies OptimizerRule;

/** `statement` in all steps but the first. */
function later(statement: Statement): Statement {
  return { ...statement, when: conjoin(statement, { name: "first", holds: false }) };
}

function whenFirst(statement: Statement): Statement["when"] {
  return conjoin(statement, { name: "first", holds: true });
}

function conjoin({ when }: Statement, word: { name: string; holds: boolean }): Statement["when"] {
  return when.length === 0 ? [[word]] : when.map((all) => [...all, word]);
}
