/** Products with a frozen weight that is stored in few bits. */
import { dense } from "../ir/tensor.js";
import { int, type OpRule, type OpTable, op } from "./rule.js";

function product(): OpRule {
  return op({
    inputs: ["input", "weight", "bias?"],
    outputs: ["result"],
    infer: ({ input }, a) => dense([...input.shape.slice(0, -1), int(a, "rows", 1)], input.dtype),
    backward: { input: [] },
  });
}

export const quantized = {
  /** `rows` x `columns` is what the packed weight stands for; `compute`: the type that it is multiplied in. [.., K] → [.., N] */
  linear4bit: product(),
  /** The product alone, in the compute type. */
  gemm4bit: product(),
} satisfies OpTable;
