/**
 * What `torch.autocast` does to an operator on CUDA: which inputs it casts before the operator runs.
 *
 * Source  aten/src/ATen/autocast_mode.h (AT_FORALL_LOWER_PRECISION_FP, AT_FORALL_FP32, AT_FORALL_FP32_SET_OPT_DTYPE,
 *         AT_FORALL_PROMOTE), autocast_mode.cpp (cached_cast); recorded in oracle/recorded/ops-autocast.json
 */
import { type DType, isFloating } from "../../base/dtype.js";
import type { Device, TracedInput } from "./kernel.js";

/**
 * lower: inputs become float16 or bfloat16; float32: inputs become float32; result32: the kernel itself writes float32
 * from its 16-bit input, unless a dtype was asked for; widest: inputs become the widest type among them.
 */
export type CastPolicy = "lower" | "float32" | "result32" | "widest";

const each = (policy: CastPolicy, ...ops: readonly string[]): Record<string, CastPolicy> =>
  Object.fromEntries(ops.map((op) => [op, policy]));

/** By our operator names; what is not listed runs in the types it is given. */
const POLICIES: Readonly<Record<string, CastPolicy>> = {
  // biome-ignore format: one list of ATen's per line
  ...each("lower", "convolution", "prelu", "addmm", "addmv", "addr", "matmul", "einsum", "mm", "mv", "linear", "baddbmm", "bmm", "scaledDotProductAttention", "lstmCell", "gruCell"),
  // biome-ignore format: one list of ATen's per line
  ...each("float32", "acos", "asin", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p", "reciprocal", "rsqrt", "sinh", "tan", "pow", "powTensor", "softplus", "layerNorm", "rmsNorm", "groupNorm", "cosineSimilarity", "poissonNllLoss", "nllLoss", "nllLoss2d", "klDiv", "l1Loss", "smoothL1Loss", "huberLoss", "mseLoss", "binaryCrossEntropyWithLogits", "softMarginLoss", "multiMarginLoss", "cdist", "logsumexp", "upsampleNearest1d", "upsampleNearest2d", "upsampleNearest3d", "upsampleLinear1d", "upsampleBilinear2d", "upsampleTrilinear3d", "upsampleBicubic2d", "deformConv2d", "roiAlign"),
  ...each("result32", "prod", "softmax", "logSoftmax", "cumprod", "cumsum", "vectorNorm", "sum"),
  ...each("widest", "addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "gridSampler", "scatterAdd"),
};

export function castPolicy(op: string, { attention }: Device): CastPolicy | undefined {
  if (op === "scaledDotProductAttention" && attention === "eager") return undefined; // its parts are cast
  return Object.hasOwn(POLICIES, op) ? POLICIES[op] : undefined;
}

/** Autocast leaves float64 and whole numbers alone. autocast_mode.h is_eligible */
export function eligible(dtype: DType): boolean {
  return isFloating(dtype) && dtype !== "float64" && !dtype.startsWith("float8");
}

/** The type `policy` casts inputs to; null casts nothing. */
export function castTarget(
  policy: CastPolicy,
  lower: DType,
  inputs: Readonly<Record<string, TracedInput>>,
): DType | null {
  if (policy === "lower") return lower;
  if (policy === "float32") return "float32";
  if (policy === "result32") return null;
  let widest = lower;
  for (const port in inputs) {
    const tensor = inputs[port];
    if (tensor && "storage" in tensor && tensor.spec.dtype === "float32") widest = "float32";
  }
  return widest;
}
