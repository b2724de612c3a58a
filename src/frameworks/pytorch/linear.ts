/**
 * Matrix products of eager PyTorch on CUDA.
 *
 * Source  aten/src/ATen/native/Linear.cpp, LinearAlgebra.cpp (_matmul_impl, should_fold), cuda/Blas.cpp;
 *         recorded in oracle/recorded/ops-linear.json
 */
import { elements, type Shape } from "../../base/shape.js";
import { isContiguous, type TensorSpec } from "../../ir/tensor.js";
import { einsumLabels } from "../../ops/linear.js";
import { broadcastAll, text } from "../../ops/rule.js";
import {
  type BackwardCall,
  elementwise,
  type Formula,
  fresh,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  list,
  optional,
  seen,
  type Traced,
  type Tracer,
  transposed,
} from "./kernel.js";

/** cuBLAS reads a matrix by rows or by columns; anything else is copied first. */
function blasReady({ shape, strides }: TensorSpec): boolean {
  const rank = shape.length;
  const [rows, columns] = [shape[rank - 2] as number, shape[rank - 1] as number];
  const [down, right] = [strides[rank - 2] as number, strides[rank - 1] as number];
  return (
    (right === 1 && down >= Math.max(1, columns)) ||
    (down === 1 && right >= Math.max(1, rows)) ||
    rows === 1 ||
    columns === 1
  );
}

/** bmm of columns with rows multiplies element by element: cuBLAS is not asked, and nothing is copied. */
function outerProducts({ spec: { shape } }: Held): boolean {
  return shape.length === 3 && shape[2] === 1;
}

/** A result of `shape`; operands cuBLAS cannot read are copied for the time of the call. */
function product(kernel: Kernel, a: Held, b: Held, shape: Shape): Held {
  const out = fresh(kernel, shape, a.spec.dtype);
  if (outerProducts(a)) return out;
  kernel.blas();
  const copies = [a, b]
    .filter(({ spec }) => !blasReady(spec))
    .map(({ spec }) => fresh(kernel, spec.shape, spec.dtype));
  for (const copy of copies.reverse()) kernel.free(copy);
  return out;
}

const matrix = (kernel: Kernel, a: Held, b: Held): Held =>
  product(kernel, a, b, [...a.spec.shape.slice(0, -1), b.spec.shape[b.spec.shape.length - 1] as number]);

/** mm_mat1_backward and mm_mat2_backward: a column-major operand gets a column-major gradient. */
const toFirst =
  (first: string, second: string): Formula =>
  (kernel, call) => {
    const spec = call.inputs[call.ports.indexOf(first)] as TensorSpec;
    const other = call.saved[second] as Held;
    if (columnMajor(spec))
      return scaled(kernel, call, transposed(matrix(kernel, other, transposed(gradOf(call)))));
    return scaled(kernel, call, matrix(kernel, gradOf(call), transposed(other)));
  };
const toSecond =
  (first: string, second: string): Formula =>
  (kernel, call) => {
    const spec = call.inputs[call.ports.indexOf(second)] as TensorSpec;
    const other = call.saved[first] as Held;
    if (columnMajor(spec))
      return scaled(kernel, call, transposed(matrix(kernel, transposed(gradOf(call)), other)));
    return scaled(kernel, call, matrix(kernel, transposed(other), gradOf(call)));
  };

const columnMajor = ({ shape, strides }: TensorSpec) => strides[0] === 1 && strides[1] === shape[0];

function scaled(kernel: Kernel, call: BackwardCall, out: Held): Held {
  const alpha = call.attributes.alpha;
  return typeof alpha === "number" && alpha !== 1 ? elementwise(kernel, [out]) : out;
}

const byBeta: Formula = (kernel, call) => {
  const beta = call.attributes.beta;
  return typeof beta === "number" && beta !== 1 ? elementwise(kernel, [gradOf(call)]) : gradOf(call);
};

const batched = (kernel: Kernel, call: BackwardCall, a: Held, b: Held): Held =>
  scaled(kernel, call, matrix(kernel, a, b));

/** Two temporaries for each output feature, which die before the next. */
function perFeature(
  kernel: Kernel,
  features: number,
  [a, b]: readonly (readonly number[])[],
  dtype: TensorSpec["dtype"],
): void {
  for (let i = 0; i < features; i++) {
    const [first, second] = [fresh(kernel, a as Shape, dtype), fresh(kernel, b as Shape, dtype)];
    for (const part of [first, second]) kernel.free(part);
  }
}

/** One batch's gradient: the result's, shown for every matrix of the batch, by the other factor. */
function kernelProduct(kernel: Kernel, call: BackwardCall, port: string): Held {
  kernel.blas();
  return fresh(kernel, (call.inputs[call.ports.indexOf(port)] as TensorSpec).shape, gradOf(call).spec.dtype);
}

const forward: KernelRule["forward"] = (kernel, { inputs, outputs }) => {
  const [a, b] = Object.values(inputs).slice(-2) as [Held, Held];
  const out = kernel.empty(outputs[0] as TensorSpec);
  kernel.blas();
  if (a.spec.shape.length > 1 && b.spec.shape.length > 1)
    for (const { spec } of [a, b]) if (!blasReady(spec)) fresh(kernel, spec.shape, spec.dtype);
  return [out];
};

export const productKernels = {
  mm: { forward, backward: gradients({ self: toFirst("self", "mat2"), mat2: toSecond("self", "mat2") }) },
  addmm: {
    forward,
    backward: gradients({ self: byBeta, mat1: toFirst("mat1", "mat2"), mat2: toSecond("mat1", "mat2") }),
  },
  bmm: {
    forward: (kernel, call) =>
      outerProducts(call.inputs.self as Held) // as: bmm takes tensors
        ? [kernel.empty(call.outputs[0] as TensorSpec)]
        : (forward as NonNullable<typeof forward>)(kernel, call),
    backward: gradients({
      self: (kernel, call) => batched(kernel, call, gradOf(call), transposed(call.saved.mat2 as Held)),
      mat2: (kernel, call) => batched(kernel, call, transposed(call.saved.self as Held), gradOf(call)),
    }),
  },
  baddbmm: {
    forward,
    backward: gradients({
      self: byBeta,
      batch1: (kernel, call) => batched(kernel, call, gradOf(call), transposed(call.saved.batch2 as Held)),
      batch2: (kernel, call) => batched(kernel, call, transposed(call.saved.batch1 as Held), gradOf(call)),
    }),
  },
  // the weights' gradient first; a transposed weight gets a transposed one. Blas.cpp _grouped_mm_mat1_backward
  groupedMm: {
    backward: gradients({
      mat2: (kernel, call) => {
        const spec = call.inputs[call.ports.indexOf("mat2")] as TensorSpec;
        const [groups, rows, columns] = spec.shape as [number, number, number];
        const byColumns = spec.strides[1] === 1;
        const shape = byColumns ? [groups, columns, rows] : [groups, rows, columns];
        const out = fresh(kernel, shape, gradOf(call).spec.dtype);
        return byColumns ? transposed(out) : out;
      },
      self: (kernel, call) => {
        const { shape } = call.inputs[call.ports.indexOf("self")] as TensorSpec;
        return fresh(kernel, shape, gradOf(call).spec.dtype);
      },
    }),
  },
  /** One matrix per output feature, and a product with the other input. Bilinear.cpp _trilinear */
  bilinear: {
    forward: (kernel, { inputs, outputs }) => {
      const { input2, bias } = inputs as { input2: Held; bias?: Held | null };
      const out = kernel.empty(outputs[0] as TensorSpec);
      const { shape, dtype } = input2.spec;
      perFeature(kernel, out.spec.shape.at(-1) as number, [shape, shape.slice(0, -1)], dtype);
      if (!bias) return [out];
      const added = kernel.empty(outputs[0] as TensorSpec);
      kernel.free(out);
      return [added];
    },
    backward: (kernel, call) => {
      const gradient = gradOf(call);
      const features = gradient.spec.shape.at(-1) as number;
      const rows = gradient.spec.shape.slice(0, -1);
      const [first, second] = call.inputs as readonly [TensorSpec, TensorSpec];
      const [I, J] = [first.shape.at(-1) as number, second.shape.at(-1) as number];
      const made: Record<string, Held> = {};
      const bias = call.ports.indexOf("bias");
      if (bias >= 0 && call.needs[bias]) made.bias = fresh(kernel, [features], gradient.spec.dtype);
      const steps = {
        input1: [
          [...rows, I, J],
          [...rows, I],
        ],
        weight: [
          [...rows, I],
          [I, J],
        ],
        input2: [
          [...rows, J],
          [...rows, J],
        ],
      };
      for (const port of ["input1", "weight", "input2"] as const) {
        const at = call.ports.indexOf(port);
        if (!call.needs[at]) continue;
        const { shape } = call.inputs[at] as TensorSpec;
        made[port] = fresh(kernel, shape, gradient.spec.dtype);
        perFeature(kernel, features, steps[port], gradient.spec.dtype);
      }
      return call.ports.map((port, i) => (call.needs[i] ? (made[port] ?? null) : null));
    },
  },
  addbmm: {
    forward,
    backward: gradients({
      self: byBeta,
      batch1: (kernel, call) => kernelProduct(kernel, call, "batch1"),
      batch2: (kernel, call) => kernelProduct(kernel, call, "batch2"),
    }),
  },
  addmv: {
    forward,
    backward: gradients({
      self: byBeta,
      mat: (kernel, call) => elementwise(kernel, [column(gradOf(call)), call.saved.vec as Held]),
      vec: (kernel, call) => {
        kernel.blas();
        return fresh(kernel, [(call.saved.mat as Held).spec.shape[1] as number], gradOf(call).spec.dtype);
      },
    }),
  },
  addr: {
    backward: gradients({
      self: byBeta,
      vec1: (kernel, call) => {
        kernel.blas();
        return fresh(kernel, [gradOf(call).spec.shape[0] as number], gradOf(call).spec.dtype);
      },
      vec2: (kernel, call) => {
        kernel.blas();
        return fresh(kernel, [gradOf(call).spec.shape[1] as number], gradOf(call).spec.dtype);
      },
    }),
  },
  mv: {
    forward,
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [column(gradOf(call)), call.saved.vec as Held]),
      vec: (kernel, call) =>
        fresh(
          kernel,
          (call.saved.vec ?? call.saved.self) ? [(call.inputs[1] as TensorSpec).shape[0] as number] : [],
          gradOf(call).spec.dtype,
        ),
    }),
  },
  dot: {
    forward,
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [call.saved.tensor as Held, gradOf(call)]),
      tensor: (kernel, call) => elementwise(kernel, [call.saved.self as Held, gradOf(call)]),
    }),
  },
} satisfies Record<string, KernelRule>;

function column(vector: Held): Held {
  return seen(vector, {
    shape: [...vector.spec.shape, 1],
    strides: [...vector.spec.strides, 1],
    dtype: vector.spec.dtype,
  });
}

const t = (trace: Tracer, self: Traced) =>
  self.spec.shape.length < 2 ? self : trace.call("transpose", { self }, { dim0: -2, dim1: -1 });
const viewAs = (trace: Tracer, self: Traced, size: Shape) => trace.call("view", { self }, { size });
const unsafe = (trace: Tracer, self: Traced, size: Shape) => trace.call("unsafeView", { self }, { size });
const reshapeTo = (trace: Tracer, self: Traced, size: Shape) =>
  trace.call("reshape", { self }, { shape: size });

export const lowerLinear: Lowering = (trace, inputs, _, outputs) => {
  const [input, weight, bias] = [given(inputs, "input"), given(inputs, "weight"), optional(inputs, "bias")];
  const { shape } = input.spec;
  if (bias && shape.length === 2)
    return trace.call("addmm", { self: bias, mat1: input, mat2: t(trace, weight) });
  if (bias && shape.length !== 2 && isContiguous(input.spec)) {
    const rows = shape.slice(0, -1);
    const flat = viewAs(trace, input, [elements(rows), shape[shape.length - 1] as number]);
    const out = trace.call("addmm", { self: bias, mat1: flat, mat2: t(trace, weight) });
    return viewAs(trace, out, (outputs[0] as TensorSpec).shape);
  }
  const out = trace.call("matmul", { self: input, other: t(trace, weight) });
  return bias ? trace.call("add", { self: out, other: bias }, { inPlace: true }) : out;
};

/** Folds the leading dims of the larger operand into rows when that costs no copy or saves a large expanded gradient. LinearAlgebra.cpp should_fold */
function folds(a: Traced, b: Traced): boolean {
  const [larger, smaller] = a.spec.shape.length >= b.spec.shape.length ? [a, b] : [b, a];
  if (smaller.spec.shape.length > 2 || larger.spec.shape.length < 3) return false;
  if (smaller.edge) return true; // else its gradient would be made once per batch before it is summed
  if (a.spec.shape.length === 2) return false;
  if (elements(larger.spec.shape) === 0) return true;
  const { shape, strides } = larger === a ? larger.spec : transposed(larger).spec;
  for (let dim = 0; dim < shape.length - 2; dim++)
    if (strides[dim] !== (strides[dim + 1] as number) * (shape[dim + 1] as number)) return false;
  return true;
}

export const lowerMatmul: Lowering = (trace, inputs, _, outputs) => {
  const [a, b] = [given(inputs, "self"), given(inputs, "other")];
  const [ranks, out] = [[a.spec.shape.length, b.spec.shape.length], (outputs[0] as TensorSpec).shape];
  const [ra, rb] = ranks as [number, number];
  if (ra === 1 && rb === 1) return trace.call("dot", { self: a, tensor: b });
  if (ra === 2 && rb === 1) return trace.call("mv", { self: a, vec: b });
  if (ra === 1 && rb === 2) {
    return trace.call(
      "squeeze",
      { self: trace.call("mm", { self: trace.call("unsqueeze", { self: a }, { dim: 0 }), mat2: b }) },
      { dim: 0 },
    );
  }
  if (ra === 2 && rb === 2) return trace.call("mm", { self: a, mat2: b });
  if (folds(a, b)) return folded(trace, a, b, out);
  const lead = broadcastAll([
    { shape: a.spec.shape.slice(0, -2), strides: [], dtype: a.spec.dtype },
    { shape: b.spec.shape.slice(0, -2), strides: [], dtype: b.spec.dtype },
  ]);
  const batch = elements(lead);
  const [n, k] =
    ra > 1
      ? [a.spec.shape[ra - 2] as number, a.spec.shape[ra - 1] as number]
      : [1, a.spec.shape[0] as number];
  const p = rb > 1 ? (b.spec.shape[rb - 1] as number) : 1;
  const wide = rb === 1 ? trace.call("unsqueeze", { self: b }, { dim: 1 }) : b;
  const left = reshapeTo(trace, trace.call("expand", { self: a }, { size: [...lead, n, k] }), [batch, n, k]);
  const right = reshapeTo(trace, trace.call("expand", { self: wide }, { size: [...lead, k, p] }), [
    batch,
    k,
    p,
  ]);
  return unsafe(trace, trace.call("bmm", { self: left, mat2: right }), out);
};

function folded(trace: Tracer, a: Traced, b: Traced, out: Shape): Traced {
  const swap = b.spec.shape.length > a.spec.shape.length;
  const t1 = swap ? t(trace, b) : a;
  const t2 = swap ? t(trace, a) : b;
  const rank = t1.spec.shape.length;
  const rows = t1.spec.shape.slice(0, rank - 1);
  const flat = reshapeTo(trace, t1, [elements(rows), t1.spec.shape[rank - 1] as number]);
  if (t2.spec.shape.length === 1) return unsafe(trace, trace.call("mv", { self: flat, vec: t2 }), out);
  const columns = t2.spec.shape[1] as number;
  const folding = unsafe(trace, trace.call("mm", { self: flat, mat2: t2 }), [...rows, columns]);
  if (!swap) return folding;
  return trace.call("contiguous", { self: t(trace, folding) });
}

/** aten/src/ATen/native/Linear.cpp einsum: permute, sum out, then one bmm per pair of operands (sumproduct_pair). */
export const lowerEinsum: Lowering = (trace, inputs, attributes) => {
  const operands = list(inputs, "tensors") as readonly Traced[];
  const { labels, output } = einsumLabels(
    text(attributes, "equation", ""),
    operands.map(({ spec }) => spec),
  );
  const summedLabels = [...new Set(labels.flat())].filter((label) => !output.includes(label)).sort();
  const axes = [...output, ...summedLabels];
  const lastUse = new Map<string, number>();
  labels.forEach((row, i) => {
    for (const label of row) lastUse.set(label, i);
  });
  const aligned = operands.map((operand, i) => align(trace, operand, labels[i] as string[], axes));
  let out = aligned[0] as Traced;
  const isOne = (tensor: Traced, dim: number) => tensor.spec.shape[dim] === 1;
  const sumOut = (tensor: Traced, dims: number[]) =>
    dims.length > 0 ? trace.call("sum", { self: tensor }, { dim: dims, keepdim: true }) : tensor;
  if (operands.length === 1) {
    const dims = summedLabels.map((_, i) => output.length + i);
    return dims.length > 0 ? trace.call("sum", { self: out }, { dim: dims, keepdim: false }) : out;
  }
  for (let i = 1; i < operands.length; i++) {
    let b = aligned[i] as Traced;
    const pairDims: number[] = [];
    const alone: [number[], number[]] = [[], []];
    summedLabels.forEach((label, j) => {
      const dim = output.length + j;
      if (lastUse.get(label) !== i && !(i === 1 && lastUse.get(label) === 0)) return;
      const [inA, inB] = [!isOne(out, dim), !isOne(b, dim)];
      if (inA && inB) pairDims.push(dim);
      else if (inA) alone[0].push(dim);
      else if (inB) alone[1].push(dim);
    });
    out = sumOut(out, alone[0]);
    b = sumOut(b, alone[1]);
    out = pair(trace, out, b, pairDims);
  }
  const squeezed = summedLabels.map((_, i) => output.length + i);
  return squeezed.length > 0 ? viewAs(trace, out, out.spec.shape.slice(0, output.length)) : out;
};

function align(trace: Tracer, operand: Traced, labels: readonly string[], axes: readonly string[]): Traced {
  let out = operand;
  const present = axes.filter((label) => labels.includes(label));
  const order = present.map((label) => labels.indexOf(label));
  if (order.some((dim, i) => dim !== i)) out = trace.call("permute", { self: out }, { dims: order });
  axes.forEach((label, dim) => {
    if (!labels.includes(label)) out = trace.call("unsqueeze", { self: out }, { dim });
  });
  return out;
}

/** sumproduct_pair: dims kept by both, by left, by right, and summed, folded into one bmm. */
function pair(trace: Tracer, left: Traced, right: Traced, sum: readonly number[]): Traced {
  if (sum.length === 0) return trace.call("mul", { self: left, other: right });
  const rank = left.spec.shape.length;
  const [both, onlyLeft, onlyRight]: [number[], number[], number[]] = [[], [], []];
  for (let dim = 0; dim < rank; dim++) {
    if (sum.includes(dim)) continue;
    const [a, b] = [left.spec.shape[dim] as number, right.spec.shape[dim] as number];
    if (a !== 1 && b !== 1) both.push(dim);
    else if (a !== 1) onlyLeft.push(dim);
    else if (b !== 1) onlyRight.push(dim);
    else both.push(dim);
  }
  const size = (tensor: Traced, dims: readonly number[]) =>
    elements(dims.map((dim) => tensor.spec.shape[dim] as number));
  const [batch, rows, inner, columns] = [
    size(left, both),
    size(left, onlyLeft),
    size(left, sum),
    size(right, onlyRight),
  ];
  const a = reshapeTo(trace, permuted(trace, left, [...both, ...onlyLeft, ...sum, ...onlyRight]), [
    batch,
    rows,
    inner,
  ]);
  const b = reshapeTo(trace, permuted(trace, right, [...both, ...sum, ...onlyRight, ...onlyLeft]), [
    batch,
    inner,
    columns,
  ]);
  const out = trace.call("bmm", { self: a, mat2: b });
  const order = [...both, ...onlyLeft, ...sum, ...onlyRight];
  const shape = order.map((dim) =>
    sum.includes(dim) ? 1 : Math.max(left.spec.shape[dim] as number, right.spec.shape[dim] as number),
  );
  const open = viewAs(trace, out, shape);
  return permuted(
    trace,
    open,
    Array.from({ length: rank }, (_, dim) => order.indexOf(dim)),
  );
}

function permuted(trace: Tracer, self: Traced, dims: readonly number[]): Traced {
  return trace.call("permute", { self }, { dims });
}

export const lowerOuter: Lowering = (trace, inputs) => {
  const [a, b] = [given(inputs, "self"), given(inputs, "vec2")];
  return trace.call("mul", { self: viewAs(trace, a, [a.spec.shape[0] as number, 1]), other: b });
};
