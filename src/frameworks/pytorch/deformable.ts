/**
 * Deformable convolution and RoI align of torchvision on CUDA.
 *
 * Source  torchvision/csrc/ops/cuda/deform_conv2d_kernel.cu, roi_align_kernel.cu, ops/autograd/deform_conv2d_kernel.cpp;
 *         recorded in oracle/recorded/ops-deformable.json
 */
import type { Attributes } from "../../ir/graph.js";
import type { TensorSpec } from "../../ir/tensor.js";
import { int } from "../../ops/rule.js";
import { elementwise, fresh, gradients, gradOf, type Held, type Kernel, type KernelRule } from "./kernel.js";

/** Images whose columns are made at once, at most: the greatest divisor of the batch below it. kMaxParallelImgs */
const MOST_PARALLEL = 32;

interface Blocks {
  /** Images at once, and how often. */
  readonly images: number;
  readonly steps: number;
  readonly groups: number;
}

function blocksOf(batch: number, attributes: Attributes): Blocks {
  let images = Math.max(1, Math.min(MOST_PARALLEL, batch));
  while (batch % images !== 0) images--;
  return { images, steps: batch / images, groups: int(attributes, "groups", 1) };
}

/** Sampled values of every place and tap: what the matrix product reads. */
function columnsOf(
  kernel: Kernel,
  input: TensorSpec,
  weight: TensorSpec,
  out: TensorSpec,
  images: number,
): Held {
  const [kh, kw] = weight.shape.slice(2) as [number, number];
  const [oh, ow] = out.shape.slice(2) as [number, number];
  return fresh(kernel, [(input.shape[1] as number) * kh * kw, images * oh * ow], input.dtype);
}

/** deform_conv_backward_inputs, then deform_conv_backward_parameters: all are made, wanted or not. */
function allGradients(
  kernel: Kernel,
  grad: Held,
  saved: Readonly<Record<string, Held>>,
  attributes: Attributes,
) {
  const { input, weight, offset, mask, bias } = saved as Record<
    "input" | "weight" | "offset" | "mask" | "bias",
    Held
  >;
  const { dtype, shape } = grad.spec;
  const { images, steps, groups } = blocksOf(shape[0] as number, attributes);
  const perGroup = (times: number, make: () => Held[]): void => {
    for (let i = 0; i < times; i++) for (const part of make().reverse()) kernel.free(part);
  };
  const made: Record<string, Held> = {
    input: kernel.empty(input.spec),
    offset: kernel.empty(offset.spec),
    mask: kernel.empty(mask.spec),
  };
  kernel.blas();
  const columns = () => columnsOf(kernel, input.spec, weight.spec, grad.spec, images);
  const first = columns();
  const [, channels, oh, ow] = shape as [number, number, number, number];
  perGroup(steps * groups, () => [fresh(kernel, [channels / groups, images, oh, ow], dtype)]);
  kernel.free(first);
  made.weight = fresh(kernel, weight.spec.shape, dtype);
  const turned = fresh(kernel, shape, dtype);
  const second = columns();
  const [O, ...rest] = weight.spec.shape as [number, ...number[]];
  const ofGroup = () => fresh(kernel, [O / groups, ...rest], dtype);
  perGroup(steps * groups, () => [ofGroup(), ofGroup()]);
  for (const part of [second, turned]) kernel.free(part);
  const [ones, total] = [elementwise(kernel, [bias]), elementwise(kernel, [bias])];
  made.bias = elementwise(kernel, [bias]);
  for (const part of [total, ones]) kernel.free(part);
  return made;
}

export const deformableKernels = {
  deformConv2d: {
    ordered: true,
    forward: (kernel, { inputs, outputs, attributes }) => {
      const { input, weight } = inputs as { input: Held; weight: Held };
      const result = outputs[0] as TensorSpec;
      const { images } = blocksOf(input.spec.shape[0] as number, attributes);
      const parts = [kernel.empty(result), kernel.empty(result)];
      parts.push(columnsOf(kernel, input.spec, weight.spec, result, images));
      kernel.blas();
      const out = kernel.empty(result);
      for (const part of parts.reverse()) kernel.free(part);
      return [out];
    },
    backward: (kernel, call) => {
      const made = allGradients(kernel, gradOf(call), call.saved, call.attributes);
      return call.ports.map((port, i) => (call.needs[i] ? (made[port] ?? null) : null));
    },
  },
  roiAlign: {
    backward: gradients({
      input: (kernel, call) => fresh(kernel, (call.inputs[0] as TensorSpec).shape, gradOf(call).spec.dtype),
    }),
  },
} satisfies Record<string, KernelRule>;
