/**
 * What nanotron's functions for tensor parallelism allocate; NCCL's own buffers lie outside of the allocator.
 *
 * Source  nanotron 9055c664 (2025-01), parallel/tensor_parallel/functional.py (_ColumnLinearAsyncCommunication with
 *         tp_recompute_allgather, _RowLinearAsyncCommunication, _ShardedCrossEntropy), distributed_differentiable_primitives.py,
 *         parallel/utils.py (MemoryBuffer)
 * Checked not recorded; against the table of published runs
 */
import { elements } from "../../base/shape.js";
import { packedSize, type TensorSpec } from "../../ir/tensor.js";
import { int } from "../../ops/rule.js";
import { contiguous, fresh, type Held, gradients, gradOf, type Kernel, type KernelRule } from "./kernel.js";

/** All tokens of a tensor of which a rank has some: into a buffer that is made once and serves every layer. */
function gathered(kernel: Kernel, name: string, { spec }: Held, ranks: number): void {
  kernel.kept(name, packedSize(spec) * ranks);
}

const product = (kernel: Kernel, rows: TensorSpec, features: number): Held => {
  kernel.blas();
  return fresh(kernel, [...rows.shape.slice(0, -1), features], rows.dtype);
};

export const collectiveKernels = {
  reduceScatter: {
    forward: (kernel, { inputs, outputs }) => {
      contiguous(kernel, inputs.self as Held);
      return [kernel.empty(outputs[0] as TensorSpec)];
    },
    backward: gradients({
      self: (kernel, call) => {
        contiguous(kernel, gradOf(call));
        return kernel.empty(call.inputs[0] as TensorSpec);
      },
    }),
  },
  columnLinear: {
    forward: (kernel, call) => {
      const ranks = int(call.attributes, "ranks", 1);
      const input = contiguous(kernel, call.inputs.input as Held);
      gathered(kernel, "gathered tokens", input, ranks);
      kernel.blas();
      return [kernel.empty(call.outputs[0] as TensorSpec)];
    },
    backward: (kernel, call) => {
      const weight = call.saved.weight as Held;
      const whole = product(kernel, gradOf(call).spec, weight.spec.shape[1] as number);
      contiguous(kernel, gradOf(call));
      const own = kernel.empty(call.inputs[0] as TensorSpec);
      const toWeight = call.needs[1] ? kernel.empty(weight.spec) : null;
      kernel.free(whole);
      return [call.needs[0] ? own : null, toWeight];
    },
  },
  rowLinear: {
    forward: (kernel, call) => {
      const input = contiguous(kernel, call.inputs.input as Held);
      const weight = call.inputs.weight as Held;
      const whole = product(kernel, input.spec, weight.spec.shape[0] as number);
      const own = kernel.empty(call.outputs[0] as TensorSpec);
      kernel.kept("gathered gradients", packedSize(whole.spec));
      kernel.free(whole);
      return [own];
    },
    backward: (kernel, call) => {
      const [input, weight] = [call.saved.input as Held, call.saved.weight as Held];
      contiguous(kernel, gradOf(call));
      kernel.blas();
      const toInput = fresh(kernel, input.spec.shape, input.spec.dtype);
      contiguous(kernel, input);
      const toWeight = call.needs[1] ? kernel.empty(weight.spec) : null;
      return [call.needs[0] ? toInput : null, toWeight];
    },
  },
  shardedCrossEntropy: {
    /** The maximum with its place; logits less it, which become the softmax; what lies outside of the rank's part. */
    forward: (kernel, { inputs, outputs }) => {
      const [self, target] = [inputs.self as Held, inputs.target as Held];
      const { shape } = target.spec;
      const most = fresh(kernel, shape, self.spec.dtype);
      kernel.free(fresh(kernel, shape, "int64"));
      const softmax = kernel.empty(outputs[1] as TensorSpec);
      const outside = fresh(kernel, shape, "bool");
      const inside = fresh(kernel, [elements(shape)], "int64");
      const picked = fresh(kernel, shape, self.spec.dtype);
      const sum = fresh(kernel, shape, self.spec.dtype);
      const loss = fresh(kernel, shape, self.spec.dtype);
      for (const each of [sum, picked, most]) kernel.free(each);
      return [loss, softmax, outside, inside];
    },
    /** The softmax itself becomes the gradient. */
    backward: gradients({ self: (_, call) => call.saved.softmax as Held }),
  },
} satisfies Readonly<Record<string, KernelRule>>;
