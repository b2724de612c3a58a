/**
 * Scratch that cuDNN's first choice of plan takes for a convolution: mostly copies of its operands in the layout its
 * kernels want.
 *
 * Source  cuDNN 9.24's own heuristics and plans over 2,640 problems a GPU (torch 2.14.1 with cudnn.benchmark=False),
 *         summed up as one rule per direction; a rule is within 5 % or 1 MiB for 66 to 100 % of them
 * Untrue  which kernel is picked depends on more than its operands' sizes: a single layer can be off by its operands.
 *         GPUs before Ampere pick kernels these rules do not describe
 */
import { packedSize, type TensorSpec } from "../../ir/tensor.js";
import type { Device } from "./device.js";

export type Direction = "forward" | "input gradient" | "weight gradient";

export interface Convolution {
  readonly input: TensorSpec;
  readonly weight: TensorSpec;
  readonly output: TensorSpec;
  /** Every stride is one. */
  readonly unitStride: boolean;
  readonly channelsLast: boolean;
}

/** Bytes of scratch; 0 where the plan needs none or the setup leaves workspaces out. */
export function convolutionWorkspace(
  direction: Direction,
  { input, weight, output, unitStride, channelsLast }: Convolution,
  device: Device,
): number {
  if (device.cudnn === "no-workspace") return 0;
  const [X, Y, W] = [packedSize(input), packedSize(output), packedSize(weight)];
  const pointwise = unitStride && weight.shape.slice(2).every((size) => size === 1);
  const hopper = device.computeCapability[0] >= 9;
  const half = input.dtype === "float16" || input.dtype === "bfloat16";
  if (half && channelsLast) return 0;
  if (pointwise) {
    // the products run on the operands as they are; the weight gradient of each sample is kept apart, in float32,
    // unless copies of the operands are smaller
    if (direction !== "weight gradient" || channelsLast) return 0;
    return Math.min((input.shape[0] as number) * W * (half ? 2 : 1), X + Y);
  }
  if (half) return X + Y + W;
  if (channelsLast)
    return hopper
      ? direction === "weight gradient"
        ? W
        : 0
      : direction === "forward"
        ? X + W
        : direction === "input gradient"
          ? Y + W
          : X + Y;
  return direction === "forward" && !hopper ? X + W : X + Y + W;
}
