/** A forward pass that the source says nothing about: files of weights alone. */
import { dense } from "../ir/tensor.js";
import { joint, type OpTable, op } from "./rule.js";

export const unseen = {
  /** Every parameter gets a gradient; what is kept between forward and backward is not known, and counts as nothing. */
  unseenForward: op({
    inputs: ["parameters*"],
    outputs: ["loss"],
    infer: () => dense([], "float32"),
    backward: { parameters: [] },
  }),
  /** A row of a printed summary: its result's shape is known, its operators are not. What it takes and makes counts as kept. */
  summarizedLayer: op({
    inputs: ["x", "parameters*"],
    outputs: ["y"],
    infer: (_, { shape }) => dense(shape as readonly number[], "float32"), // as: every reader of summaries gives one
    backward: joint(["x", "parameters"], ["x", "y"]),
  }),
} satisfies OpTable;
