/** Every operation of a TensorFlow graph that is known, and the same rows as the graph builder reads them. */
import type { OpRule } from "../../ops/rule.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { arrays } from "./arrays.js";
import { elementwise } from "./elementwise.js";
import { dense } from "../../ir/tensor.js";
import type { GraphOperation, OperationTable } from "./op.js";
import { products } from "./products.js";
import { recurrent } from "./recurrent.js";
import { reductions } from "./reductions.js";

export const OPERATIONS: OperationTable = {
  ...elementwise,
  ...arrays,
  ...products,
  ...reductions,
  ...recurrent,
};

export function operationOf(name: string): GraphOperation | undefined {
  return OPERATIONS[name];
}

/** Operands are the list at `inputs`; a gap is a scalar constant. */
export const TENSORFLOW_OPS: Readonly<Record<string, OpRule>> = Object.fromEntries(
  Object.entries(OPERATIONS).map(([name, { infer }]) => [
    name,
    {
      inputs: ["inputs*"],
      outputs: [],
      infer: ({ inputs }, attributes) => {
        const given = inputs as readonly (TensorSpec | undefined)[];
        const dtype = given.find((spec) => spec !== undefined && spec.dtype !== "bool")?.dtype ?? "float32";
        return infer(
          given.map((spec) => spec ?? dense([], dtype)),
          attributes,
        );
      },
    } satisfies OpRule,
  ]),
);
