/**
 * Which kernel `scaled_dot_product_attention` runs: the first in the order of priority that takes the operands.
 *
 * Source  aten/src/ATen/native/transformers/cuda/sdp_utils.cpp (select_sdp_backend)
 */
import type { TensorSpec } from "../../../ir/tensor.js";
import type { Device } from "../device.js";

/** What a call to attention looks like to the choice of its kernel. */
export interface Attention {
  readonly query: TensorSpec;
  readonly key: TensorSpec;
  readonly value: TensorSpec;
  readonly mask: TensorSpec | null;
  readonly causal: boolean;
  readonly dropout: number;
  readonly training: boolean;
}

export type Backend = "cudnn" | "flash" | "efficient" | "math";

/** Whether the one kernel that `sdpa_kernel` allows takes the operands; where it does not, PyTorch stops. */
export function isTakenBy(
  backend: Backend,
  attention: Attention,
  [major, minor]: Device["computeCapability"],
): boolean {
  switch (backend) {
    case "math":
      return true;
    case "flash":
      return takenByFlash(attention, major, minor);
    case "efficient":
      return takenByEfficient(attention, major);
    case "cudnn": {
      // check_cudnn_tensor_shapes: larger heads need Hopper or data-centre Blackwell
      const most = major === 9 || major === 10 ? 256 : 128;
      const wide = Math.max(last(attention.query), last(attention.value)) > most;
      return major >= 8 && !wide && takenByCudnn(attention);
    }
  }
}

/** sdp_utils.cpp priority_order, check_prefer_cudnn_attention: Hopper and data-centre Blackwell try cuDNN first. */
export function chooseBackend(attention: Attention, [major, minor]: Device["computeCapability"]): Backend {
  if (attention.query.shape.length !== 4) return "math";
  if ((major === 9 || major === 10) && takenByCudnn(attention)) return "cudnn";
  if (takenByFlash(attention, major, minor)) return "flash";
  return takenByEfficient(attention, major) ? "efficient" : "math";
}

export const isHalf = ({ dtype }: TensorSpec): boolean => dtype === "float16" || dtype === "bfloat16";
/** The head size of an operand. */
export const last = ({ shape }: TensorSpec): number => shape[shape.length - 1] as number;
const lastDense = (spec: TensorSpec) => spec.strides[spec.strides.length - 1] === 1 || last(spec) === 1;

/** can_use_flash_attention: 16 bits on Ampere and later, no mask, one head size of at most 256. */
function takenByFlash(
  { query, key, value, mask, causal, dropout, training }: Attention,
  major: number,
  minor: number,
): boolean {
  const E = last(query);
  // check_requires_grad_and_head_dim_gt192_constraints_on_sm86_89_or_120
  const small = (major === 8 && minor >= 6) || major === 12;
  const trains = !small || !training || E <= 192 || (dropout === 0 && E > 224);
  const square = !causal || query.shape[2] === key.shape[2];
  return (
    major >= 8 &&
    isHalf(query) &&
    mask === null &&
    square &&
    E === last(key) &&
    E === last(value) &&
    E <= 256 &&
    trains &&
    [query, key, value].every(lastDense)
  );
}

/** can_use_mem_efficient_attention: rows of whole vector loads. */
function takenByEfficient({ query, key, value, mask }: Attention, major: number): boolean {
  const half = isHalf(query);
  if (half && query.dtype === "bfloat16" && major < 8) return false;
  const tensorCores = major >= 8 || (major >= 7 && half);
  const alignment = Math.max(major >= 8 ? 4 : 1, tensorCores ? (half ? 8 : 4) : 1); // minimum_gemm_alignment
  return (
    last(query) === last(key) &&
    last(query) % alignment === 0 &&
    last(value) % alignment === 0 &&
    [query, key, value, ...(mask ? [mask] : [])].every(({ strides }) => strides[strides.length - 1] === 1)
  );
}

/** can_use_cudnn_attention with cuDNN 9.24: 16 bits, head sizes of whole 16-byte loads, keys of more than one row. */
function takenByCudnn({ query, key, value, mask, dropout, training }: Attention): boolean {
  const [E, V] = [last(query), last(value)];
  const trains = !training || (E <= 128 && V <= 128) || (E === 192 && V === 128) || (E === 256 && V === 256);
  return (
    isHalf(query) &&
    Math.max(E, V) <= 256 &&
    E % 8 === 0 &&
    V % 8 === 0 &&
    trains &&
    key.shape[2] !== 1 &&
    (dropout === 0 || query.shape[2] !== 1) &&
    (dropout * 16) % 1 === 0 && // check_cudnn_dropout: probabilities are multiples of 1/16
    [query, key, value].every(lastDense) &&
    (mask === null || mask.strides[mask.strides.length - 1] === 1)
  );
}
