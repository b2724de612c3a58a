/** Operations that move elements: array_grad.py. Reshapes show their input's buffer, transposes and pads do not. */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import { ShapeError } from "../../ops/rule.js";
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

/** The gradient is seen in the input's shape. */
const reshaping = (infer: GraphOperation["infer"]): GraphOperation => ({
  infer,
  alias: true,
  gradient: simple((emit, { x, g }) => [emit.one("Reshape", [g], { shape: x.spec.shape })]),
});

/** A gradient for every result: zeros where none arrived. */
function withZeros(
  emit: Emitter,
  outputs: readonly GraphTensor[],
  grads: readonly (GraphTensor | null)[],
): readonly GraphTensor[] {
  return outputs.map(({ spec }, i) => grads[i] ?? emit.constant(spec.shape, spec.dtype));
}

export const arrays = {
  Reshape: reshaping(([x], attributes) => {
    const shape = shapeOf(attributes);
    if (elements(shape) !== elements(x?.shape ?? []))
      throw new ShapeError(`a shape of ${elements(x?.shape ?? [])} elements`, `[${shape}]`);
    return [like(x as TensorSpec, shape)];
  }),
  Squeeze: reshaping(([x], { axes }) => [
    like(
      x as TensorSpec,
      x?.shape.filter((_, dim) => !(axes as number[]).includes(dim)),
    ),
  ]),
  ExpandDims: reshaping(([x], { axis }) => {
    const shape = [...(x?.shape ?? [])];
    shape.splice(axis as number, 0, 1);
    return [like(x as TensorSpec, shape)];
  }),
  Transpose: {
    infer: ([x], attributes) => [
      like(
        x as TensorSpec,
        shapeOf(attributes, "order").map((dim) => x?.shape[dim] as number),
      ),
    ],
    gradient: simple((emit, { g, attributes }) => {
      const order = shapeOf(attributes, "order");
      return [emit.one("Transpose", [g], { order: order.map((_, dim) => order.indexOf(dim)) })];
    }),
  },
  /** `before` and `after` along each dim. */
  Pad: {
    infer: ([x], attributes) => {
      const [before, after] = [shapeOf(attributes, "before"), shapeOf(attributes, "after")];
      return [
        like(
          x as TensorSpec,
          x?.shape.map((size, dim) => size + (before[dim] as number) + (after[dim] as number)),
        ),
      ];
    },
    gradient: simple((emit, { x, g }) => [emit.one("Slice", [g], { shape: x.spec.shape })]),
  },
  MirrorPad: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: simple((emit, { x, g }) => [emit.one("Slice", [g], { shape: x.spec.shape })]),
  },
  /** `before`: where it begins, along each dim; absent where no gradient of it is asked for. */
  Slice: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: simple((emit, { x, g, attributes }) => {
      const before = shapeOf(attributes, "before");
      const after = x.spec.shape.map(
        (size, dim) => size - (before[dim] as number) - (g.spec.shape[dim] as number),
      );
      return [emit.one("Pad", [g], { before, after })];
    }),
  },
  StridedSlice: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: simple((emit, { x, g }) => [emit.one("StridedSliceGrad", [g], { shape: x.spec.shape })]),
  },
  StridedSliceGrad: { infer: ([g], attributes) => [like(g as TensorSpec, shapeOf(attributes))] },
  Tile: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    // copies lie beside each other along a dim of their own, and are summed there. array_grad.py _TileGrad
    gradient: simple((emit, { x, g }) => {
      const { shape } = x.spec;
      const split = shape.flatMap((size, dim) => [(g.spec.shape[dim] as number) / size, size]);
      const copies = emit.one("Reshape", [g], { shape: split });
      return [emit.one("Sum", [copies], { axes: shape.map((_, dim) => 2 * dim), keep: false })];
    }),
  },
  BroadcastTo: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: simple((emit, { x, g }) => {
      const lead = g.spec.shape.length - x.spec.shape.length;
      const axes = g.spec.shape.flatMap((size, dim) =>
        dim < lead || (x.spec.shape[dim - lead] === 1 && size !== 1) ? [dim] : [],
      );
      const summed = axes.length > 0 ? emit.one("Sum", [g], { axes, keep: true }) : g;
      return [emit.one("Reshape", [summed], { shape: x.spec.shape })];
    }),
  },
  ConcatV2: {
    infer: (inputs, { axis }) => {
      const [first] = inputs as readonly [TensorSpec, ...TensorSpec[]];
      const dim = axis as number;
      for (const { shape } of inputs)
        if (
          shape.length !== first.shape.length ||
          shape.some((size, i) => i !== dim && size !== first.shape[i])
        )
          throw new ShapeError(
            `shapes that agree but for dim ${dim}`,
            inputs.map((input) => `[${input.shape}]`).join(" and "),
          );
      const size = inputs.reduce((sum, { shape }) => sum + (shape[dim] as number), 0);
      return [
        like(
          first,
          first.shape.map((own, i) => (i === dim ? size : own)),
        ),
      ];
    },
    gradient: (emit, { inputs }, [g]) =>
      inputs.map(({ spec }) => (g ? emit.one("Slice", [g], { shape: spec.shape }) : null)),
  },
  /** Equal parts along a dim. */
  Split: {
    infer: ([x], { axis, count }) =>
      Array.from({ length: count as number }, () =>
        like(
          x as TensorSpec,
          x?.shape.map((size, dim) => (dim === axis ? size / (count as number) : size)),
        ),
      ),
    gradient: (emit, { attributes, outputs }, grads) => [
      emit.one("ConcatV2", withZeros(emit, outputs, grads), { axis: attributes.axis as number }),
    ],
  },
  Unpack: {
    infer: ([x], { axis }) =>
      Array.from({ length: x?.shape[axis as number] as number }, () =>
        like(
          x as TensorSpec,
          x?.shape.filter((_, dim) => dim !== axis),
        ),
      ),
    gradient: (emit, { attributes, outputs }, grads) => [
      emit.one("Pack", withZeros(emit, outputs, grads), { axis: attributes.axis as number }),
    ],
  },
  Pack: {
    infer: (inputs, { axis }) => {
      const [first] = inputs as readonly [TensorSpec, ...TensorSpec[]];
      if (inputs.some(({ shape }) => shape.join() !== first.shape.join()))
        throw new ShapeError("equal shapes", inputs.map(({ shape }) => `[${shape}]`).join(" and "));
      const shape = [...first.shape];
      shape.splice(axis as number, 0, inputs.length);
      return [like(first, shape)];
    },
    gradient: (emit, { attributes }, [g]) =>
      g ? emit.all("Unpack", [g], { axis: attributes.axis as number }) : [],
  },
  /** Rows of a table; the gradient is their indices, which are small, and the rows, sorted out by the optimizer. */
  GatherV2: {
    infer: ([table, indices]) => [
      dense([...(indices?.shape ?? []), ...(table?.shape.slice(1) ?? [])], table?.dtype as DType),
    ],
    gradient: (emit, { inputs }, [g]) => {
      const [table, indices] = inputs as readonly [never, never] as readonly {
        spec: TensorSpec;
        id: number;
      }[];
      if (!g || !table || !indices) return [null, null];
      const rows = elements(indices.spec.shape);
      const values = emit.one("Reshape", [g], { shape: [rows, ...table.spec.shape.slice(1)] });
      const flat = emit.one("Reshape", [indices], { shape: [rows] });
      return [emit.one("IndexedSlices", [values, flat]), null];
    },
  },
  IndexedSlices: { infer: same, alias: true },
  /** Somebody's code: taken to keep what it is given and what it returns. */
  CustomLayer: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: (emit, { inputs, outputs }, [g]) => {
      if (!g) return inputs.map(() => null);
      return emit.all("CustomLayerGrad", [g, ...outputs, ...inputs]);
    },
  },
  /** A row of a printed summary, likewise. */
  SummarizedLayer: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: (emit, { inputs, outputs }, [g]) => {
      if (!g) return inputs.map(() => null);
      return emit.all("CustomLayerGrad", [g, ...outputs, ...inputs]);
    },
  },
  CustomLayerGrad: { infer: (inputs) => inputs.slice(2) },
  ResizeNearestNeighbor: {
    infer: ([x], attributes) => [like(x as TensorSpec, shapeOf(attributes))],
    gradient: simple((emit, { x, g }) => [
      emit.one("ResizeNearestNeighborGrad", [g], { shape: x.spec.shape }),
    ]),
  },
  ResizeNearestNeighborGrad: { infer: ([g], attributes) => [like(g as TensorSpec, shapeOf(attributes))] },
  /** Computes in float32 whatever it is given. */
  ResizeBilinear: {
    infer: (_, attributes) => [dense(shapeOf(attributes), "float32")],
    gradient: simple((emit, { x, g }) => [emit.one("ResizeBilinearGrad", [g, x])]),
  },
  ResizeBilinearGrad: { infer: ([, x]) => [x as TensorSpec] },
  OneHot: { infer: (_, attributes) => [dense(shapeOf(attributes), attributes.dtype as DType)] },
  ArgMax: { infer: (_, attributes) => [dense(shapeOf(attributes), attributes.dtype as DType)] },
  StatelessRandomUniformV2: {
    infer: (_, attributes) => [dense(shapeOf(attributes), attributes.dtype as DType)],
  },
  /** A variable's new value replaces the old one. */
  AssignVariableOp: { infer: () => [], effect: true },
  AssignAddVariableOp: { infer: () => [], effect: true },
  AssignSubVariableOp: { infer: () => [], effect: true },
} satisfies OperationTable;
