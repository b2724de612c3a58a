/** A forward pass that the source says nothing about: files of weights alone. */
import { dense } from "../ir/tensor.js";
import { type OpTable, op } from "./rule.js";

export const unseen = {
  /** Every parameter gets a gradient; what is kept between forward and backward is not known, and counts as nothing. */
  unseenForward: op({
    inputs: ["parameters*"],
    outputs: ["loss"],
    infer: () => dense([], "float32"),
    backward: { parameters: [] },
  }),
} satisfies OpTable;
