import { dense, type TensorSpec } from "../ir/tensor.js";
import { wrapDim } from "../base/shape.js";
import { broadcastAll, ints, joint, type OpTable, op, ShapeError, text } from "./rule.js";

export const products = {
  linear: op({
    inputs: ["input", "weight", "bias?"],
    outputs: ["result"],
    infer: ({ input, weight }) => {
      const [O, I] =
        weight.shape.length === 1 ? [undefined, weight.shape[0]] : [weight.shape[0], weight.shape[1]];
      if (input.shape[input.shape.length - 1] !== I)
        throw new ShapeError(`a last dim of ${I}`, `[${input.shape}]`);
      return dense(
        O === undefined ? input.shape.slice(0, -1) : [...input.shape.slice(0, -1), O],
        input.dtype,
      );
    },
    backward: { input: ["weight"], weight: ["input"], bias: [] },
  }),
  /** A linear layer that multiplies in float8. */
  float8Linear: op({
    inputs: ["input", "weight", "bias?"],
    outputs: ["result"],
    infer: ({ input, weight }) =>
      dense([...input.shape.slice(0, -1), weight.shape[0] as number], input.dtype),
    backward: { input: ["weight"], weight: ["input"], bias: [] },
  }),
  /** Rows by a transposed weight, both saved in their own type. */
  float8Product: op({
    inputs: ["self", "mat2"],
    outputs: ["result"],
    infer: ({ self, mat2 }) => dense([...self.shape.slice(0, -1), mat2.shape[1] as number], self.dtype),
    backward: joint(["self", "mat2"], ["self", "mat2"]),
  }),
  /** x1ᵀ W x2 for each output feature: [… I], [… J], [O, I, J] → [… O]. */
  bilinear: op({
    inputs: ["input1", "input2", "weight", "bias?"],
    outputs: ["result"],
    infer: ({ input1, weight }) =>
      dense([...input1.shape.slice(0, -1), weight.shape[0] as number], input1.dtype),
    backward: {
      input1: ["input2", "weight"],
      input2: ["input1", "weight"],
      weight: ["input1", "input2"],
      bias: [],
    },
  }),
  addbmm: op({
    inputs: ["self", "batch1", "batch2"],
    outputs: ["result"],
    infer: ({ batch1, batch2 }) =>
      dense([batch1.shape[1] as number, batch2.shape[2] as number], batch1.dtype),
    backward: { self: [], batch1: ["batch2"], batch2: ["batch1"] },
  }),
  addmv: op({
    inputs: ["self", "mat", "vec"],
    outputs: ["result"],
    infer: ({ mat }) => dense([mat.shape[0] as number], mat.dtype),
    backward: { self: [], mat: ["vec"], vec: ["mat"] },
  }),
  addr: op({
    inputs: ["self", "vec1", "vec2"],
    outputs: ["result"],
    infer: ({ vec1, vec2 }) => dense([vec1.shape[0] as number, vec2.shape[0] as number], vec1.dtype),
    backward: { self: [], vec1: ["vec2"], vec2: ["vec1"] },
  }),
  /** Matrices multiplied in a row. */
  multiDot: op({
    inputs: ["tensors*"],
    outputs: ["result"],
    infer: ({ tensors }) => {
      const list = tensors as unknown as readonly TensorSpec[];
      const [first, last] = [list[0] as TensorSpec, list.at(-1) as TensorSpec];
      return dense([...first.shape.slice(0, -1), ...last.shape.slice(1)], first.dtype);
    },
    backward: { tensors: ["tensors"] },
  }),
  /** Sums over pairs of dims of two tensors. */
  tensordot: op({
    inputs: ["self", "other"],
    outputs: ["result"],
    infer: ({ self, other }, attributes) => {
      const rest = (spec: TensorSpec, name: string) => {
        const dims = ints(attributes, name, []).map((dim) => wrapDim(dim, spec.shape.length));
        return spec.shape.filter((_, dim) => !dims.includes(dim));
      };
      return dense([...rest(self, "dims_self"), ...rest(other, "dims_other")], self.dtype);
    },
    backward: { self: ["other"], other: ["self"] },
  }),
  /** Every product of two entries, block by block. */
  kron: op({
    inputs: ["self", "other"],
    outputs: ["result"],
    infer: ({ self, other }) => {
      const rank = Math.max(self.shape.length, other.shape.length);
      const at = ({ shape }: TensorSpec, dim: number) => shape[dim - rank + shape.length] ?? 1;
      return dense(
        Array.from({ length: rank }, (_, dim) => at(self, dim) * at(other, dim)),
        self.dtype,
      );
    },
    backward: { self: ["other"], other: ["self"] },
  }),
  mm: op({
    inputs: ["self", "mat2"],
    outputs: ["result"],
    infer: ({ self, mat2 }) => {
      inner(self, mat2);
      return dense([self.shape[0] as number, mat2.shape[1] as number], self.dtype);
    },
    backward: { self: ["mat2"], mat2: ["self"] },
  }),
  addmm: op({
    inputs: ["self", "mat1", "mat2"],
    outputs: ["result"],
    infer: ({ mat1, mat2 }) => {
      inner(mat1, mat2);
      return dense([mat1.shape[0] as number, mat2.shape[1] as number], mat1.dtype);
    },
    backward: { self: [], mat1: ["mat2"], mat2: ["mat1"] },
  }),
  bmm: op({
    inputs: ["self", "mat2"],
    outputs: ["result"],
    infer: ({ self, mat2 }) => {
      inner(self, mat2);
      return dense([self.shape[0] as number, self.shape[1] as number, mat2.shape[2] as number], self.dtype);
    },
    backward: { self: ["mat2"], mat2: ["self"] },
  }),
  baddbmm: op({
    inputs: ["self", "batch1", "batch2"],
    outputs: ["result"],
    infer: ({ batch1, batch2 }) => {
      inner(batch1, batch2);
      return dense(
        [batch1.shape[0] as number, batch1.shape[1] as number, batch2.shape[2] as number],
        batch1.dtype,
      );
    },
    backward: { self: [], batch1: ["batch2"], batch2: ["batch1"] },
  }),
  /** One product per group of rows: `offs` says where each group ends. [S, K], [G, K, N] */
  groupedMm: op({
    inputs: ["self", "mat2", "offs"],
    outputs: ["result"],
    infer: ({ self, mat2 }) => dense([self.shape[0] as number, mat2.shape[2] as number], self.dtype),
    backward: { self: ["mat2", "offs"], mat2: ["self", "offs"] },
  }),
  mv: op({
    inputs: ["self", "vec"],
    outputs: ["result"],
    infer: ({ self }) => dense([self.shape[0] as number], self.dtype),
    backward: { self: ["vec"], vec: ["self"] },
  }),
  dot: op({
    inputs: ["self", "tensor"],
    outputs: ["result"],
    infer: ({ self }) => dense([], self.dtype),
    backward: { self: ["tensor"], tensor: ["self"] },
  }),
  outer: op({
    inputs: ["self", "vec2"],
    outputs: ["result"],
    infer: ({ self, vec2 }) => dense([self.shape[0] as number, vec2.shape[0] as number], self.dtype),
    backward: { self: ["vec2"], vec2: ["self"] },
  }),
  matmul: op({
    inputs: ["self", "other"],
    outputs: ["result"],
    infer: ({ self, other }) => dense(productShape(self, other), self.dtype),
    backward: { self: ["other"], other: ["self"] },
  }),
  einsum: op({
    inputs: ["tensors*"],
    outputs: ["result"],
    infer: ({ tensors }, attributes) => {
      const list = tensors as unknown as readonly TensorSpec[];
      const { labels, output } = einsumLabels(text(attributes, "equation", ""), list);
      const size = new Map<string, number>();
      labels.forEach((row, i) => {
        row.forEach((label, dim) => {
          size.set(label, Math.max(size.get(label) ?? 1, list[i]?.shape[dim] ?? 1));
        });
      });
      return dense(
        output.map((label) => size.get(label) ?? 1),
        (list[0] as TensorSpec).dtype,
      );
    },
    backward: { tensors: ["tensors"] },
  }),
} satisfies OpTable;

function inner(a: TensorSpec, b: TensorSpec): void {
  const [left, right] = [a.shape[a.shape.length - 1], b.shape[b.shape.length - 2]];
  if (left !== right) throw new ShapeError(`inner dims that agree`, `[${a.shape}] and [${b.shape}]`);
}

/** numpy's matmul rule: leading dims broadcast, 1-D operands lose their added dim again. */
export function productShape(self: TensorSpec, other: TensorSpec): number[] {
  const [a, b] = [self.shape, other.shape];
  if (a.length === 1 && b.length === 1) return [];
  if (b.length === 1) return a.slice(0, -1);
  if (a.length === 1) return [...b.slice(0, -2), b[b.length - 1] as number];
  inner(self, other);
  const lead = broadcastAll([dense(a.slice(0, -2), self.dtype), dense(b.slice(0, -2), other.dtype)]);
  return [...lead, a[a.length - 2] as number, b[b.length - 1] as number];
}

/** Dim labels of each operand and of the result; `...` becomes labels of its own. */
export function einsumLabels(
  equation: string,
  list: readonly TensorSpec[],
): { labels: string[][]; output: string[] } {
  const [left = "", right] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  const widest = Math.max(
    0,
    ...terms.map((term, i) => (term.includes("...") ? (list[i]?.shape.length ?? 0) - (term.length - 3) : 0)),
  );
  const expand = (term: string, dots: number): string[] => {
    const at = term.indexOf("...");
    if (at < 0) return [...term];
    const fill = Array.from({ length: dots }, (_, i) => `.${widest - dots + i}`);
    return [...term.slice(0, at), ...fill, ...term.slice(at + 3)];
  };
  const labels = terms.map((term, i) => expand(term, (list[i]?.shape.length ?? 0) - (term.length - 3)));
  if (right !== undefined) return { labels, output: expand(right, widest) };
  const count = new Map<string, number>();
  for (const label of labels.flat()) count.set(label, (count.get(label) ?? 0) + 1);
  const once = [...count]
    .filter(([label, times]) => times === 1 && !label.startsWith("."))
    .map(([label]) => label);
  return { labels, output: [...Array.from({ length: widest }, (_, i) => `.${i}`), ...once.sort()] };
}
