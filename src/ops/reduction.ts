import { type DType, isDifferentiable } from "../base/dtype.js";
import { wrapDim } from "../base/shape.js";
import { dense, type TensorSpec } from "../ir/tensor.js";
import { dimsOf, dtypeOf, flag, int, type OpRule, type OpTable, op, reduced } from "./rule.js";

type Reads = readonly ("self" | "result")[];

/** Sum dtype of whole numbers is int64. */
const accumulated = (dtype: DType): DType => (isDifferentiable(dtype) ? dtype : "int64");

function reduction(reads: Reads, dtype: (self: TensorSpec) => DType = ({ dtype: own }) => own): OpRule {
  return op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) =>
      dense(
        reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")),
        dtypeOf(a, "dtype", dtype(self)),
      ),
    backward: { self: reads },
  });
}

/** Values and their indices along one dim. */
const extremum: OpRule = op({
  inputs: ["self"],
  outputs: ["result", "indices"],
  infer: ({ self }, a) => {
    const shape = reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim"));
    return [dense(shape, self.dtype), dense(shape, "int64")];
  },
  backward: { self: ["indices"] },
});

/** The largest so far along one dim, and where it was. */
function running(): OpRule {
  return op({
    inputs: ["self"],
    outputs: ["values", "indices"],
    infer: ({ self }) => [dense(self.shape, self.dtype), dense(self.shape, "int64")],
    backward: { self: ["self", "indices"] },
  });
}

const softmax = (): OpRule =>
  op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => dense(self.shape, dtypeOf(a, "dtype", self.dtype)),
    backward: { self: ["result"] },
  });

export const reductions = {
  sum: reduction([], ({ dtype }) => accumulated(dtype)),
  mean: reduction([]),
  prod: reduction(["self", "result"], ({ dtype }) => accumulated(dtype)),
  amax: reduction(["self", "result"]),
  amin: reduction(["self", "result"]),
  maxAll: reduction(["self", "result"]),
  minAll: reduction(["self", "result"]),
  logsumexp: reduction(["self", "result"]),
  var: reduction(["self"]),
  std: reduction(["self", "result"]),
  vectorNorm: reduction(["self", "result"]),
  maxDim: extremum,
  minDim: extremum,
  medianDim: extremum,
  aminmax: op({
    inputs: ["self"],
    outputs: ["min", "max"],
    infer: ({ self }, a) => {
      const shape = reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim"));
      return [dense(shape, self.dtype), dense(shape, self.dtype)];
    },
    backward: { self: ["self", "min", "max"] },
  }),
  argmax: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) =>
      dense(reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")), "int64"),
  }),
  argmin: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) =>
      dense(reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")), "int64"),
  }),
  any: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) =>
      dense(reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")), "bool"),
  }),
  all: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) =>
      dense(reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")), "bool"),
  }),
  varMean: op({
    inputs: ["self"],
    outputs: ["var", "mean"],
    infer: ({ self }, a) => {
      const spec = dense(
        reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")),
        self.dtype,
      );
      return [spec, spec];
    },
    backward: { self: ["self"] },
  }),
  stdMean: op({
    inputs: ["self"],
    outputs: ["std", "mean"],
    infer: ({ self }, a) => {
      const spec = dense(
        reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")),
        self.dtype,
      );
      return [spec, spec];
    },
    backward: { self: ["self", "std"] },
  }),
  kthvalue: extremum,
  mode: extremum,
  cummax: running(),
  cummin: running(),
  logcumsumexp: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => dense(self.shape, self.dtype),
    backward: { self: ["self", "result"] },
  }),
  nansum: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) =>
      dense(reduced(self.shape, dimsOf(a, "dim", self.shape.length), flag(a, "keepdim")), self.dtype),
    backward: { self: ["self"] },
  }),
  countNonzero: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => dense(reduced(self.shape, dimsOf(a, "dim", self.shape.length), false), "int64"),
  }),
  trace: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }) => dense([], accumulated(self.dtype)),
    backward: { self: [] },
  }),
  argsort: op({
    inputs: ["self"],
    outputs: ["indices"],
    infer: ({ self }) => dense(self.shape, "int64"),
  }),
  cumsum: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => dense(self.shape, dtypeOf(a, "dtype", accumulated(self.dtype))),
    backward: { self: [] },
  }),
  cumprod: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => dense(self.shape, dtypeOf(a, "dtype", accumulated(self.dtype))),
    backward: { self: ["self", "result"] },
  }),
  softmax: softmax(),
  logSoftmax: softmax(),
  /** How many values fall into each of `bins`. */
  histc: op({
    inputs: ["self"],
    outputs: ["result"],
    infer: ({ self }, a) => dense([int(a, "bins", 100)], self.dtype),
  }),
  topk: op({
    inputs: ["self"],
    outputs: ["result", "indices"],
    infer: ({ self }, a) => {
      const dim = wrapDim(int(a, "dim", -1), self.shape.length);
      const shape = self.shape.map((size, i) => (i === dim ? int(a, "k", 1) : size));
      return [dense(shape, self.dtype), dense(shape, "int64")];
    },
    backward: { self: ["indices"] },
  }),
  sort: op({
    inputs: ["self"],
    outputs: ["result", "indices"],
    infer: ({ self }) => [dense(self.shape, self.dtype), dense(self.shape, "int64")],
    backward: { self: ["indices"] },
  }),
  diff: op({
    inputs: ["self", "prepend?"],
    outputs: ["result"],
    infer: ({ self, prepend }, a) => {
      const dim = wrapDim(int(a, "dim", -1), self.shape.length);
      const more = (prepend as TensorSpec | undefined)?.shape[dim] ?? 0;
      return dense(
        self.shape.map((size, i) => (i === dim ? size + more - 1 : size)),
        self.dtype,
      );
    },
    backward: { self: [] },
  }),
} satisfies OpTable;
