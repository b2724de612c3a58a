/**
 * Linear layers that torchao has converted for float8 training: operands are scaled and cast in every product, one scale
 * per tensor (fp8) or per row (fp8-rowwise), forward and backward; what is saved stays in the layer's own type.
 *
 * Source  torchao 0.18 float8/float8_linear.py (matmul_with_hp_or_float8_args), float8_utils.py (tensor_to_scale,
 *         to_fp8_saturated), float8_ops.py (preprocess_addmm, addmm_float8_unwrapped), config.py (from_recipe_name),
 *         run eagerly; recorded with oracle/record_float8.py
 * `M` rows, `K` values that are summed over, `N` columns.
 */
import { type DType, ITEM_SIZE } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import { isContiguous } from "../../ir/tensor.js";
import { flag } from "../../ops/rule.js";
import { float8Unavailable, rowsNotAligned } from "./float8-complaints.js";
import {
  elementwise,
  fresh,
  given,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  optional,
  reductionScratch,
  reshaped,
  transposed,
} from "./kernel.js";
import { largestOfAll } from "./reduction.js";

/** A tensor in float8 and the float32 scale it was multiplied with. */
interface Scaled {
  readonly data: Held;
  readonly scale: Held;
}

interface Recipe {
  /** A scale per row instead of one per tensor, rounded to a power of two. */
  readonly rowwise: boolean;
}

/** Rows of `torch._scaled_mm` are loaded 16 bytes at a time. */
const ALIGNMENT = 16;
/** Compute capability from which on there are float8 products. */
const [ADA, HOPPER] = [8.9, 9];

export const lowerFloat8Linear: Lowering = (trace, inputs, attributes) => {
  const [input, weight, bias] = [given(inputs, "input"), given(inputs, "weight"), optional(inputs, "bias")];
  const [major, minor] = trace.device.computeCapability;
  const least = flag(attributes, "rowwise") ? HOPPER : ADA;
  if (major + minor / 10 < least) throw float8Unavailable(least, `${major}.${minor}`);
  const rows = elements(input.spec.shape.slice(0, -1));
  const trains = input.edge !== null || weight.edge !== null;
  if (trains && rows % ALIGNMENT !== 0) throw rowsNotAligned(input.spec, rows, ALIGNMENT);
  const mat2 = trace.call("transpose", { self: weight }, { dim0: -2, dim1: -1 });
  const out = trace.call("float8Product", { self: input, mat2 }, attributes);
  return bias ? trace.call("add", { self: out, other: bias }) : out;
};

export const float8Kernels = {
  float8Product: {
    forward: (kernel, { inputs, attributes }) => {
      const recipe = { rowwise: flag(attributes, "rowwise") };
      const [self, mat2] = [inputs.self as Held, inputs.mat2 as Held];
      const { shape, dtype } = self.spec;
      const input = toFloat8(kernel, self, recipe, shape.length - 1);
      const weight = toFloat8(kernel, mat2, recipe, 0);
      const rows = flattened(kernel, input.data);
      const out = product(kernel, { data: rows, scale: input.scale }, weight, dtype, false);
      for (const { data, scale } of [weight, { data: rows, scale: input.scale }]) {
        kernel.free(data);
        kernel.free(scale);
      }
      const columns = mat2.spec.shape[1] as number;
      return [reshaped(kernel, out, [...shape.slice(0, -1), columns])];
    },
    backward: (kernel, call) => {
      const recipe = { rowwise: flag(call.attributes, "rowwise") };
      const { self, mat2 } = call.saved as { self: Held; mat2: Held };
      const { dtype, shape } = self.spec;
      const { rowwise } = recipe;
      const grad = flattened(kernel, gradOf(call));
      const gradByRow = toFloat8(kernel, grad, recipe, 1);
      const weight = toFloat8(kernel, mat2, recipe, 1);
      const toInput = product(kernel, gradByRow, turned(weight), dtype, rowwise);
      const input = flattened(kernel, self);
      const gradByColumn = toFloat8(kernel, grad, recipe, 0);
      const inputByColumn = toFloat8(kernel, input, recipe, 0);
      const toWeight = product(kernel, turned(gradByColumn), inputByColumn, dtype, rowwise);
      for (const { data, scale } of [gradByRow, weight, gradByColumn, inputByColumn]) {
        kernel.free(data);
        kernel.free(scale);
      }
      const made = [reshaped(kernel, toInput, shape), transposed(toWeight)];
      return made.map((tensor, i) => (call.needs[i] ? tensor : null));
    },
  },
} satisfies Record<string, KernelRule>;

/** `tensor` scaled so that its largest value is float8's; rows lie along `dim`. hp_tensor_to_float8_dynamic */
function toFloat8(kernel: Kernel, tensor: Held, { rowwise }: Recipe, dim: number): Scaled {
  const scale = scaleOf(kernel, tensor, rowwise ? dim : null);
  const wide = elementwise(kernel, [tensor], "float32");
  const multiplied = elementwise(kernel, [wide, scale]);
  kernel.free(wide);
  const clamped = elementwise(kernel, [multiplied]);
  const data = elementwise(kernel, [clamped], "float8_e4m3fn");
  kernel.free(clamped);
  kernel.free(multiplied);
  return { data, scale };
}

/** tensor_to_scale: the largest magnitude, by way of float64. */
function scaleOf(kernel: Kernel, tensor: Held, dim: number | null): Held {
  const magnitudes = elementwise(kernel, [tensor]);
  const largest = dim === null ? largestOfAll(kernel, magnitudes) : largestOf(kernel, magnitudes, dim);
  kernel.free(magnitudes);
  const wide = elementwise(kernel, [largest], "float64");
  const clamped = elementwise(kernel, [wide]);
  const inverse = elementwise(kernel, [clamped]);
  const quotient = elementwise(kernel, [inverse]);
  kernel.free(inverse);
  kernel.free(clamped);
  let scale = elementwise(kernel, [quotient], "float32");
  kernel.free(quotient);
  if (dim !== null) scale = powerOfTwo(kernel, scale);
  kernel.free(wide);
  kernel.free(largest);
  return scale;
}

/** exp2(floor(log2(scale))) */
function powerOfTwo(kernel: Kernel, scale: Held): Held {
  let result = scale;
  let before: Held | null = null;
  for (let i = 0; i < 3; i++) {
    const next = elementwise(kernel, [result]);
    if (before) kernel.free(before);
    before = next;
    result = next;
  }
  kernel.free(scale);
  return result;
}

/** `torch.amax(x, dim, keepdim=True)` */
function largestOf(kernel: Kernel, tensor: Held, dim: number): Held {
  const { shape, dtype } = tensor.spec;
  const out = fresh(
    kernel,
    shape.map((size, i) => (i === dim ? 1 : size)),
    dtype,
  );
  reductionScratch(kernel, tensor.spec, [dim], ITEM_SIZE[dtype]);
  return out;
}

/**
 * `torch._scaled_mm`: the first operand by rows, the second by columns. Without fast accumulation, scales per row are
 * multiplied in after the product.
 */
function product(kernel: Kernel, a: Scaled, b: Scaled, dtype: DType, scaleAfter: boolean): Held {
  const [M, N] = [a.data.spec.shape[0] as number, b.data.spec.shape[1] as number];
  const rows = byRows(a.data) ? a.data : fresh(kernel, a.data.spec.shape, a.data.spec.dtype);
  const columns = byRows(b.data) ? fresh(kernel, transposed(b.data).spec.shape, b.data.spec.dtype) : b.data;
  let [inverseA, inverseB] = [elementwise(kernel, [a.scale]), elementwise(kernel, [b.scale])];
  const after = scaleAfter ? fresh(kernel, [M, N], "float32") : null;
  if (after) {
    const one = fresh(kernel, [], "float32");
    kernel.free(inverseA);
    const another = fresh(kernel, [], "float32");
    kernel.free(inverseB);
    [inverseA, inverseB] = [one, another];
  }
  const out = fresh(kernel, [M, N], dtype);
  kernel.blas();
  for (const inverse of [inverseA, inverseB]) kernel.free(inverse);
  if (after) kernel.free(after);
  if (rows !== a.data) kernel.free(rows);
  if (columns !== b.data) kernel.free(columns);
  return out;
}

const byRows = ({ spec }: Held) =>
  (spec.strides[0] as number) > (spec.strides[1] as number) && spec.strides[1] === 1;

const turned = ({ data, scale }: Scaled): Scaled => ({
  data: transposed(data),
  scale: scale.spec.shape.length > 1 ? transposed(scale) : scale,
});

/** `x.reshape(-1, x.shape[-1])` */
function flattened(kernel: Kernel, tensor: Held): Held {
  const { shape } = tensor.spec;
  if (shape.length === 2 && isContiguous(tensor.spec)) return tensor;
  return reshaped(kernel, tensor, [elements(shape.slice(0, -1)), shape[shape.length - 1] as number]);
}
