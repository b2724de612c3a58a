/** Products that PyTorch composes of others. Source: native/LinearAlgebra.cpp multi_dot_impl, Linear.cpp tensordot, kron */
import { elements } from "../../base/shape.js";
import { ints } from "../../ops/rule.js";
import { given, type Lowering, list, type Traced, type Tracer } from "./kernel.js";

/** Where to split a chain of matrices so that the fewest numbers are multiplied: dynamic programming over its sizes. */
function bestSplits(sizes: readonly number[]): (from: number, to: number) => number {
  const count = sizes.length - 1;
  const costs = new Map<number, { readonly cost: number; readonly split: number }>();
  const key = (from: number, to: number) => from * count + to;
  const costOf = (from: number, to: number) => costs.get(key(from, to))?.cost ?? 0;
  for (let length = 1; length < count; length++)
    for (let from = 0; from + length < count; from++) {
      const to = from + length;
      let best = { cost: Number.POSITIVE_INFINITY, split: from };
      for (let split = from; split < to; split++) {
        const own = (sizes[from] as number) * (sizes[split + 1] as number) * (sizes[to + 1] as number);
        const cost = costOf(from, split) + costOf(split + 1, to) + own;
        if (cost < best.cost) best = { cost, split };
      }
      costs.set(key(from, to), best);
    }
  return (from, to) => costs.get(key(from, to))?.split ?? from;
}

/** The matrices of a chain, in the cheapest order. */
export const lowerMultiDot: Lowering = (trace, inputs, _, outputs) => {
  const tensors = list(inputs, "tensors").filter((tensor): tensor is Traced => tensor !== null);
  const matrices = tensors.map((tensor, i) => {
    if (tensor.spec.shape.length > 1) return tensor;
    return trace.call("unsqueeze", { self: tensor }, { dim: i === 0 ? 0 : 1 });
  });
  const sizes = [...matrices.map(({ spec }) => spec.shape[0] as number), matrices.at(-1)?.spec.shape[1] ?? 1];
  const splitOf = bestSplits(sizes);
  const product = (from: number, to: number): Traced => {
    if (from === to) return matrices[from] as Traced;
    const split = splitOf(from, to);
    const [left, right] = [product(from, split), product(split + 1, to)];
    return trace.call("mm", { self: left, mat2: right });
  };
  const whole = product(0, matrices.length - 1);
  const shape = outputs[0]?.shape ?? [];
  return shape.length === 2 ? whole : trace.call("view", { self: whole }, { size: shape });
};

/** [a, 1, b, 1] * [1, c, 1, d], seen as [a c, b d] */
export const lowerKron: Lowering = (trace, inputs, _, outputs) => {
  const [self, other] = [given(inputs, "self"), given(inputs, "other")];
  const rank = Math.max(self.spec.shape.length, other.spec.shape.length);
  const spread = (tensor: Traced, own: 0 | 1) => {
    const missing = rank - tensor.spec.shape.length;
    const size = Array.from({ length: rank }, (_, dim) => {
      const length = tensor.spec.shape[dim - missing] ?? 1;
      return own === 0 ? [length, 1] : [1, length];
    });
    return trace.call("reshape", { self: tensor }, { shape: size.flat() });
  };
  const product = trace.call("mul", { self: spread(self, 0), other: spread(other, 1) });
  return trace.call("unsafeView", { self: product }, { size: outputs[0]?.shape ?? [] });
};

/** A matrix with `dims` behind all others, or before them. */
function asMatrix(trace: Tracer, tensor: Traced, dims: readonly number[], behind: boolean): Traced {
  const { shape } = tensor.spec;
  const rest = [...shape.keys()].filter((dim) => !dims.includes(dim));
  const order = behind ? [...rest, ...dims] : [...dims, ...rest];
  const moved = trace.call("permute", { self: tensor }, { dims: order });
  const sizes = [rest, dims].map((side) => elements(side.map((dim) => shape[dim] as number)));
  return trace.call("reshape", { self: moved }, { shape: behind ? sizes : sizes.reverse() });
}

export const lowerTensordot: Lowering = (trace, inputs, attributes, outputs) => {
  const [self, other] = [given(inputs, "self"), given(inputs, "other")];
  const wrapped = (tensor: Traced, name: string) =>
    ints(attributes, name, []).map((dim) => (dim < 0 ? dim + tensor.spec.shape.length : dim));
  const left = asMatrix(trace, self, wrapped(self, "dims_self"), true);
  const right = asMatrix(trace, other, wrapped(other, "dims_other"), false);
  const product = trace.call("mm", { self: left, mat2: right });
  return trace.call("reshape", { self: product }, { shape: outputs[0]?.shape ?? [] });
};
