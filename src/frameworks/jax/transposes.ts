/**
 * What backward computes for every linear operation: its transpose. JAX 0.10.2, ad.primitive_transposes of jax/_src/lax.
 */
import { elements } from "../../base/shape.js";
import { dense, type TensorSpec } from "../../ir/tensor.js";
import {
  type Emitter,
  full,
  isTangent,
  type LinearOperation,
  list,
  type Tangent,
  type Tensor,
  type Transpose,
  unbroadcast,
} from "./rule.js";

const specOf = (operand: Tensor | Tangent | undefined): TensorSpec => (operand as Tensor).spec;

/** One cotangent for the only tangent. */
const only =
  (
    run: (to: Emitter, cotangent: Tensor, spec: TensorSpec, operation: LinearOperation) => Tensor,
  ): Transpose =>
  (to, operation, cotangent) =>
    operation.inputs.map((operand) =>
      isTangent(operand) ? run(to, cotangent, operand.spec, operation) : null,
    );

const same = only((to, cotangent, spec) => unbroadcast(to, cotangent, spec));
const renamed = (name: string): Transpose => only((to, cotangent, spec) => to.op(name, [cotangent], spec));

/** The operand that is a value. */
function otherOperand({ inputs }: LinearOperation): Tensor {
  return inputs.find((operand): operand is Tensor => !isTangent(operand)) as Tensor;
}

/** A product with a value: with the same value. */
const withValue =
  (name: string): Transpose =>
  (to, operation, cotangent) =>
    operation.inputs.map((operand) =>
      isTangent(operand)
        ? unbroadcast(to, to.op(name, [cotangent, otherOperand(operation)], cotangent.spec), operand.spec)
        : null,
    );

/** The product's gradient contracts the dims the other operand does not share, then puts its dims in order. */
const product: Transpose = (to, operation, cotangent) => {
  const { inputs, attributes } = operation;
  const value = otherOperand(operation);
  return inputs.map((operand, side) => {
    if (!isTangent(operand)) return null;
    const { shape, dtype } = operand.spec;
    const contract = list(attributes, side === 0 ? "lhsContract" : "rhsContract");
    const batch = list(attributes, side === 0 ? "lhsBatch" : "rhsBatch");
    const otherContract = list(attributes, side === 0 ? "rhsContract" : "lhsContract");
    const kept = shape.map((_, i) => i).filter((i) => !contract.includes(i) && !batch.includes(i));
    const otherBatch = list(attributes, side === 0 ? "rhsBatch" : "lhsBatch");
    const sorted = [...otherContract.keys()].sort(
      (a, b) => (otherContract[a] as number) - (otherContract[b] as number),
    );
    const order = [...batch, ...kept, ...sorted.map((i) => contract[i] as number)];
    const made = dense(
      order.map((dim) => shape[dim] as number),
      cotangent.spec.dtype,
    );
    const free = value.spec.shape
      .map((_, i) => i)
      .filter((i) => !otherContract.includes(i) && !otherBatch.includes(i));
    const from = batch.length + (side === 0 ? kept.length : 0);
    const grad = to.op("dot_general", [cotangent, value], made, {
      lhsContract: free.map((_, i) => from + i),
      rhsContract: free,
      lhsBatch: batch.map((_, i) => i),
      rhsBatch: otherBatch,
    });
    const permutation = order.map((_, i) => order.indexOf(i));
    const moved = permutation.every((dim, i) => dim === i)
      ? grad
      : to.op("transpose", [grad], dense(shape, cotangent.spec.dtype), { permutation });
    return moved.spec.dtype === dtype ? moved : to.op("convert_element_type", [moved], dense(shape, dtype));
  });
};

/** Gradients of a convolution are convolutions. */
const convolution: Transpose = (to, operation, cotangent) =>
  operation.inputs.map((operand, side) =>
    isTangent(operand)
      ? to.op(
          side === 0 ? "conv_input_gradient" : "conv_kernel_gradient",
          side === 0 ? [cotangent, otherOperand(operation)] : [otherOperand(operation), cotangent],
          operand.spec,
          operation.attributes,
        )
      : null,
  );

const scattered: Transpose = (to, { inputs }, cotangent) =>
  inputs.map((operand) =>
    isTangent(operand)
      ? to.op(
          "scatter-add",
          [
            full(to, operand.spec),
            ...inputs.slice(1).filter((at): at is Tensor => !isTangent(at)),
            cotangent,
          ],
          operand.spec,
        )
      : null,
  );

/** Each part of a joined array gets its part of the cotangent. */
const parts: Transpose = (to, { inputs }, cotangent) =>
  inputs.map((operand) => (isTangent(operand) ? to.op("slice", [cotangent], operand.spec) : null));

const select: Transpose = (to, { inputs }, cotangent) => {
  const [which] = inputs as [Tensor];
  return inputs.map((operand) => {
    if (!isTangent(operand)) return null;
    return to.op("select_n", [which, full(to, cotangent.spec), cotangent], cotangent.spec);
  });
};

const updated: Transpose = (to, { inputs }, cotangent) =>
  inputs.map((operand, i) => {
    if (!isTangent(operand)) return null;
    const at = inputs.slice(2).filter((index): index is Tensor => !isTangent(index));
    return i === 0
      ? to.op("dynamic_update_slice", [cotangent, full(to, specOf(inputs[1])), ...at], operand.spec)
      : to.op("dynamic_slice", [cotangent, ...at], operand.spec);
  });

export const TRANSPOSES: Readonly<Record<string, Transpose>> = {
  add: same,
  add_any: same,
  broadcast_in_dim: only((to, cotangent, spec, { attributes }) => {
    const dims = list(attributes, "dims");
    const { shape, dtype } = cotangent.spec;
    const axes = shape
      .map((_, i) => i)
      .filter((i) => !dims.includes(i) || (spec.shape[dims.indexOf(i)] === 1 && shape[i] !== 1));
    const left = shape.filter((_, i) => !axes.includes(i));
    const summed =
      axes.length === 0 ? cotangent : to.op("reduce_sum", [cotangent], dense(left, dtype), { axes });
    return elements(left) === elements(spec.shape) && left.length !== spec.shape.length
      ? to.op("reshape", [summed], dense(spec.shape, dtype))
      : summed;
  }),
  concatenate: parts,
  conv_general_dilated: convolution,
  convert_element_type: renamed("convert_element_type"),
  cumsum: renamed("cumsum"),
  div: withValue("div"),
  dot_general: product,
  dynamic_slice: (to, { inputs }, cotangent) =>
    inputs.map((operand) =>
      isTangent(operand)
        ? to.op(
            "dynamic_update_slice",
            [
              full(to, operand.spec),
              cotangent,
              ...inputs.slice(1).filter((at): at is Tensor => !isTangent(at)),
            ],
            operand.spec,
          )
        : null,
    ),
  dynamic_update_slice: updated,
  gather: scattered,
  mul: withValue("mul"),
  neg: renamed("neg"),
  pad: renamed("slice"),
  reduce_sum: only((to, cotangent, spec, { attributes }) => {
    const axes = list(attributes, "axes");
    return to.op("broadcast_in_dim", [cotangent], spec, {
      dims: spec.shape.map((_, i) => i).filter((i) => !axes.includes(i)),
    });
  }),
  reduce_window_sum: only((to, cotangent, spec, { attributes }) =>
    to.op("reduce_window_sum", [to.op("pad", [cotangent], spec)], spec, attributes),
  ),
  reshape: renamed("reshape"),
  scan_slice: renamed("scan_slice_gradient"),
  scan_stack: parts,
  "scatter-add": (to, { inputs }, cotangent) =>
    inputs.map((operand, i) =>
      isTangent(operand)
        ? i === 0
          ? cotangent
          : to.op("gather", [cotangent, inputs[1] as Tensor], operand.spec)
        : null,
    ),
  scatter: (to, { inputs }, cotangent) =>
    inputs.map((operand, i) =>
      isTangent(operand)
        ? to.op(i === 0 ? "scatter" : "gather", [cotangent, inputs[1] as Tensor], operand.spec)
        : null,
    ),
  select_and_gather_add: (to, { inputs, attributes }, cotangent) =>
    inputs.map((operand) =>
      isTangent(operand)
        ? to.op("select_and_scatter_add", [cotangent, inputs[1] as Tensor], operand.spec, attributes)
        : null,
    ),
  select_n: select,
  slice: renamed("pad"),
  sub: (to, { inputs }, cotangent) =>
    inputs.map((operand, i) => {
      if (!isTangent(operand)) return null;
      const given = i === 0 ? cotangent : to.op("neg", [cotangent], cotangent.spec);
      return unbroadcast(to, given, operand.spec);
    }),
  transpose: only((to, cotangent, spec, { attributes }) => {
    const forward = list(attributes, "permutation");
    return to.op("transpose", [cotangent], spec, { permutation: forward.map((_, i) => forward.indexOf(i)) });
  }),
};

/** Any other: an operation that reads all that was kept. */
export const otherTranspose: Transpose = (to, { inputs }, cotangent) => {
  const values = inputs.filter((operand): operand is Tensor => !isTangent(operand));
  return inputs.map((operand) =>
    isTangent(operand) ? to.op("unknown_gradient", [cotangent, ...values], operand.spec) : null,
  );
};
