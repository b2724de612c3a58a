/**
 * Products of bitsandbytes' layers, whose weight is made whole again for the time of a call.
 *
 * Source  bitsandbytes 0.50.2: nn/modules.py Linear4bit.forward, autograd/_functions.py MatMul4Bit, backends/cuda/ops.py
 *         (_dequant_linear_fallback), functional.py dequantize_4bit
 */
import type { DType } from "../../base/dtype.js";
import { elements } from "../../base/shape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { dtypeOf, flag, int } from "../../ops/rule.js";
import {
  type BackwardCall,
  type ForwardCall,
  fresh,
  given,
  gradients,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  optional,
} from "./kernel.js";

/** Rows up to which a kernel of its own reads packed weights; it then has rules by device and shape up to 1,536. */
const OWN_KERNEL = 4;

/** The scale of each block of 64, where it is stored in eight bits itself. */
function scales(kernel: Kernel, call: ForwardCall | BackwardCall): Held | null {
  if (!flag(call.attributes, "nested")) return null;
  return fresh(kernel, [int(call.attributes, "blocks", 1)], "float32");
}

const shapeOf = ({ attributes }: ForwardCall | BackwardCall) =>
  [int(attributes, "rows", 1), int(attributes, "columns", 1)] as const;

export const quantizedKernels = {
  gemm4bit: {
    forward: (kernel, call) => {
      const { spec } = call.inputs.input as Held;
      const rows = elements(spec.shape.slice(0, -1));
      if (rows <= OWN_KERNEL) return [kernel.empty(call.outputs[0] as TensorSpec)];
      const scale = scales(kernel, call);
      const shifted = scales(kernel, call);
      const weight = fresh(kernel, shapeOf(call), spec.dtype);
      const out = kernel.empty(call.outputs[0] as TensorSpec);
      kernel.blas();
      for (const each of [shifted, scale, weight]) if (each) kernel.free(each);
      return [out];
    },
    backward: gradients({
      input: (kernel, call) => {
        const { dtype } = gradOf(call).spec;
        const stored = dtypeOf(call.attributes, "stored", dtype) as DType;
        const scale = scales(kernel, call);
        const weight = fresh(kernel, shapeOf(call), stored);
        if (scale) kernel.free(scale);
        const cast = stored === dtype ? weight : fresh(kernel, shapeOf(call), dtype);
        if (cast !== weight) kernel.free(weight);
        kernel.blas();
        return fresh(kernel, (call.inputs[0] as TensorSpec).shape, dtype);
      },
    }),
  },
} satisfies Record<string, KernelRule>;

/** Linear4bit.forward: the input in the compute type, and the result in the input's own again. */
export const lowerLinear4bit: Lowering = (trace, inputs, attributes) => {
  const [input, weight, bias] = [given(inputs, "input"), given(inputs, "weight"), optional(inputs, "bias")];
  const compute = dtypeOf(attributes, "compute", input.spec.dtype);
  const cast = (self: typeof input, dtype: DType) =>
    self.spec.dtype === dtype ? self : trace.call("cast", { self }, { dtype });
  const narrow = cast(input, compute);
  const out = trace.call(
    "gemm4bit",
    { input: narrow, weight, bias: bias && cast(bias, compute) },
    attributes,
  );
  return cast(out, input.spec.dtype);
};
