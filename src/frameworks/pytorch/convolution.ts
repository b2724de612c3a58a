/**
 * Convolutions of eager PyTorch on CUDA: which backend runs and which copies it makes.
 *
 * Source  aten/src/ATen/native/Convolution.cpp (_select_conv_backend), native/cudnn/ConvShared.cpp,
 *         native/cuda/DepthwiseConv2d.cu; recorded in oracle/recorded/ops-conv.json
 */
import type { Attributes } from "../../ir/graph.js";
import {
  channelsLast,
  dense,
  isChannelsLast,
  suggestsChannelsLast,
  type TensorSpec,
} from "../../ir/tensor.js";
import { formatOf, isUneven } from "../../ops/convolution.js";
import { flag, int, perDim } from "../../ops/rule.js";
import {
  benchmarkWorkspace,
  type Convolution,
  convolutionWorkspace,
  type Direction,
} from "./convolution-workspace.js";
import {
  contiguous,
  fresh,
  given,
  gradOf,
  type Held,
  type Kernel,
  type KernelRule,
  type Lowering,
  optional,
  summed,
} from "./kernel.js";

type Backend = "cudnn" | "depthwise2d" | "depthwise3d";

/** Depthwise convolutions have kernels of PyTorch's own; channels last, and in float16 many shapes, go to cuDNN. */
function backendOf(input: TensorSpec, weight: TensorSpec, attributes: Attributes): Backend {
  const groups = int(attributes, "groups", 1);
  const rank = weight.shape.length;
  const depthwise =
    !flag(attributes, "transposed") &&
    groups > 1 &&
    input.shape[1] === groups &&
    (weight.shape[0] as number) % groups === 0 &&
    rank <= 5;
  if (!depthwise || formatOf(input, weight) !== "contiguous") return "cudnn";
  if (rank === 4 && input.dtype === "float16" && cudnnDepthwise(input, weight, attributes)) return "cudnn";
  return rank === 5 ? "depthwise3d" : "depthwise2d"; // a 1-d convolution runs as a 2-d one over one row
}

/** Convolution.cpp use_cudnn_depthwise, check_cudnn_depthwise_workload_with_filter */
function cudnnDepthwise(input: TensorSpec, weight: TensorSpec, attributes: Attributes): boolean {
  const [batch, channels, height, width] = input.shape as [number, number, number, number];
  const [filter, filterWidth] = weight.shape.slice(2) as [number, number];
  const [down, right] = perDim(attributes, "stride", 2, 1) as [number, number];
  if (perDim(attributes, "dilation", 2, 1).some((dilation) => dilation !== 1)) return false;
  if ((down !== right && height !== 1) || channels < 32) return false;
  if (height === 1 && right === 1) return true;
  if (filter !== filterWidth || ![1, 3, 5].includes(filter) || width < 7) return false;
  if (right !== 2) return right === 1;
  if (batch === 1) return filter > 1 || width <= 28;
  if (filter === 1) return batch <= 16 && channels >= 128 && width <= 7;
  return channels >= 512 || (channels >= 256 && width >= 28);
}

/** `tensor` in the memory format cuDNN runs in; a copy when it is laid out otherwise. */
function formatted(kernel: Kernel, tensor: Held, format: "contiguous" | "channels_last"): Held {
  const { spec } = tensor;
  if (format === "contiguous") return contiguous(kernel, tensor);
  return isChannelsLast(spec) ? tensor : kernel.empty(channelsLast(spec.shape, spec.dtype));
}

function allocated(kernel: Kernel, spec: TensorSpec, format: "contiguous" | "channels_last"): Held {
  return kernel.empty(
    format === "contiguous" ? dense(spec.shape, spec.dtype) : channelsLast(spec.shape, spec.dtype),
  );
}

/** Takes and gives back what the plan of one direction needs, and before that what finding it takes. */
function scratch(kernel: Kernel, direction: Direction, problem: Convolution): void {
  const tried = benchmarkWorkspace(direction, problem, kernel.device);
  if (tried > 0) kernel.trial(tried, `${direction} ${JSON.stringify(problem)}`);
  const size = convolutionWorkspace(direction, problem, kernel.device);
  if (size > 0) kernel.free(kernel.scratch(size));
}

function shapeOf(
  attributes: Attributes,
  weight: TensorSpec,
  format: "contiguous" | "channels_last",
): Omit<Convolution, "input" | "weight" | "output"> {
  const rank = weight.shape.length - 2;
  return {
    stride: perDim(attributes, "stride", rank, 1),
    padding: perDim(attributes, "padding", rank, 0),
    groups: int(attributes, "groups", 1),
    transposed: flag(attributes, "transposed"),
    channelsLast: format === "channels_last",
  };
}

export const convolutionKernels = {
  convolution: {
    forward: (kernel, { inputs, outputs, attributes }) => {
      const [input, weight] = [inputs.input as Held, inputs.weight as Held];
      const format = formatOf(input.spec, weight.spec);
      formatted(kernel, input, format);
      const result = kernel.empty(outputs[0] as TensorSpec);
      if (backendOf(input.spec, weight.spec, attributes) === "cudnn") {
        formatted(kernel, weight, format);
        scratch(kernel, "forward", {
          input: input.spec,
          weight: weight.spec,
          output: result.spec,
          ...shapeOf(attributes, weight.spec, format),
        });
      }
      return [result];
    },
    backward: (kernel, call) => {
      const { input, weight } = call.saved as { input: Held; weight: Held };
      const grad = gradOf(call);
      const format = formatOf(input.spec, weight.spec);
      const backend = backendOf(input.spec, weight.spec, call.attributes);
      const problem = {
        input: input.spec,
        weight: weight.spec,
        output: grad.spec,
        ...shapeOf(call.attributes, weight.spec, format),
      };
      const [toInput, toWeight, toBias] = call.needs as [boolean, boolean, boolean | undefined];
      // the gradient is converted `.to(format)`, which looks at strides even where they do not matter
      const converted =
        format === "channels_last" && !suggestsChannelsLast(grad.spec)
          ? kernel.empty(channelsLast(grad.spec.shape, grad.spec.dtype))
          : formatted(kernel, grad, format);
      const copies = [formatted(kernel, input, format), converted].filter(
        (copy) => copy !== input && copy !== grad,
      );
      const dInput = () => {
        if (!toInput) return null;
        const out = allocated(kernel, input.spec, format);
        const copy = formatted(kernel, weight, format);
        if (backend === "cudnn") scratch(kernel, "input gradient", problem);
        if (copy !== weight) kernel.free(copy);
        return out;
      };
      const dWeight = () => {
        if (!toWeight) return null;
        const out = allocated(kernel, weight.spec, format);
        if (backend === "cudnn") scratch(kernel, "weight gradient", problem);
        return out;
      };
      let gradients: [Held | null, Held | null];
      if (backend === "depthwise2d") {
        const second = dWeight();
        gradients = [toInput ? fresh(kernel, input.spec.shape, input.spec.dtype) : null, second];
      } else {
        const first = dInput();
        gradients = [first, dWeight()];
      }
      for (const copy of copies.reverse()) kernel.free(copy); // before the bias, which sums the gradient as it came
      const others = Array.from({ length: grad.spec.shape.length }, (_, dim) => dim).filter(
        (dim) => dim !== 1,
      );
      return call.needs.length === 3
        ? [...gradients, toBias ? summed(kernel, grad, others) : null]
        : gradients;
    },
  },
} satisfies Record<string, KernelRule>;

/** Uneven `same` padding pads a copy first; an input without batch gets a batch of one. */
export const lowerConvolution: Lowering = (trace, inputs, attributes) => {
  let input = given(inputs, "input");
  const [weight, bias] = [given(inputs, "weight"), optional(inputs, "bias")];
  const rank = weight.spec.shape.length - 2;
  const unbatched = input.spec.shape.length === rank + 1;
  if (unbatched) input = trace.call("unsqueeze", { self: input }, { dim: 0 });
  let resolved = attributes;
  if (attributes.padding === "same") {
    const dilation = perDim(attributes, "dilation", rank, 1);
    const totals = weight.spec.shape.slice(2).map((kernel, dim) => (dilation[dim] as number) * (kernel - 1));
    if (isUneven(attributes, weight.spec)) {
      // the extra element goes after the end; even halves stay with the convolution
      const pad = totals.flatMap((_, i) => [0, (totals[totals.length - 1 - i] as number) % 2]);
      input = trace.call("pad", { self: input }, { pad });
    }
    resolved = { ...attributes, padding: totals.map((total) => Math.floor(total / 2)) };
  }
  const result = trace.call("convolution", { input, weight, bias }, resolved);
  return unbatched ? trace.call("squeeze", { self: result }, { dim: 0 }) : result;
};
