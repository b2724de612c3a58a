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
  /** Sums, means (1) or maxima (2) of rows: which bag an index is of, how many each has, and where maxima came from are kept. */
  embeddingBag: op({
    inputs: ["weight", "indices", "offsets", "per_sample_weights?"],
    outputs: ["result", "offset2bag", "size_of_bag", "source_of_max"],
    infer: ({ weight, indices, offsets }, a) => {
      const bags = (offsets.shape[0] as number) - (a.include_last_offset === true ? 1 : 0);
      const result = dense([bags, weight.shape[1] as number], weight.dtype);
      const kept = [dense(indices.shape, indices.dtype), dense([bags], indices.dtype)];
      return int(a, "mode", 0) === 2
        ? [result, ...kept, dense(result.shape, indices.dtype)]
        : [result, ...kept];
    },
    backward: {
      weight: ["indices", "offsets", "offset2bag", "size_of_bag", "source_of_max", "per_sample_weights"],
      per_sample_weights: ["weight", "indices", "offsets", "offset2bag"],
    },
  }),
  /** Where each value would go among sorted ones. */
  bucketize: op({
    inputs: ["self", "boundaries"],
    outputs: ["result"],
    infer: ({ self }, a) => dense(self.shape, a.out_int32 === true ? "int32" : "int64"),
  }),
  scatterReduce: op({
    inputs: ["self", "index", "src"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: ["self", "src", "index", "result"], src: ["self", "src", "index", "result"] },
  }),
  indexCopy: op({
    inputs: ["self", "index", "source"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: ["index"], source: ["index", "source"] },
  }),
  indexFill: op({
    inputs: ["self", "index", "value?"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: ["index"], value: ["index"] },
  }),
  maskedScatter: op({
    inputs: ["self", "mask", "source"],
    outputs: ["result"],
    infer: ({ self, mask }) => dense(broadcastAll([self, mask]), self.dtype),
    backward: { self: ["mask"], source: ["mask"] },
  }),
  cross: op({
    inputs: ["self", "other"],
    outputs: ["result"],
    infer: ({ self, other }) => dense(broadcastAll([self, other]), self.dtype),
    backward: { self: ["other"], other: ["self"] },
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
