/** Reading and writing by index. */
import { wrapDim } from "../base/shape.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { broadcastAll, int, type OpTable, op } from "./rule.js";

export const indexings = {
  embedding: op({
    inputs: ["weight", "indices"],
    outputs: ["result"],
    infer: ({ weight, indices }) => dense([...indices.shape, ...weight.shape.slice(1)], weight.dtype),
    backward: { weight: ["indices"] },
  }),
  embeddingBag: op({
    inputs: ["weight", "indices", "offsets?"],
    outputs: ["result"],
    infer: ({ weight, indices, offsets }) =>
      dense(
        [((offsets as TensorSpec | undefined) ?? indices).shape[0] as number, weight.shape[1] as number],
        weight.dtype,
      ),
    backward: { weight: ["indices", "offsets"] },
  }),
  /** `x[i, :, j]`: index tensors at some dims. Their broadcast shape replaces them, in place when they are adjacent. */
  index: op({
    inputs: ["self", "indices*"],
    outputs: ["result"],
    infer: ({ self, indices }) => {
      const list = indices as unknown as readonly (TensorSpec | undefined)[];
      const given = list.map((index, dim) => ({ index, dim })).filter(({ index }) => index !== undefined);
      const shape = broadcastAll(given.map(({ index }) => index as TensorSpec));
      const first = given[0]?.dim ?? 0;
      const adjacent = given.every(({ dim }, i) => dim === first + i);
      const rest = self.shape.filter((_, dim) => list[dim] === undefined);
      const before = adjacent ? first : 0;
      return dense([...rest.slice(0, before), ...shape, ...rest.slice(before)], self.dtype);
    },
    backward: { self: ["indices"] },
  }),
  indexSelect: op({
    inputs: ["self", "index"],
    outputs: ["result"],
    infer: ({ self, index }, a) => {
      const dim = wrapDim(int(a, "dim", 0), self.shape.length);
      return dense(
        self.shape.map((size, i) => (i === dim ? (index.shape[0] ?? 1) : size)),
        self.dtype,
      );
    },
    backward: { self: ["index"] },
  }),
  /** Values at places of the flattened tensor. */
  take: op({
    inputs: ["self", "index"],
    outputs: ["result"],
    infer: ({ self, index }) => dense(index.shape, self.dtype),
    backward: { self: ["self", "index"] },
  }),
  gather: op({
    inputs: ["self", "index"],
    outputs: ["result"],
    infer: ({ self, index }) => dense(index.shape, self.dtype),
    backward: { self: ["self", "index"] },
  }),
  scatter: op({
    inputs: ["self", "index", "src?"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: ["index"], src: ["index"] },
  }),
  scatterAdd: op({
    inputs: ["self", "index", "src"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: [], src: ["index"] },
  }),
  /** `x[i, :, j] = values`, or `+=`, on a copy. */
  indexPut: op({
    inputs: ["self", "indices*", "values"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: ["indices"], values: ["indices"] },
  }),
  indexAdd: op({
    inputs: ["self", "index", "source"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: [], source: ["index", "source"] },
  }),
  oneHot: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => dense([...self.shape, int(a, "num_classes", 1)], "int64"),
  }),
} satisfies OpTable;
