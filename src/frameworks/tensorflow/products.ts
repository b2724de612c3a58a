/** Matrix products and convolutions: math_grad.py, nn_grad.py. */
import type { TensorSpec } from "../../ir/tensor.js";
import { ShapeError } from "../../ops/rule.js";
import {
  type GraphOperation,
  like,
  type OperationTable,
  type reduceArguments,
  same,
  shapeOf,
  simple,
} from "./op.js";

const matrix = (spec: TensorSpec | undefined, swapped: unknown): readonly [number, number] => {
  const [rows = 1, columns = 1] = spec?.shape.slice(-2) ?? [];
  return swapped ? [columns, rows] : [rows, columns];
};

function product([a, b]: readonly TensorSpec[], ta: unknown, tb: unknown): readonly number[] {
  const [[rows, inner], [other, columns]] = [matrix(a, ta), matrix(b, tb)];
  if (inner !== other) throw new ShapeError(`${inner} rows in the second matrix`, `${other}`);
  const batch = (spec: TensorSpec | undefined) => spec?.shape.slice(0, -2) ?? [];
  const lead = batch(a).length >= batch(b).length ? batch(a) : batch(b);
  return [...lead, rows, columns];
}

const multiplied =
  (ta: string, tb: string): GraphOperation["infer"] =>
  (inputs, attributes) => [like(inputs[0] as TensorSpec, product(inputs, attributes[ta], attributes[tb]))];

/** A convolution over channels-last images: the gradients read the kernel and the input. */
const convolution = (name: string): GraphOperation => ({
  infer: (inputs, attributes) => [like(inputs[0] as TensorSpec, shapeOf(attributes))],
  gradient: simple((emit, { x, y, g }) => [
    emit.one(`${name}BackpropInput`, [y, g], { shape: x.spec.shape }),
    emit.one(`${name}BackpropFilter`, [x, g], { shape: y.spec.shape }),
  ]),
});

const shaped: GraphOperation = {
  infer: ([first], attributes) => [like(first as TensorSpec, shapeOf(attributes))],
};

export const products = {
  MatMul: {
    infer: multiplied("ta", "tb"),
    gradient: (emit, { inputs, attributes, needs }, [g]) => {
      const [a, b] = inputs as readonly [never, never];
      if (!g) return [null, null];
      const { ta = false, tb = false } = attributes as { ta?: boolean; tb?: boolean };
      const mul = (x: never, y: never, tx: boolean, ty: boolean) =>
        emit.one("MatMul", [x, y], { ta: tx, tb: ty });
      const grad = g as never;
      const ga = () => (ta ? mul(b, grad, tb, true) : mul(grad, b, false, !tb));
      const gb = () => (tb ? mul(grad, a, true, ta) : mul(a, grad, !ta, false));
      return [needs[0] ? ga() : null, needs[1] ? gb() : null];
    },
  },
  BatchMatMulV2: {
    infer: multiplied("ta", "tb"),
    gradient: (emit, { inputs, attributes }, [g]) => {
      const [a, b] = inputs as readonly [never, never];
      if (!g) return [null, null];
      const { ta = false, tb = false } = attributes as { ta?: boolean; tb?: boolean };
      const mul = (x: never, y: never, tx: boolean, ty: boolean) =>
        emit.one("BatchMatMulV2", [x, y], { ta: tx, tb: ty });
      const grad = g as never;
      const ga = ta ? mul(b, grad, tb, true) : mul(grad, b, false, !tb);
      const gb = tb ? mul(grad, a, true, ta) : mul(a, grad, !ta, false);
      const shape = (tensor: { spec: TensorSpec }) => tensor.spec.shape;
      if (shape(a).slice(0, -2).join() === shape(b).slice(0, -2).join()) return [ga, gb];
      return reduceBatch(emit, [a, b], [ga, gb]);
    },
  },
  /** Operands and results by letters; `shape` is the result's. */
  Einsum: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: (emit, { inputs, attributes }, [g]) => {
      const [x, y] = inputs as readonly [never, never] as readonly { spec: TensorSpec; id: number }[];
      if (!g || !x || !y) return [null, null];
      const [left = "", out = ""] = (attributes.equation as string).split("->");
      const [first = "", second = ""] = left.split(",");
      return [
        emit.one("Einsum", [g, y], { equation: `${out},${second}->${first}`, shape: x.spec.shape }),
        emit.one("Einsum", [g, x], { equation: `${out},${first}->${second}`, shape: y.spec.shape }),
      ];
    },
  },
  BiasAdd: {
    infer: same,
    overwrites: true,
    gradient: simple((emit, { y, g }) => [g, emit.one("BiasAddGrad", [g], { shape: y.spec.shape })]),
  },
  BiasAddGrad: shaped,
  Conv2D: convolution("Conv2D"),
  Conv2DBackpropFilter: shaped,
  /** A function that XLA compiles on its own: it returns what its gradient function is called with. */
  GroupedConv2D: {
    infer: ([x, kernel], attributes) => [
      like(x as TensorSpec, shapeOf(attributes)),
      x as TensorSpec,
      kernel as TensorSpec,
    ],
    gradient: (emit, { outputs }, [g]) => {
      const [, x, kernel] = outputs as readonly { spec: TensorSpec; id: number }[];
      if (!g || !x || !kernel) return [null, null];
      const [forKernel = null, forInput = null] = emit.all("GroupedConv2DBackprop", [g, x, kernel]);
      return [forInput, forKernel];
    },
  },
  GroupedConv2DBackprop: { infer: ([, x, kernel]) => [kernel as TensorSpec, x as TensorSpec] },
  Conv3D: convolution("Conv3D"),
  Conv3DBackpropInput: shaped,
  Conv3DBackpropFilter: shaped,
  DepthwiseConv2dNative: convolution("DepthwiseConv2dNative"),
  DepthwiseConv2dNativeBackpropInput: shaped,
  DepthwiseConv2dNativeBackpropFilter: shaped,
  /** Also the forward kernel of transposed convolutions: inputs are the kernel and the image. */
  Conv2DBackpropInput: {
    ...shaped,
    gradient: simple((emit, { x, y, g }) => [
      emit.one("Conv2DBackpropFilter", [g, y], { shape: x.spec.shape }),
      emit.one("Conv2D", [g, x], { shape: y.spec.shape }),
    ]),
  },
} satisfies OperationTable;

/** What was broadcast along the leading dims is summed there; the other is summed along none, which copies. math_grad.py _BatchMatMulV2 */
function reduceBatch(
  emit: Parameters<typeof reduceArguments>[0],
  [a, b]: readonly [{ spec: TensorSpec }, { spec: TensorSpec }],
  grads: readonly { spec: TensorSpec; id: number }[],
) {
  return [a, b].map((operand, i) => {
    const grad = grads[i] as { spec: TensorSpec; id: number };
    const other = i === 0 ? b : a;
    const lead = Math.max(a.spec.shape.length, b.spec.shape.length) - 2;
    const own = operand.spec.shape.slice(0, -2);
    const theirs = other.spec.shape.slice(0, -2);
    const dims: number[] = [];
    for (let dim = 0; dim < lead; dim++) {
      const mine = own[dim - (lead - own.length)];
      const its = theirs[dim - (lead - theirs.length)] ?? 1;
      if (mine === undefined || (mine === 1 && its !== 1)) dims.push(dim);
    }
    const summed = emit.one("Sum", [grad], { axes: dims, keep: false });
    return emit.one("Reshape", [summed], { shape: operand.spec.shape });
  });
}
