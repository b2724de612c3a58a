/** Reductions, pooling, softmax and losses: math_grad.py, nn_grad.py. */
import { dense, type TensorSpec } from "../../ir/tensor.js";
import {
  type Emitter,
  type GraphOperation,
  type GraphTensor,
  like,
  type OperationTable,
  same,
  shapeOf,
  simple,
} from "./op.js";

const reduced: GraphOperation["infer"] = ([x], { axes, keep }) => [
  like(x as TensorSpec, reducedShape(x?.shape ?? [], axes as readonly number[], keep === true)),
];

function reducedShape(shape: readonly number[], axes: readonly number[], keep: boolean): readonly number[] {
  if (keep) return shape.map((size, dim) => (axes.includes(dim) ? 1 : size));
  return shape.filter((_, dim) => !axes.includes(dim));
}

/** The gradient of a sum: spread over what was summed. math_grad.py _SumGrad */
function spread(emit: Emitter, x: GraphTensor, g: GraphTensor, axes: readonly number[]): GraphTensor {
  const kept = emit.one("Reshape", [g], { shape: reducedShape(x.spec.shape, axes, true) });
  return emit.one("Tile", [kept], { shape: x.spec.shape });
}

const axesOf = (attributes: { readonly axes?: unknown }) => attributes.axes as readonly number[]; // as: given to every reduction

/** Ties share the gradient. math_grad.py _MinOrMaxGrad */
const extremum: GraphOperation = {
  infer: reduced,
  gradient: simple((emit, { x, out, g, attributes }) => {
    const axes = axesOf(attributes);
    const shape = reducedShape(x.spec.shape, axes, true);
    const [y, grad] = [emit.one("Reshape", [out], { shape }), emit.one("Reshape", [g], { shape })];
    const chosen = emit.one("Cast", [emit.one("Equal", [y, x])], { dtype: g.spec.dtype });
    const count = emit.one("Reshape", [emit.one("Sum", [chosen], { axes, keep: false })], { shape });
    return [emit.one("Mul", [emit.one("RealDiv", [chosen, count]), grad])];
  }),
};

const pooled: GraphOperation["infer"] = ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))];
const maxPool = (name: string): GraphOperation => ({
  infer: pooled,
  gradient: simple((emit, { x, out, g }) => [emit.one(name, [x, out, g])]),
});
const averagePool = (name: string): GraphOperation => ({
  infer: pooled,
  gradient: simple((emit, { x, g }) => [emit.one(name, [g], { shape: x.spec.shape })]),
});

/** The loss of each row, and the gradient of its sum, which forward computes already. */
const crossEntropy: GraphOperation = {
  infer: ([logits]) => [
    dense(logits?.shape.slice(0, -1) ?? [], logits?.dtype ?? "float32"),
    dense(logits?.shape ?? [], logits?.dtype ?? "float32"),
  ],
  overwrites: true,
  gradient: (emit, { outputs }, [g]) => {
    const [, made] = outputs as readonly [GraphTensor, GraphTensor];
    if (!g) return [null, null];
    return [emit.one("Mul", [emit.one("ExpandDims", [g], { axis: g.spec.shape.length }), made]), null];
  },
};

export const reductions = {
  Sum: {
    infer: reduced,
    gradient: simple((emit, { x, g, attributes }) => [spread(emit, x, g, axesOf(attributes))]),
  },
  Mean: {
    infer: reduced,
    gradient: simple((emit, { x, g, attributes }) => {
      const sum = spread(emit, x, g, axesOf(attributes));
      return [emit.one("RealDiv", [sum, emit.constant([], sum.spec.dtype)])];
    }),
  },
  Max: extremum,
  Min: extremum,
  MaxPool: maxPool("MaxPoolGrad"),
  MaxPoolGrad: { infer: same },
  MaxPool3D: maxPool("MaxPool3DGrad"),
  MaxPool3DGrad: { infer: same },
  AvgPool: averagePool("AvgPoolGrad"),
  AvgPoolGrad: { infer: pooled },
  AvgPool3D: averagePool("AvgPool3DGrad"),
  AvgPool3DGrad: { infer: pooled },
  Softmax: {
    infer: same,
    overwrites: true,
    gradient: simple((emit, { out, g }) => {
      const axes = [out.spec.shape.length - 1];
      const sum = emit.one("Sum", [emit.one("Mul", [g, out])], { axes, keep: true });
      return [emit.one("Mul", [emit.one("Sub", [g, sum]), out])];
    }),
  },
  LogSoftmax: {
    infer: same,
    overwrites: true,
    gradient: simple((emit, { out, g }) => {
      const axes = [out.spec.shape.length - 1];
      const softmax = emit.one("Exp", [out]);
      const sum = emit.one("Sum", [g], { axes, keep: true });
      return [emit.one("Sub", [g, emit.one("Mul", [sum, softmax])])];
    }),
  },
  SparseSoftmaxCrossEntropyWithLogits: crossEntropy,
  /**
   * One kernel for the whole layer: x, scale, offset and two vectors that are empty while it trains. Results: y, the mini-batch's
   * mean and variance, and the same again for the gradient. Running statistics are averaged by operations of their own.
   */
  FusedBatchNormV3: {
    infer: ([x, scale], { training }) => {
      const statistics = scale as TensorSpec;
      const reserve = dense(training === true ? statistics.shape : [1], "float32");
      return [x as TensorSpec, statistics, statistics, reserve, reserve];
    },
    gradient: (emit, { inputs, outputs, attributes }, [g]) => {
      const [x, scale, , mean, variance] = inputs as readonly GraphTensor[];
      if (!g || !x || !scale) return inputs.map(() => null);
      // frozen, it reads the running statistics. nn_grad.py _BaseFusedBatchNormGrad
      const kept = attributes.training === true ? outputs.slice(3, 5) : [mean, variance];
      const grads = emit.all("FusedBatchNormGradV3", [g, x, scale, ...(kept as readonly GraphTensor[])]);
      return [...grads, null, null];
    },
  },
  FusedBatchNormGradV3: {
    infer: ([, x, scale]) => [x as TensorSpec, scale as TensorSpec, scale as TensorSpec],
  },
} satisfies OperationTable;
