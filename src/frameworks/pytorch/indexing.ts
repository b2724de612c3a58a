/** Indexing of eager PyTorch on CUDA. Source: native/cuda/Indexing.cu, Embedding.cu; oracle/recorded/ops-views.json */
import { elements } from "../../base/shape.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { elementwise, fresh, gradients, gradOf, type Held, type Kernel, type KernelRule } from "./kernel.js";

/**
 * Scratch of index_put_ with accumulation: the linear index, its sorted copy and the order, and what the radix sort
 * asks for, which the stand-in GPU answers with one byte.
 */
function sortedIndices(kernel: Kernel, count: number): void {
  const linear = fresh(kernel, [count], "int64");
  const order = fresh(kernel, [count], "int64");
  kernel.free(linear);
  for (let i = 0; i < 3; i++) fresh(kernel, [count], "int64");
  kernel.scratch(1);
  void order;
}

export const indexingKernels = {
  embedding: {
    backward: gradients({
      weight: (kernel, call) => {
        const weight = call.inputs[0] as TensorSpec;
        const count = elements((call.saved.indices as Held).spec.shape);
        const out = fresh(kernel, weight.shape, gradOf(call).spec.dtype);
        // up to 3072 indices one kernel adds rows directly; beyond, indices are sorted first (Embedding.cu)
        if (count > 3072) sortedIndices(kernel, count);
        return out;
      },
    }),
  },
  index: {
    backward: gradients({
      self: (kernel, call) => {
        const out = fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype);
        const indices = Object.entries(call.saved).filter(([name]) => name.startsWith("indices"));
        sortedIndices(kernel, Math.max(1, ...indices.map(([, { spec }]) => elements(spec.shape))));
        return out;
      },
    }),
  },
  indexSelect: { backward: gradients({ self: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype) }) },
  gather: { backward: gradients({ self: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype) }) },
  scatter: {
    backward: gradients({
      self: (kernel, call) => elementwise(kernel, [gradOf(call)]),
      src: (kernel, call) => fresh(kernel, (call.saved.index as Held).spec.shape, gradOf(call).spec.dtype),
    }),
  },
  scatterAdd: {
    backward: gradients({
      self: (_, call) => gradOf(call),
      src: (kernel, call) => fresh(kernel, (call.saved.index as Held).spec.shape, gradOf(call).spec.dtype),
    }),
  },
} satisfies Record<string, KernelRule>;
