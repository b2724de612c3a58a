import { iterate } from "./layout.js";
import { dense } from "../ir/tensor.js";
import { inFormat } from "./views.js";
import { type OpTable, op } from "./rule.js";

export const randoms = {
  /** Keeps a mask, not its input. */
  dropout: op({
    inputs: ["input"],
    outputs: ["result", "mask"],
    infer: ({ input }) => [inFormat(input, "preserve"), iterate([input], "bool")],
    backward: { input: ["mask"] },
  }),
  featureDropout: op({
    inputs: ["input"],
    outputs: ["result"],
    infer: ({ input }) => iterate([input], input.dtype),
    backward: { input: [] },
  }),
  alphaDropout: op({
    inputs: ["input"],
    outputs: ["result"],
    infer: ({ input }) => iterate([input], input.dtype),
    backward: { input: [] },
  }),
  featureAlphaDropout: op({
    inputs: ["input"],
    outputs: ["result"],
    infer: ({ input }) => iterate([input], input.dtype),
    backward: { input: [] },
  }),
  /** Random numbers written over the input. */
  bernoulli: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
  }),
} satisfies OpTable;
