/** Matrix products and look-up tables over the last dim. */
import type { ValueId } from "../../../ir/graph.js";
import { isFloating } from "../../../base/dtype.js";
import { count, flag } from "../kinds.js";
import { type LayerCall, type LayerTable, may, need } from "../row.js";
import { activated, activation } from "./activations.js";
import { widthOf } from "./dims.js";

export interface LinearOptions {
  readonly units: number;
  readonly bias: boolean;
}

/** torch.nn.Linear's parameters and its one operator. */
export function linear(call: LayerCall, { units, bias }: LinearOptions): ValueId {
  const weight = call.parameter("weight", [units, widthOf(call, call.input)]);
  return call.op("linear", {
    input: call.input,
    weight,
    ...(bias && { bias: call.parameter("bias", [units]) }),
  });
}

export const products = {
  dense: {
    kind: "Linear",
    help: "torch.nn.Linear over the last dim",
    words: ["linear", "fully_connected", "fc"],
    main: "units",
    options: {
      units: need(count, "features of the result", "features", "out_features"),
      bias: may(flag, "adds a bias (default true)", "use_bias"),
      activation: may(activation, "applied to the result, as in Keras"),
    },
    build: (call) => {
      const { shape } = call.spec(call.input);
      if (shape.length === 4)
        call.note(
          "no-flatten",
          "warning",
          `dense works on the last dim of [${shape.slice(1)}] only; is a flatten missing before it?`,
        );
      return activated(
        call,
        linear(call, { units: call.options.number("units", 1), bias: call.options.flag("bias", true) }),
      );
    },
  },
  embedding: {
    kind: "Embedding",
    help: "torch.nn.Embedding: a row of a table for each token",
    main: "size",
    options: {
      size: need(count, "width of a row", "embedding_dim", "output_dim", "width"),
      vocabulary: may(
        count,
        "rows of the table (default the vocabulary of the tokens)",
        "num_embeddings",
        "input_dim",
      ),
    },
    build: (call) => {
      const { dtype, shape } = call.spec(call.input);
      if (isFloating(dtype)) call.refuse("whole numbers: an input of tokens", `${dtype} [${shape}]`);
      const rows = call.options.number("vocabulary", call.vocabulary(call.input));
      if (rows === undefined)
        call.refuse("a vocabulary: an option of embedding, or of the tokens it reads", "neither");
      const weight = call.parameter("weight", [rows as number, call.options.number("size", 1)]); // as: refuse does not return
      return call.op("embedding", { weight, indices: call.input });
    },
  },
  position_embedding: {
    kind: "PositionEmbedding",
    help: "adds a learned row for each position: x + parameter [1, S, D]",
    words: ["positional_embedding"],
    options: {},
    build: (call) => {
      const { shape } = call.spec(call.input);
      if (shape.length < 3) call.refuse("[batch, sequence, width]", `[${shape}]`);
      return call.op("add", { self: call.input, other: call.parameter("weight", [1, ...shape.slice(1)]) });
    },
  },
} satisfies LayerTable;
