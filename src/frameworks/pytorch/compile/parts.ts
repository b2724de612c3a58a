/**
 * What `torch.compile` makes of an operator before it chooses what backward keeps: which results can be computed again
 * inside a fused kernel, which small parts a decomposition splits off, and what the gradient then reads.
 *
 * Source  torch/_functorch/partitioners.py (get_default_op_list), torch/_decomp/decompositions.py,
 *         torch/_inductor/decomposition.py, lowering.py (low-memory max pool)
 */
import { type DType, ITEM_SIZE } from "../../../base/dtype.js";
import { elements } from "../../../base/shape.js";
import { packedSize, type TensorSpec } from "../../../ir/tensor.js";

/**
 * heavy: a kernel of its own, never run twice; pointwise: fused into its neighbours, or computed again there;
 * random: fused, but never drawn again.
 */
export type PartKind = "heavy" | "pointwise" | "random";

/** A part that a decomposition makes on the way: the statistics of a norm, the sign of a ReLU. */
export interface Part {
  readonly kind: PartKind;
  readonly bytes: number;
  /** The values it is computed from, by port or output name. */
  readonly from: readonly string[];
}

export interface Parts {
  /** How the visible result comes about. */
  readonly kind: PartKind;
  readonly part?: Part;
  /** The result is computed from the part as well as from the inputs. */
  readonly partIsRead?: true;
  /** What the gradient reads of inputs and outputs; absent: what the operator's row says. */
  readonly reads?: readonly string[];
  /** The gradient reads the part. */
  readonly partIsSaved?: true;
}

type Specs = Readonly<Record<string, TensorSpec | undefined>>;

const HEAVY: ReadonlySet<string> = new Set([
  ...[
    "convolution",
    "mm",
    "addmm",
    "bmm",
    "baddbmm",
    "mv",
    "dot",
    "cat",
    "pad",
    "sort",
    "topk",
    "cumsum",
    "cumprod",
  ],
  ...[
    "flashAttention",
    "efficientAttention",
    "cudnnAttention",
    "cudnnRnn",
    "embeddingBag",
    "scatter",
    "scatterAdd",
  ],
  ...["avgPool2d", "avgPool3d", "adaptiveAvgPool2d", "adaptiveAvgPool3d", "cdist"],
]);

/** Normalizations: their gradients are reductions that read the incoming one twice, so it lies in memory. */
export function readsGradientTwice(op: string): boolean {
  return ROWS[op] === normalized;
}

/** Kernels whose gradients are kernels of their own: what those read lies in memory. */
export function hasHeavyGradient(op: string): boolean {
  return HEAVY.has(op);
}

const size = (spec: TensorSpec | undefined) => (spec ? packedSize(spec) : 0);
const items = (spec: TensorSpec | undefined) => (spec ? elements(spec.shape) : 0);

/** Mean and inverse deviation, reductions of the input. */
const normalized = ({ save_mean, save_var, mean, rstd }: Specs): Parts => ({
  kind: "pointwise",
  part: {
    kind: "heavy",
    bytes: [save_mean, save_var, mean, rstd].reduce((sum, spec) => sum + size(spec), 0),
    from: ["input"],
  },
  partIsRead: true,
  reads: ["input", "weight"],
  partIsSaved: true,
});

/** Maximum and sum of each row. */
const softened =
  (dtype: DType) =>
  ({ self }: Specs): Parts => ({
    kind: "pointwise",
    part: {
      kind: "heavy",
      bytes: (2 * items(self) * ITEM_SIZE[dtype]) / Math.max(self?.shape.at(-1) ?? 1, 1),
      from: ["self"],
    },
    partIsRead: true,
    reads: ["result"],
  });

/** The gradient asks one question of every element: a byte each. */
const signed =
  (from: "self" | "result") =>
  ({ self }: Specs): Parts => ({
    kind: "pointwise",
    part: { kind: "pointwise", bytes: items(self), from: [from] },
    reads: [],
    partIsSaved: true,
  });

/** One byte per window says which element won. */
const pooled = ({ result }: Specs): Parts => ({
  kind: "heavy",
  part: { kind: "heavy", bytes: items(result), from: ["self"] },
  reads: [],
  partIsSaved: true,
});

const drawn = ({ input, self }: Specs): Parts => ({
  kind: "pointwise",
  part: { kind: "random", bytes: items(input ?? self), from: [] },
  partIsRead: true,
  reads: [],
  partIsSaved: true,
});

const ROWS: Readonly<Record<string, (specs: Specs) => Parts>> = {
  cudnnBatchNorm: normalized,
  nativeBatchNorm: normalized,
  layerNorm: normalized,
  groupNorm: normalized,
  rmsNorm: normalized,
  plainSoftmax: softened("float32"),
  safeSoftmax: softened("float32"),
  plainLogSoftmax: softened("float32"),
  relu: signed("result"),
  threshold: signed("self"),
  leakyRelu: signed("self"),
  hardtanh: signed("self"),
  hardsigmoid: signed("self"),
  clamp: signed("self"),
  maxPool2d: pooled,
  maxPool3d: pooled,
  nativeDropout: drawn,
};

/** `specs`: those of inputs and outputs by name. */
export function partsOf(op: string, specs: Specs): Parts {
  const row = Object.hasOwn(ROWS, op) ? ROWS[op] : undefined;
  if (row) return row(specs);
  return { kind: HEAVY.has(op) ? "heavy" : "pointwise" };
}

/** A convolution as the choice of the layout sees it. */
export interface ConvolutionShape {
  readonly weight: TensorSpec;
  readonly groups: number;
}

/** A graph of more operators per convolution keeps its layout. torch/_inductor/graph.py decide_layout_opt */
const OPERATORS_PER_CONVOLUTION = 300;

/** Whether Inductor runs the convolutions channels last, and stores copies of their weights so. decide_layout_opt */
export function convertsLayout(convolutions: readonly ConvolutionShape[], operators: number): boolean {
  if (convolutions.length === 0 || operators >= OPERATORS_PER_CONVOLUTION * convolutions.length) return false;
  const channels = ({ weight }: ConvolutionShape) =>
    [weight.shape[0] as number, weight.shape[1] as number] as const;
  const grouped = convolutions.some((one) => one.groups > 1 && channels(one)[1] > 1);
  const narrowing = convolutions.some(
    (one) => channels(one)[0] * 2 <= channels(one)[1] && (one.weight.shape[2] as number) > 1,
  );
  const small = convolutions.every((one) => Math.max(...channels(one)) <= 64);
  return !grouped && !narrowing && !small;
}
